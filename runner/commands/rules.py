"""`runner rules`: the rule presets, or one of them in full."""

import sys

from runner.campaign.rules.presets import UnknownPresetError, presets
from runner.campaign.rules.rule_set import NOT_LEGAL_ADVICE
from runner.errors import ExitStatus, UsageError
from runner.reports.console import standard_console
from runner.reports.forms import FORMAT_VERSION
from runner.reports.json_text import json_text
from runner.reports.rules_text import preset_json, print_preset, print_presets
from runner.services.rules import own_rules_folder


def rules(name: str | None, *, as_json: bool) -> int:
    """Raises UsageError for a preset that does not exist, and CampaignInvalidError for a broken file."""
    known = presets(own_rules_folder())
    try:
        chosen = list(known.by_name.values()) if name is None else [known.named(name)]
    except UnknownPresetError as error:
        raise UsageError(error.message, hint=error.hint) from None
    chosen.sort(key=lambda preset: preset.name)
    files = {own: str(file) for own, file in known.own.items()}
    if as_json:
        found = [preset_json(preset, files.get(preset.name, "")) for preset in chosen]
        head = {"format_version": FORMAT_VERSION, "notice": NOT_LEGAL_ADVICE}
        sys.stdout.write(f"{json_text(head | {'presets': found}, indented=True)}\n")
    elif name is None:
        print_presets(standard_console(), chosen)
    else:
        print_preset(standard_console(), chosen[0], files.get(name, ""))
    return ExitStatus.DONE
