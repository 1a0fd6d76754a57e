"""Loads a campaign file into typed values that know their place. The only module that uses ruamel.yaml.

Files are untrusted: they are checked event by event, for size, depth and what we do not read (anchors,
aliases, tags), before anything is built of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError
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
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import ScalarToken

from runner.campaign import lint, validation_errors, warning_filter
from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.document import (
    Document,
    Location,
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    Style,
    plain_data,
    row_lines,
)
from runner.campaign.model import Campaign
from runner.campaign.place import find_campaign_file
from runner.campaign.templates import Template
from runner.errors import RunnerError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 50_000
MAX_LINE = 100_000
"""Characters. ruamel reads some tokens in time that grows with the square of their length."""


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A valid campaign, the file it came from, and its warnings."""

    campaign: Campaign
    path: Path
    warnings: tuple[Diagnostic, ...]
    silenced: tuple[Diagnostic, ...]
    """Warnings that the campaign silences."""
    _document: Document

    def place(self, loc: Location) -> str:
        """`campaign.yaml:12`, for the value under `loc` or the nearest part of the file that would hold it;
        empty where only the whole file would.
        """
        _, found = self._document.find(loc)
        return f"{self.path}:{self._document.key_place(found).line}" if found else ""

    def templates(self) -> Iterator[tuple[Location, Template]]:
        """Every template of the file, with its place."""
        return lint.templates(self._document)

    def columns_used(self) -> frozenset[str]:
        """The names of all columns that a template mentions."""
        return frozenset[str]().union(*(template.columns_used for _, template in self.templates()))

    def diagnostic(
        self, severity: Severity, code: str, message: str, loc: Location, hint: str = ""
    ) -> Diagnostic:
        """A finding at the value under `loc`, such as ("contacts", "sources", 0, "path"); where there is
        none, at the nearest part of the file that would hold it.
        """
        return self._document.diagnostic(severity, code, message, loc, hint)


def load_campaign(path: Path, data_roots: Callable[[], Iterable[Path]] = tuple) -> LoadedCampaign:
    """Reads and checks a campaign file. A link may lead to one in its work tree or in `data_roots`.

    Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read.
    """
    found = find_campaign_file(path, data_roots)
    return parse_campaign(_read(found.path, str(path)), str(path), quotes_lines=not found.linked)


def parse_campaign(text: str, name: str, *, quotes_lines: bool = True) -> LoadedCampaign:
    """Checks the text of a campaign file; `name` is what diagnostics call it.

    Raises CampaignInvalidError with every error at once.
    """
    composer = _Composer(text.removeprefix("\N{BYTE ORDER MARK}"))
    root = composer.compose()
    if not quotes_lines:
        private_lines = frozenset(range(1, len(composer.lines) + 1))
    else:
        private_lines = _lines_after_rows(composer.lines) if root is None else row_lines(root)
    document = Document(name, composer.lines, _NOTHING if root is None else root, private_lines)
    errors = [document.diagnostic_at(Severity.ERROR, *problem) for problem in composer.problems]
    if root is None:
        raise CampaignInvalidError(_in_file_order(errors))
    errors += validation_errors.in_values(document)
    try:
        # Keys count as the file format spells them, never by the models' own names (`from_`).
        campaign = Campaign.model_validate(plain_data(document.root), by_alias=True, by_name=False)
    except ValidationError as error:
        errors += validation_errors.in_model(document, error)
        campaign = None
    if errors or campaign is None:
        raise CampaignInvalidError(_in_file_order(errors))
    shown, silenced = warning_filter.part(_in_file_order(lint.of(document, campaign)), campaign.silence)
    return LoadedCampaign(campaign, Path(name), shown, silenced, document)


def _in_file_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(diagnostics, key=lambda found: (found.line, found.col))


def _lines_after_rows(lines: Iterable[str]) -> frozenset[int]:
    """In invalid YAML the end of the rows is unknown, so all lines after their start count as theirs."""
    numbered = enumerate(lines, start=1)
    return frozenset(
        number for number, _ in dropwhile(lambda line: not re.search(r"\brows\b", line[1]), numbered)
    )


