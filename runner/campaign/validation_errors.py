"""Every error of a campaign file as a message for people, with one stable code for each kind.

Pure. Pydantic finds most of them; only its place and kind of error are used, never its message.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runner.campaign.diagnostics import Diagnostic, did_you_mean, either
from runner.campaign.document import (
    Document,
    Location,
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    Style,
    in_rows,
    scalars,
)
from runner.campaign.model import Campaign
from runner.campaign.reference import Key, keys_below

_MANY_DIGITS = 7


def in_values(document: Document) -> list[Diagnostic]:
    """Dates that YAML would guess at, and numbers that lost their form where a number is allowed."""
    found = []
    for location, scalar in scalars(document.root):
        if scalar.style is not Style.PLAIN or scalar.spoiled:
            continue
        if _DATE.fullmatch(scalar.written):
            found.append(_unquoted(document, location, scalar, "unquoted_date", "a date must be in quotes"))
        elif _takes_any_value(location) and _lost_its_form(scalar):
            found.append(_unquoted(document, location, scalar, "unquoted_number", _LOST))
    return found


_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")

_LOST = "without quotes this is a number and loses its plus sign, leading zeros or digits"


def _takes_any_value(location: Location) -> bool:
    return location[:1] == ("vars",) or in_rows(location)


def _lost_its_form(scalar: Scalar) -> bool:
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int | float):
        return False
    return str(scalar.value) != scalar.written or len(scalar.written) >= _MANY_DIGITS


def _unquoted(document: Document, location: Location, scalar: Scalar, code: str, message: str) -> Diagnostic:
    scalar.spoiled = True
    hint = "put it in quotes" if in_rows(location) else f'put it in quotes: "{scalar.written}"'
    return document.error(code, message, location, hint)


# --- what the models refused -----------------------------------------------------------------------------


class _Finding(NamedTuple):
    """One of pydantic's errors. `location` is that of an existing value, `beyond` what lies below it."""

    node: Node
    location: Location
    beyond: Location
    detail: ErrorDetails


class _File(NamedTuple):
    """The file, the model of its content, and the word for it."""

    document: Document
    model: type[BaseModel]
    word: str


def in_model(
    document: Document, error: ValidationError, model: type[BaseModel] = Campaign, word: str = "campaign"
) -> list[Diagnostic]:
    """What pydantic found, each error once. Errors that follow from one already reported are left out."""
    file = _File(document, model, word)
    findings = [_finding(document, detail) for detail in error.errors(include_url=False, include_input=False)]
    findings = [finding for finding in findings if not finding.node.spoiled]
    expected: dict[Location, list[_Finding]] = {}
    diagnostics = []
    for finding in findings:
        if finding.detail["type"] in _EXPECTED:
            expected.setdefault(finding.location, []).append(finding)
        else:
            diagnostics.append(_diagnosed(file, finding))
    # A value of several possible types fails once for each of them; the nearest fit explains it best.
    explained = {above for finding in findings for above in _explained(finding)}
    diagnostics += [
        _wrong_type(file, alternatives)
        for location, alternatives in expected.items()
        if location not in explained
    ]
    return diagnostics


def _finding(document: Document, detail: ErrorDetails) -> _Finding:
    location = _without_alternative(detail["loc"])
    node, found = document.find(location)
    beyond = location[len(found) :]
    # Where a list may be written as its only item, the item is the value itself.
    return _Finding(node, found, () if isinstance(node, Scalar) and beyond == (0,) else beyond, detail)


def _without_alternative(location: Location) -> Location:
    """Pydantic names the alternative it tried behind an item that may be of several types."""
    for path in _ALTERNATIVES_BELOW:
        if location[: len(path)] == path and len(location) > len(path) + 1 and location[-1] != "[key]":
            return (*location[: len(path) + 1], *location[len(path) + 2 :])
    return location


_ALTERNATIVES_BELOW: tuple[Location, ...] = (
    ("contacts", "sources"),
    ("contacts", "suppress"),
    ("calling_windows", "blackout"),
    ("calling_windows", "weekly"),
    # Of a preset.
    ("weekly",),
    ("holidays",),
)


def _explained(finding: _Finding) -> Iterator[Location]:
    """Where a type that did not fit needs no mention, because the value went further as another one."""
    depth = len(finding.location) + (finding.detail["type"] not in _EXPECTED)
    return (finding.location[:length] for length in range(depth))


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "none_required": "nothing",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}


