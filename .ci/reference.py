"""Writes schemas/README.md, schemas/openapi.json and all of schemas/outputs, from the models."""

from pathlib import Path

from campaign_reference import reference_markdown
from output_reference import OUTPUTS, outputs_markdown

from runner.campaign.reference import keys
from runner.campaign.rules.preset import Preset
from runner.serve.openapi import openapi_text

FOLDER = Path("schemas")

(FOLDER / "README.md").write_text(reference_markdown(keys(), keys(Preset)), encoding="utf-8")
for output in OUTPUTS:
    (FOLDER / "outputs" / f"{output.name}.schema.json").write_text(output.schema_text(), encoding="utf-8")
(FOLDER / "outputs" / "README.md").write_text(outputs_markdown(), encoding="utf-8")
(FOLDER / "openapi.json").write_text(openapi_text(), encoding="utf-8")
