"""Parses YAML into the tree of a document. The only module that uses ruamel.yaml.

Files are untrusted: they are checked event by event, for size, depth and what we do not read (anchors,
aliases, tags), before anything is built of them.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import ScalarToken

from runner.campaign.document import Mapping, Node, Place, Scalar, Sequence, Style

MAX_DEPTH = 20
MAX_NODES = 50_000
MAX_LINE = 100_000
"""Characters. ruamel reads some tokens in time that grows with the square of their length."""

_LINE_BREAK = re.compile("\r\n|[\n\r]")
"""The line breaks that ruamel counts, so that its line numbers fit: YAML 1.2 has no others."""

_USE_A_FILE = "put contacts into a CSV file and name it as a source"
_USE_VARS = "define a constant under `vars` and write {{ vars.name }} in templates"
_BARE_TEMPLATE = "a template must be in quotes: YAML reads { as the start of a mapping"
_QUOTE_IT = 'write for example phone: "{{ row.phone }}"'
_TEMPLATE_WITHOUT_QUOTES = re.compile(r"(^|[:\-,\[{])\s*\{\s*([{%]|(row|vars)\b)")


_SYNTAX = (
    ("'\\\\t' that cannot start", "a tab is used for indentation", "indent with spaces"),
    (
        "cannot start any token|scanning an (alias|anchor)|tag",
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
    ("scanning a simple key", "this line is not a `key: value` pair", "a key ends with a colon and a space"),
    ("parsing a block", "this line is not valid here", "check its indentation; list items start with -"),
    ("parsing a flow", "this [ ] list or { } mapping is not closed, or lacks a comma", ""),
)
"""What ruamel says → what it means, and what to do about it."""


Problem = tuple[str, str, Place, str]
"""Code, message, place and hint."""


class Parsed(NamedTuple):
    """A text with its lines, the root of the tree, which is None where there is none, and all problems."""

    lines: tuple[str, ...]
    root: Node | None
    problems: list[Problem]


def parse(text: str) -> Parsed:
    """Builds the tree as far as the text is valid YAML."""
    parser = _Parser(text)
    try:
        root = parser.document()
    except _UnreadableError:
        root = None
    return Parsed(parser.lines, root, parser.problems)


class _UnreadableError(Exception):
    """The text is invalid YAML from here on, or too large; the problem is on the list."""


class _Parser:
    """Builds the tree from ruamel's events, collecting `problems`; stops where the text is invalid YAML."""

    def __init__(self, text: str) -> None:
        self.lines = tuple(_LINE_BREAK.split(text))
        self.problems: list[Problem] = []
        self._text = text
        self._events = self._safely(YAML(typ="safe", pure=True).parse(text))
        self._nodes = 0

    def document(self) -> Node:
        """Raises _UnreadableError."""
        for number, line in enumerate(self.lines, start=1):
            if len(line) > MAX_LINE:
                self._stop(
                    "too_complex", f"this line is longer than {MAX_LINE:,} characters", Place(number, 1)
                )
        root: Node | None = None
        for event in self._events:
            match event:
                case DocumentStartEvent() if root is not None:
                    self._error(
                        "several_documents",
                        "a second document starts here; a file may contain only one campaign",
                        _place(event.start_mark),
                        "remove the --- line, or move the second campaign to its own file",
                    )
                    break
                case DocumentStartEvent():
                    if event.version or event.tags:
                        self._feature("directives", event)
                case ScalarEvent() | AliasEvent() | SequenceStartEvent() | MappingStartEvent():
                    root = self._node(event, depth=1)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            self._stop(
                "empty_file", "the file is empty", Place(1, 1), "`runner init` creates a starter campaign"
            )
        return root

    def _safely(self, events: Iterator[Any]) -> Iterator[Event]:
        last = Place(1, 1)
        try:
            for event in events:
                yield event
                last = _place(event.start_mark)
        except MarkedYAMLError as error:
            self._invalid(error, last)
        except ReaderError as error:
            before = _LINE_BREAK.split(self._text[: error.position])
            place = Place(len(before), len(before[-1]) + 1)
            self._unreadable(place, "this character is not allowed in YAML")
        except (YAMLError, ValueError, OverflowError):
            # ruamel lets Python's own errors through, for example for an escape beyond Unicode.
            self._unreadable(last, "invalid YAML near here, perhaps an escape sequence such as \\U")

    def _invalid(self, error: MarkedYAMLError, last: Place) -> NoReturn:
        """The cause may be far above the place at which parsing fails."""
        begins = _place(error.context_mark) if error.context_mark else None
        place = _place(error.problem_mark) if error.problem_mark else begins or last
        problem, context = str(error.problem), str(error.context or "")
        quoted = _quoted_before(self._text, place)
        if "while scanning a quoted scalar" in context or (quoted and quoted[0].line < quoted[1].line):
            opening = quoted[0] if quoted else begins or place
            self._stop(
                "yaml_syntax", "this quote is not closed on its line", opening, "add the closing quote"
            )
        if quoted is not None:
            hint = "add the closing quote where it belongs; around ' use \", and around \" use '"
            self._stop("yaml_syntax", "this value ends at the next quote", quoted[0], hint)
        if begins is not None and self._has_bare_template(begins.line):
            place = begins
        for sign, message, hint in _SYNTAX:
            if re.search(sign, f"{problem}\n{context}"):
                self._unreadable(place, message, hint)
        self._unreadable(place, f"invalid YAML: {problem}")

    def _unreadable(self, place: Place, message: str, hint: str = "") -> NoReturn:
        if any(code == "unquoted_template" for code, *_ in self.problems):
            raise _UnreadableError
        if self._has_bare_template(place.line):
            self._stop("unquoted_template", _BARE_TEMPLATE, place, _QUOTE_IT)
        self._stop("yaml_syntax", message, place, hint)

    def _has_bare_template(self, line: int) -> bool:
        return line <= len(self.lines) and bool(_TEMPLATE_WITHOUT_QUOTES.search(self.lines[line - 1]))

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - each kind of event has its own fields
        self._nodes += 1
        place = _place(event.start_mark)
        if depth > MAX_DEPTH:
            self._stop("too_complex", f"more than {MAX_DEPTH} levels of nesting", place)
        if self._nodes > MAX_NODES:
            self._stop("too_complex", f"more than {MAX_NODES:,} values in one file", place, _USE_A_FILE)
        if isinstance(event, AliasEvent):
            self._feature(f"alias *{event.anchor}", event)
            return Scalar(place, "", None, Style.PLAIN, spoiled=True)
        if event.anchor is not None:
            self._feature(f"anchor &{event.anchor}", event)
        if event.tag is not None:
            self._feature(f"tag {event.tag.replace('tag:yaml.org,2002:', '!!')}", event)
        match event:
            case SequenceStartEvent():
                return self._sequence(place, depth)
            case MappingStartEvent():
                return self._mapping(place, depth, flow=bool(event.flow_style))
        scalar = _scalar(event, place)
        scalar.spoiled = event.tag is not None
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in scalar.written):
            scalar.spoiled = True
            message = "this contains an invalid character (NUL or an unpaired surrogate)"
            self._error("bad_text", message, place)
        return scalar

    def _sequence(self, place: Place, depth: int) -> Sequence:
        sequence = Sequence(place)
        while not isinstance(event := next(self._events), SequenceEndEvent):
            sequence.items.append(self._node(event, depth + 1))
        return sequence

    def _mapping(self, place: Place, depth: int, *, flow: bool) -> Mapping:
        mapping = Mapping(place)
        while not isinstance(event := next(self._events), MappingEndEvent):
            key_place = _place(event.start_mark)
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                mapping.spoiled = True
                if flow and self.lines[key_place.line - 1][key_place.col - 2 :].startswith("{{"):
                    self._error("unquoted_template", _BARE_TEMPLATE, place, _QUOTE_IT)
                else:
                    self._error("bad_key", "a key must be text, not a list or a mapping", key_place)
            elif key.written == "<<" and key.style is Style.PLAIN:
                mapping.spoiled = True
                self._error("yaml_feature", "YAML merge keys (<<) are not supported", key_place, _USE_VARS)
            elif key.written in mapping.keys:
                first = mapping.keys[key.written].line
                message = f"duplicate key `{key.written}`; it is first set in line {first}"
                self._error("duplicate_key", message, key_place, "remove one of them")
            elif not key.spoiled:
                mapping.keys[key.written] = key_place
                mapping.values[key.written] = value
        return mapping

    def _feature(self, what: str, event: Event) -> None:
        message = f"unsupported YAML feature: {what}"
        self._error("yaml_feature", message, _place(event.start_mark), _USE_VARS)

    def _error(self, code: str, message: str, place: Place, hint: str = "") -> None:
        self.problems.append((code, message, place, hint))

    def _stop(self, code: str, message: str, place: Place, hint: str = "") -> NoReturn:
        self._error(code, message, place, hint)
        raise _UnreadableError