def _wrong_type(file: _File, alternatives: list[_Finding]) -> Diagnostic:
    document, node, location = file.document, alternatives[0].node, alternatives[0].location
    expected = list(dict.fromkeys(_EXPECTED[each.detail["type"]] for each in alternatives))
    if "a number" in expected and "a whole number" in expected:
        expected.remove("a whole number")
    if "text" in expected and isinstance(node, Scalar) and isinstance(node.value, int | float):
        return _unquoted(
            document,
            location,
            node,
            "unquoted_number",
            f"{_label(location)}: expected text, found {_found(node)} without quotes",
        )
    hint = ""
    if isinstance(node, Scalar) and node.value is None:
        hint = "set a value, or remove the key"
    elif isinstance(node, Scalar) and node.style is Style.QUOTED and "text" not in expected:
        hint = "without quotes" if re.fullmatch("[0-9]+|true|false", node.written) else ""
    elif isinstance(node, Scalar) and expected == ["a list"] and _is_list_of_values(file, location):
        hint = f"write [{node.written}]"
    elif isinstance(node, Mapping) and "text" in expected and not in_rows(location):
        hint = 'a template is text in quotes: "{{ row.x }}"'
    return document.error(
        "wrong_type",
        f"{_label(location)}: expected {either(expected)}, found {_found(node)}",
        location,
        hint,
    )


def _is_list_of_values(file: _File, location: Location) -> bool:
    """Whether each item of this list is one word or number."""
    key = keys_below(_path(location[:-1]), None, file.model).get(str(location[-1]))
    return key is not None and "mapping" not in key.takes


def _found(node: Node) -> str:
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return "true or false"
    return "text" if isinstance(node.value, str) else "a number"


_RULES = {
    "literal_error": ("unknown_value", "must be {expected}"),
    "greater_than_equal": ("out_of_range", "must be at least {ge}"),
    "less_than_equal": ("out_of_range", "must be at most {le}"),
    "string_too_short": ("empty_value", "must not be empty"),
    "too_short": ("empty_value", "must not be empty"),
    "too_long": ("too_many", "has too many entries, at most {max_length}"),
}
"""Pydantic's kind of error → our code, and the message behind the name of the value."""


def _diagnosed(file: _File, finding: _Finding) -> Diagnostic:
    """Every kind of error that is not about a type. Our own codes come through as they are."""
    document = file.document
    context: dict[str, Any] = finding.detail.get("ctx", {})
    kind, location = finding.detail["type"], finding.location
    match kind:
        case "missing":
            return _missing(file, location, str(finding.beyond[0]))
        case "union_tag_not_found":
            return _missing(file, location, "type")
        case "union_tag_invalid":
            known = re.findall(r"'(\w+)'", str(context["expected_tags"]))
            hint = did_you_mean(str(context["tag"]), known) or f"known types: {either(known)}"
            message = f"unknown source type {context['tag']!r}"
            return document.error("unknown_source_type", message, (*location, "type"), hint)
        case "extra_forbidden":
            return _unknown_key(file, location)
    if kind in _RULES:
        code, rule = _RULES[kind]
        return document.error(code, f"{_label(location)} {rule.format(**context)}", location)
    return document.error(
        kind, finding.detail["msg"], _place(document, finding, context), str(context.get("hint", ""))
    )


def _place(document: Document, finding: _Finding, context: dict[str, Any]) -> Place:
    location = (*finding.location, *context.get("loc", ()))
    # What does not exist, or is a key, is shown at the key of what holds it.
    if finding.beyond or finding.detail["type"] == "duplicate_day":
        return document.key_place(location)
    block = finding.node
    if "line" in context and isinstance(block, Scalar) and block.style is Style.LITERAL:
        # The block begins on the line below its `|`.
        lines = document.file_of(block.place).lines
        number = min(block.place.line + context["line"], len(lines))
        written = lines[number - 1]
        return Place(number, len(written) - len(written.lstrip()) + 1, block.place.in_base)
    return document.find(location)[0].place


def _missing(file: _File, location: Location, key: str) -> Diagnostic:
    document = file.document
    whose = _label(location) if location else f"the {file.word}"
    known = _keys_at(file, location).get(key)
    hint = known.purpose if known else ""
    if file.model is Campaign and (*location, key) == ("name",):
        hint += " A file without a name can only be the base that others name in `extends`."
    return document.error("missing_key", f"{whose} needs `{key}`", document.key_place(location), hint)


def _unknown_key(file: _File, location: Location) -> Diagnostic:
    key, parent = str(location[-1]), location[:-1]
    known = sorted(_keys_at(file, parent))
    return file.document.error(
        "unknown_key",
        f"unknown key `{key}`" + (f" in {_label(parent)}" if parent else ""),
        file.document.key_place(location),
        did_you_mean(key, known) or f"known keys: {', '.join(known)}",
    )


def _keys_at(file: _File, location: Location) -> dict[str, Key]:
    """The keys of the mapping at this location; where `type` chooses one of several, of that type."""
    node, found = file.document.find((*location, "type"))
    chosen = node.written if isinstance(node, Scalar) and found == (*location, "type") else None
    return keys_below(_path(location), chosen, file.model)


def _path(location: Location) -> str:
    """As the reference names a key: `calling_windows.weekly`."""
    return ".".join(part for part in location if isinstance(part, str))


def _label(location: Location) -> str:
    """`max_attempts`, or `sources[0]` for an item of a list."""
    label = ""
    for part in reversed(location):
        label = f"[{part}]{label}" if isinstance(part, int) else f"{part}{label}"
        if isinstance(part, str):
            break
    return f"`{label}`" if label else "the file"
