"""Rule presets as text, and as JSON."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from runner.campaign.rules.preset import Preset
from runner.campaign.rules.rule_set import NOT_LEGAL_ADVICE, RuleSet
from runner.reports.console import columns, print_lines
from runner.reports.rule_words import cap_words, day_lines, holiday_words, scope_words


def print_presets(console: Console, presets: Sequence[Preset]) -> None:
    """A line each."""
    rows = [(preset.name, preset.title, Text(preset.confidence, style="dim")) for preset in presets]
    more = "`runner rules NAME` shows one in full. A campaign names those that it obeys under `rules`."
    print_lines(console, [*columns(rows), Text(), Text(more), Text(NOT_LEGAL_ADVICE, style="yellow")])


def print_preset(console: Console, preset: Preset, file: str) -> None:
    """`file` is the file of an added preset; empty for one that ships with runner."""
    rows = [(name, Text(value)) for name, value in _facts(preset, file)]
    title = Text(f"{preset.name}: {preset.title}", style="bold")
    print_lines(console, [title, Text(), *columns(rows), Text(), Text(NOT_LEGAL_ADVICE, style="yellow")])


def preset_json(preset: Preset, file: str) -> dict[str, object]:
    """Hours are minutes of the local day, Monday first; null where the preset says nothing about them."""
    rule = preset.rule_set()
    return {
        "name": preset.name,
        "title": preset.title,
        "version": preset.version,
        "covers": preset.covers,
        "weekly": rule.weekly,
        "holidays": _holidays_json(rule),
        "caps": [{"calls": cap.calls, "per_seconds": cap.per_seconds} for cap in rule.caps],
        "by_state": preset.by_state,
        "purpose": preset.scope.purpose,
        "voice": preset.scope.voice,
        "source": preset.source,
        "checked": preset.checked,
        "confidence": preset.confidence,
        "note": preset.note,
        "file": file or None,
    }


def _holidays_json(rule: RuleSet) -> dict[str, object] | None:
    declared = rule.holidays
    if declared is None:
        return None
    return {"country": declared.country, "subdivision": declared.subdivision, "hours": declared.hours}


def _facts(preset: Preset, file: str) -> Iterator[tuple[str, str]]:
    rule = preset.rule_set()
    if preset.by_state:
        yield "consists of", ", ".join(preset.by_state)
    else:
        lines = ["any"] if rule.weekly is None else day_lines(rule.weekly)
        yield from zip(("hours", *[""] * len(lines)), lines, strict=False)
        yield "holidays", holiday_words(rule.holidays)
        yield "caps", "; ".join(map(cap_words, rule.caps)) or "none"
    if preset.covers:
        yield "covers", ", ".join(preset.covers)
    yield "made for", scope_words(preset.scope.purpose, preset.scope.voice)
    yield "source", preset.source
    yield "checked", preset.checked
    yield "confidence", preset.confidence
    yield "version", str(preset.version)
    if preset.note:
        yield "note", preset.note
    if file:
        yield "file", file