def _quoted_before(text: str, place: Place) -> tuple[Place, Place] | None:
    """Start and end of the value in quotes that is most likely the cause of an error at this place: it ends
    there, or it began on a line above and ends on this one, because its own closing quote is missing.
    """
    found = None
    with suppress(YAMLError, ValueError, OverflowError):
        for token in YAML(typ="safe", pure=True).scan(text):
            if not isinstance(token, ScalarToken) or token.style not in {"'", '"'}:
                continue
            start, end = _place(token.start_mark), _place(token.end_mark)
            if start.line > place.line:
                break
            if end == place or start.line < end.line == place.line:
                found = start, end
    return found


def _place(mark: Any) -> Place:  # noqa: ANN401 - ruamel's marks are untyped
    return Place(mark.line + 1, mark.column + 1)


def _scalar(event: Any, place: Place) -> Scalar:  # noqa: ANN401 - ruamel's events are untyped
    written = str(event.value)
    style = {"|": Style.LITERAL, ">": Style.FOLDED, "'": Style.QUOTED, '"': Style.QUOTED}.get(
        event.style or "", Style.PLAIN
    )
    value = _plain_value(written) if style is Style.PLAIN else written
    return Scalar(place, written, value, style)


_NULL = re.compile("~|null|Null|NULL|")
_BOOLEAN = re.compile("true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile("[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def _plain_value(written: str) -> str | int | float | bool | None:
    """What YAML 1.2's core schema makes of a value without quotes: `NO` and `17:15` are text."""
    if _NULL.fullmatch(written):
        return None
    if _BOOLEAN.fullmatch(written):
        return written.lower() == "true"
    if _INTEGER.fullmatch(written):
        return int(written, {"0o": 8, "0x": 16}.get(written[:2], 10))
    if _FLOAT.fullmatch(written):
        return float(written.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return written
