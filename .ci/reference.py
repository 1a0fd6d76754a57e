"""Writes schemas/README.md from the models."""

from pathlib import Path

from runner.campaign.reference import keys
from runner.campaign.rules.preset import Preset
from runner.reports.reference import reference_markdown

Path("schemas/README.md").write_text(reference_markdown(keys(), keys(Preset)), encoding="utf-8")