def _read(path: Path, name: str) -> str:
    """`name` is what errors call the file."""
    try:
        if path.is_dir():
            raise RunnerError(f"{name} is a folder, not a campaign file")
        if path.exists() and not path.is_file():
            raise RunnerError(f"{name} is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RunnerError(
            f"there is no file {name}", hint="`runner init` creates a starter campaign"
        ) from None
    except OSError as error:
        raise RunnerError(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise RunnerError(
            f"{name} is larger than 1 MiB", hint="put contacts into a CSV file and name it as a source"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RunnerError(f"{name} is not UTF-8 text (line {line})", hint="save it as UTF-8") from None


class _Problem(NamedTuple):
    code: str
    message: str
    place: Place
    hint: str


class _UnreadableError(Exception):
    """The text is invalid YAML from here on, or too large; the problem is on the list."""


_LINE_BREAK = re.compile("\r\n|[\n\r]")
"""The line breaks that ruamel counts, so that its line numbers fit: YAML 1.2 has no others."""


class _Composer:
    """Builds the tree from ruamel's events, collecting `problems`; stops where the text is invalid YAML."""

    def __init__(self, text: str) -> None:
        self.lines = tuple(_LINE_BREAK.split(text))
        self.problems: list[_Problem] = []
        self._text = text
        self._events = self._safely(YAML(typ="safe", pure=True).parse(text))
        self._nodes = 0

    def compose(self) -> Node | None:
        """The root of the tree, or None where there is none."""
        try:
            return self._document()
        except _UnreadableError:
            return None

    def _document(self) -> Node:
        root: Node | None = None
        for number, line in enumerate(self.lines, start=1):
            if len(line) > MAX_LINE:
                self._stop(
                    "too_complex", f"this line is longer than {MAX_LINE:,} characters", Place(number, 1)
                )
        for event in self._events:
            match event:
                case DocumentStartEvent() if root is not None:
                    self._error(
                        "several_documents",
                        "a second document starts here; a file may contain only one campaign",
                        _start(event),
                        "remove the --- line, or move the second campaign to its own file",
                    )
                    break
                case DocumentStartEvent():
                    if event.version or event.tags:
                        self._feature("directives", event)
                case ScalarEvent() | AliasEvent() | SequenceStartEvent() | MappingStartEvent():
                    root = self._node(event, depth=1)
                case StreamEndEvent():
                    break
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
                last = _start(event)
        except MarkedYAMLError as error:
            self._not_yaml(error, last)
        except ReaderError as error:
            before = _LINE_BREAK.split(self._text[: error.position])
            self._unreadable(
                Place(len(before), len(before[-1]) + 1), "this character is not allowed in YAML", ""
            )
        except (YAMLError, ValueError, OverflowError):
            # ruamel lets Python's own errors through, for example for an escape beyond Unicode.
            self._unreadable(last, "invalid YAML near here, perhaps an escape sequence such as \\U", "")

    def _not_yaml(self, error: MarkedYAMLError, last: Place) -> NoReturn:
        """The cause may be far above the place at which parsing fails."""
        place = _place(error.problem_mark) or _place(error.context_mark) or last
        quoted = _quoted_before(self._text, place)
        if _IN_QUOTES in str(error.context) or (quoted and quoted.end.line > quoted.start.line):
            opening = quoted.start if quoted else _place(error.context_mark) or place
            self._stop("yaml_syntax", "this quote is not closed on its line", opening, _CLOSE_IT)
        if quoted is not None:
            self._stop("yaml_syntax", "this value ends at the next quote", quoted.start, _OTHER_QUOTES)
        begins = _place(error.context_mark)
        if begins is not None and self._has_bare_template(begins.line):
            place = begins
        message, hint = validation_errors.in_syntax(str(error.problem), str(error.context or ""))
        self._unreadable(place, message, hint)

    def _unreadable(self, place: Place, message: str, hint: str) -> NoReturn:
        if any(problem.code == "unquoted_template" for problem in self.problems):
            raise _UnreadableError
        if self._has_bare_template(place.line):
            self._stop("unquoted_template", _BARE_TEMPLATE, place, _QUOTE_IT)
        self._stop("yaml_syntax", message, place, hint)

    def _has_bare_template(self, line: int) -> bool:
        return line <= len(self.lines) and bool(_TEMPLATE_WITHOUT_QUOTES.search(self.lines[line - 1]))

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - each kind of event has its own fields
        self._nodes += 1
        place = _start(event)
        if depth > MAX_DEPTH:
            self._stop("too_complex", f"more than {MAX_DEPTH} levels of nesting", place)
        if self._nodes > MAX_NODES:
            self._stop(
                "too_complex",
                f"more than {MAX_NODES:,} values in one file",
                place,
                "put contacts into a CSV file and name it as a source",
            )
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
        if not _is_text(scalar.written):
            scalar.spoiled = True
            self._error(
                "bad_text", "this contains an invalid character (NUL or an unpaired surrogate)", place
            )
        return scalar

    def _sequence(self, place: Place, depth: int) -> Sequence:
        sequence = Sequence(place)
        while not isinstance(event := next(self._events), SequenceEndEvent):
            sequence.items.append(self._node(event, depth + 1))
        return sequence

    def _mapping(self, place: Place, depth: int, *, flow: bool) -> Mapping:
        mapping = Mapping(place)
        while not isinstance(event := next(self._events), MappingEndEvent):
            key_place = _start(event)
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._complex_key(mapping, key_place, flow=flow)
            elif key.written == "<<" and key.style is Style.PLAIN:
                mapping.spoiled = True
                self._error("yaml_feature", "YAML merge keys (<<) are not supported", key_place, _USE_VARS)
            elif key.written in mapping.keys:
                first = mapping.keys[key.written].line
                self._error(
                    "duplicate_key",
                    f"duplicate key `{key.written}`; it is first set in line {first}",
                    key_place,
                    "remove one of them",
                )
            elif not key.spoiled:
                mapping.keys[key.written] = key_place
                mapping.values[key.written] = value
        return mapping

    def _complex_key(self, mapping: Mapping, place: Place, *, flow: bool) -> None:
        mapping.spoiled = True
        if flow and self.lines[place.line - 1][place.col - 2 :].startswith("{{"):
            self._error("unquoted_template", _BARE_TEMPLATE, mapping.place, _QUOTE_IT)
        else:
            self._error("bad_key", "a key must be text, not a list or a mapping", place)

    def _feature(self, what: str, event: Event) -> None:
        self._error("yaml_feature", f"unsupported YAML feature: {what}", _start(event), _USE_VARS)

    def _error(self, code: str, message: str, place: Place, hint: str = "") -> None:
        self.problems.append(_Problem(code, message, place, hint))

    def _stop(self, code: str, message: str, place: Place, hint: str = "") -> NoReturn:
        self._error(code, message, place, hint)
        raise _UnreadableError


_IN_QUOTES = "while scanning a quoted scalar"

_TEMPLATE_WITHOUT_QUOTES = re.compile(r"(^|[:\-,\[{])\s*\{\s*([{%]|(row|vars)\b)")


_CLOSE_IT = "add the closing quote"

_OTHER_QUOTES = "add the closing quote where it belongs; around ' use \", and around \" use '"


class _Quoted(NamedTuple):
    """A value in quotes; `end` is just behind the closing one."""

    start: Place
    end: Place


def _quoted_before(text: str, place: Place) -> _Quoted | None:
    """The value in quotes that is most likely the cause of an error at this place: it ends there, or it began
    on a line above and ends on this one. Then its closing quote is missing, and another was taken for it.
    """
    found = None
    with suppress(YAMLError, ValueError, OverflowError):
        for token in YAML(typ="safe", pure=True).scan(text):
            if not isinstance(token, ScalarToken) or token.style not in {"'", '"'}:
                continue
            start, end = _place(token.start_mark) or place, _place(token.end_mark) or place
            if start.line > place.line:
                break
            if end == place or start.line < end.line == place.line:
                found = _Quoted(start, end)
    return found


def _place(mark: Any) -> Place | None:  # noqa: ANN401 - ruamel's marks are untyped
    return None if mark is None else Place(mark.line + 1, mark.column + 1)


_NOTHING = Scalar(Place(1, 1), "", None, Style.PLAIN)

_BARE_TEMPLATE = "a template must be in quotes: YAML reads { as the start of a mapping"

_QUOTE_IT = 'write for example phone: "{{ row.phone }}"'

_USE_VARS = "define a constant under `vars` and write {{ vars.name }} in templates"


def _start(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any, place: Place) -> Scalar:  # noqa: ANN401 - ruamel's events are untyped
    written = str(event.value)
    style = {"|": Style.LITERAL, ">": Style.FOLDED, "'": Style.QUOTED, '"': Style.QUOTED}.get(
        event.style or "", Style.PLAIN
    )
    value = _plain_value(written) if style is Style.PLAIN else written
    return Scalar(place, written, value, style)


def _is_text(written: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in written)


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
