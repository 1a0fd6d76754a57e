"""Every error of a campaign file as a message for people, with one stable code for each kind.

Pure. Pydantic finds most of them; only its place and kind of error are used, never its message.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.campaign.did_you_mean import did_you_mean
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
from runner.campaign.literal_text import check_text
from runner.campaign.template_syntax import TemplateSyntaxError
from runner.campaign.vocabulary import fields_at

_MANY_DIGITS = 7


def in_syntax(problem: str, context: str) -> tuple[str, str]:
    """What ruamel's complaint means, and what to do about it."""
    for sign, message, hint in _SYNTAX:
        if sign in problem or sign in context:
            return message, hint
    return f"invalid YAML: {problem}", ""


_SYNTAX = (
    ("'\\t' that cannot start", "a tab is used for indentation", "indent with spaces"),
    (
        "that cannot start any token",
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    (
        "mapping values are not allowed",
        "this line contains a second `key:`, or is indented too far",
        'put a value that holds ": " in quotes',
    ),
    (
        "unknown escape character",
        "invalid escape sequence: in double quotes, a backslash starts one",
        "use single quotes",
    ),
    (
        "while scanning a simple key",
        "this line is not a `key: value` pair",
        "a key ends with a colon and a space",
    ),
    ("while parsing a block mapping", "this line is not valid here", "check its indentation"),
    ("while parsing a block collection", "this line is not valid here", "list items start with -"),
    ("while parsing a flow mapping", "this { } mapping is not closed, or lacks a comma", ""),
    ("while parsing a flow sequence", "this [ ] list is not closed, or lacks a comma", ""),
    ("while parsing a flow node", "this [ ] or { } is not closed", ""),
    ("while scanning an alias", "a value cannot begin with *", "put the value in quotes"),
    ("while scanning an anchor", "a value cannot begin with &", "put the value in quotes"),
    ("tag", "a value cannot begin with !", "put the value in quotes"),
)


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
    return document.diagnostic(Severity.ERROR, code, message, location, hint)


# --- what the models refused -----------------------------------------------------------------------------


class _Finding(NamedTuple):
    """One of pydantic's errors. `location` is that of an existing value, `beyond` what lies below it."""

    node: Node
    location: Location
    beyond: Location
    detail: ErrorDetails


def in_model(document: Document, error: ValidationError) -> list[Diagnostic]:
    """What pydantic found, each error once. Errors that follow from one already reported are left out."""
    findings = [_finding(document, detail) for detail in error.errors(include_url=False, include_input=False)]
    findings = [finding for finding in findings if not finding.node.spoiled]
    expected: dict[Location, list[_Finding]] = {}
    diagnostics = []
    for finding in findings:
        if finding.detail["type"] in _EXPECTED:
            expected.setdefault(finding.location, []).append(finding)
        else:
            diagnostics.append(_diagnosed(document, finding))
    # A value of several possible types fails once for each of them; the nearest fit explains it best.
    explained = {above for finding in findings for above in _explained(finding)}
    diagnostics += [
        _wrong_type(document, alternatives)
        for location, alternatives in expected.items()
        if location not in explained
    ]
    return diagnostics


def _finding(document: Document, detail: ErrorDetails) -> _Finding:
    location = _without_alternative(detail["loc"])
    node, found = document.find(location)
    return _Finding(node, found, location[len(found) :], detail)


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


def _wrong_type(document: Document, alternatives: list[_Finding]) -> Diagnostic:
    node, location = alternatives[0].node, alternatives[0].location
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
    elif isinstance(node, Mapping) and "text" in expected and not in_rows(location):
        hint = _braces_hint(node)
    return document.diagnostic(
        Severity.ERROR,
        "wrong_type",
        f"{_label(location)}: expected {_either(expected)}, found {_found(node)}",
        location,
        hint,
    )


def _braces_hint(node: Mapping) -> str:
    """For `{row.x}`, which YAML reads as a mapping of a key to nothing."""
    alone = [key for key, value in node.values.items() if isinstance(value, Scalar) and value.value is None]
    if len(alone) != 1 or len(node.values) > 1:
        return ""
    try:
        check_text(f"{{{alone[0]}}}")
    except TemplateSyntaxError as error:
        return error.hint
    return ""


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


def _diagnosed(document: Document, finding: _Finding) -> Diagnostic:
    """Every kind of error that is not about a type. Our own codes come through as they are."""
    context: dict[str, Any] = finding.detail.get("ctx", {})
    kind, location, label = finding.detail["type"], finding.location, _label(finding.location)
    match kind:
        case "missing":
            return _missing(document, location, str(finding.beyond[0]))
        case "union_tag_not_found":
            return _missing(document, location, "type")
        case "union_tag_invalid":
            return _unknown_type(document, location, context)
        case "extra_forbidden":
            return _unknown_key(document, location)
        case "literal_error":
            message, code, hint = f"{label} must be {context['expected']}", "unknown_value", ""
        case "greater_than_equal":
            message, code, hint = f"{label} must be at least {context['ge']}", "out_of_range", ""
        case "less_than_equal":
            message, code, hint = f"{label} must be at most {context['le']}", "out_of_range", ""
        case "string_too_short" | "too_short":
            message, code, hint = f"{label} must not be empty", "empty_value", ""
        case "too_long":
            message, code, hint = (
                f"{label} has too many entries, at most {context['max_length']}",
                "too_many",
                "",
            )
        case _:
            return _own(document, finding, context)
    return document.diagnostic(Severity.ERROR, code, message, location, hint)


def _own(document: Document, finding: _Finding, context: dict[str, Any]) -> Diagnostic:
    code, message, hint = finding.detail["type"], finding.detail["msg"], str(context.get("hint", ""))
    if code == "missing_reattempt_wait":
        # The key is absent, so the mapping that lacks it is meant.
        return document.diagnostic_at(
            Severity.ERROR, code, message, document.key_place(finding.location), hint
        )
    if finding.beyond == ("[key]",):
        return document.diagnostic_at(
            Severity.ERROR, code, message, document.key_place(finding.location), hint
        )
    location = (*finding.location, *context.get("loc", ()))
    if code in {"bad_day", "duplicate_day"}:
        return document.diagnostic_at(Severity.ERROR, code, message, document.key_place(location), hint)
    if "line" in context and isinstance(finding.node, Scalar) and finding.node.style is Style.LITERAL:
        place = _inside(document, finding.node.place, context["line"])
        return document.diagnostic_at(Severity.ERROR, code, message, place, hint)
    return document.diagnostic(Severity.ERROR, code, message, location, hint)


def _inside(document: Document, block: Place, line: int) -> Place:
    """The place of a line of a block scalar. The block begins on the line below its `|`."""
    number = min(block.line + line, len(document.lines))
    written = document.lines[number - 1]
    return Place(number, len(written) - len(written.lstrip()) + 1)


def _missing(document: Document, location: Location, key: str) -> Diagnostic:
    whose = _label(location) if location else "the campaign"
    return document.diagnostic_at(
        Severity.ERROR,
        "missing_key",
        f"{whose} needs `{key}`",
        document.key_place(location),
        _purpose(document, location, key),
    )


def _purpose(document: Document, location: Location, key: str) -> str:
    field = fields_at(document, location).get(key)
    return (field.description or "") if field else ""


def _unknown_type(document: Document, location: Location, context: dict[str, Any]) -> Diagnostic:
    known = re.findall(r"'(\w+)'", str(context["expected_tags"]))
    return document.diagnostic(
        Severity.ERROR,
        "unknown_source_type",
        f"unknown source type {context['tag']!r}",
        (*location, "type"),
        did_you_mean(str(context["tag"]), known) or f"known types: {_either(known)}",
    )


def _unknown_key(document: Document, location: Location) -> Diagnostic:
    key, parent = str(location[-1]), location[:-1]
    known = sorted(fields_at(document, parent))
    whose = _label(parent) if parent else "a campaign"
    return document.diagnostic_at(
        Severity.ERROR,
        "unknown_key",
        f"{whose} has no key `{key}`",
        document.key_place(location),
        did_you_mean(key, known) or f"known keys: {', '.join(known)}",
    )


def _label(location: Location) -> str:
    """`max_attempts`, or `sources[0]` for an item of a list."""
    label = ""
    for part in reversed(location):
        label = f"[{part}]{label}" if isinstance(part, int) else f"{part}{label}"
        if isinstance(part, str):
            break
    return f"`{label}`" if label else "the file"


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
