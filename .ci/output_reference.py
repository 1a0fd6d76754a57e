"""What the JSON outputs hold, for people and as JSON Schema. Both are read from the forms.

`schemas/outputs` holds all of it. `output_reference.md` is its introduction.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from runner.reports import forms
from runner.reports.event_forms import ABOUT_EVENTS, AnyEventLine
from runner.reports.notification import NotificationForm
from runner.reports.plan_forms import PlanForm
from runner.reports.report_forms import CallsExport, ContactsExport, ReportForm
from runner.reports.service_log import LogLine

_SCHEMA_VERSION = "https://json-schema.org/draft/2020-12/schema"
_HEAD = Path(__file__).with_name("output_reference.md")
_IN_EACH_LINE = ("type", "at", "campaign")
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Output:
    """One JSON output. `name` is that of its schema; `form` is a TypedDict, or a union of them."""

    name: str
    command: str
    form: Any
    about: str = ""
    """What the docstring of the form does not say; a union has no docstring."""

    def schema(self) -> dict[str, Any]:
        form: dict[str, Any] = TypeAdapter(self.form).json_schema()
        return {"$schema": _SCHEMA_VERSION, **form, "title": self.command}

    def schema_text(self) -> str:
        return json.dumps(self.schema(), indent=2, ensure_ascii=False) + "\n"


OUTPUTS = (
    Output("validate", "runner validate PATH --output json", forms.Validation),
    Output("plan", "runner plan CAMPAIGN --output json", PlanForm),
    Output("status", "runner status CAMPAIGN --output json", forms.Status),
    Output("refresh", "runner refresh CAMPAIGN --output json", forms.Refreshed),
    Output("export-calls", "runner export CAMPAIGN --output json", CallsExport),
    Output("export-contacts", "runner export CAMPAIGN --output json --by contact", ContactsExport),
    Output("report", "runner report CAMPAIGN --output json", ReportForm),
    Output("history", "runner history CAMPAIGN --output json", forms.History),
    Output("suppressions", "runner suppress --list --output json", forms.Suppressions),
    Output("rules", "runner rules [PRESET] --output json", forms.Presets),
    Output("doctor", "runner doctor --output json", forms.Doctor),
    Output("events", "runner apply CAMPAIGN --events FILE", AnyEventLine, ABOUT_EVENTS),
    Output("log", "RUNNER_LOG=json runner serve", LogLine),
    Output("notification", "notify", NotificationForm),
)


def outputs_markdown() -> str:
    parts = [_HEAD.read_text(encoding="utf-8")]
    parts += [f"## `{output.command}`\n\n{_section(output)}" for output in OUTPUTS]
    return "\n".join(parts)


def _section(output: Output) -> str:
    schema = output.schema()
    link = f"Schema: [{output.name}.schema.json]({output.name}.schema.json)"
    about = _folded(output.about or schema["description"])
    sections = [f"{about}\n\n{link}\n"]
    if "anyOf" not in schema:
        return "\n".join([*sections, _table(schema, schema)])
    for each in schema["anyOf"]:
        form = _resolved(each, schema)
        sections.append(f"### `{form['properties']['type']['const']}`\n\n{_folded(form['description'])}\n")
        sections.append(_table({**form, "properties": _without_shared(form["properties"])}, schema))
    return "\n".join(sections)


def _without_shared(properties: dict[str, Any]) -> dict[str, Any]:
    """The keys that not each line has."""
    return {name: value for name, value in properties.items() if name not in _IN_EACH_LINE}


def _table(form: dict[str, Any], schema: dict[str, Any]) -> str:
    if not form["properties"]:
        return ""
    rows = [f"| {key} | {takes} | {meaning} |" for key, takes, meaning in _keys(form, schema, "")]
    return "\n".join(["| key | holds | meaning |", "|---|---|---|", *rows, ""])


def _keys(form: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for name, value in form["properties"].items():
        shown = f"`{path}{name}`" if name in form["required"] else f"*`{path}{name}`*"
        yield shown, _words(value, schema), _folded(value.get("description", ""))
        for inner, suffix in _objects_in(value, schema):
            yield from _keys(inner, schema, f"{path}{name}{suffix}.")


def _objects_in(value: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    value = _resolved(value, schema)
    if "properties" in value:
        yield value, ""
    for inner in value.get("anyOf", ()):
        yield from _objects_in(inner, schema)
    if "items" in value:
        for inner, suffix in _objects_in(value["items"], schema):
            yield inner, f"[]{suffix}"


def _words(value: dict[str, Any], schema: dict[str, Any]) -> str:
    value = _resolved(value, schema)
    if "anyOf" in value:
        return " or ".join(_words(each, schema) for each in value["anyOf"])
    if "const" in value or "enum" in value:
        return ", ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if "items" in value:
        return f"list of {_words(value['items'], schema)}"
    if "prefixItems" in value:
        return f"list of {len(value['prefixItems'])}: " + ", ".join(
            _words(each, schema) for each in value["prefixItems"]
        )
    if isinstance(inner := value.get("additionalProperties"), dict):
        return f"object: name to {_words(inner, schema)}"
    return _TYPES.get(value.get("type", ""), "object" if "properties" in value else "any value")


def _resolved(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: dict[str, Any] = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return found


def _folded(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
