"""Loads a campaign file into typed values that know their place."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from runner.campaign import lint, validation_errors, yaml_parser
from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic
from runner.campaign.document import (
    Document,
    Location,
    Mapping,
    Node,
    Place,
    Scalar,
    plain_data,
    row_lines,
)
from runner.campaign.extends import EXTENDS, NOT_IN_BASE, mark_as_base, merged, move_paths
from runner.campaign.model import Campaign
from runner.campaign.place import find_base_file, find_campaign_file
from runner.campaign.templates import Template
from runner.campaign.values import Declared
from runner.campaign.variables import NO_VARIABLES, Variables, set_variables
from runner.errors import RunnerError

MAX_BYTES = 1024 * 1024

_Values = TypeVar("_Values", bound=Declared)


@dataclass(frozen=True, slots=True)
class FileKind(Generic[_Values]):
    """A kind of YAML file: the model of its content, and the word for it in messages."""

    model: type[_Values]
    word: str


CAMPAIGN = FileKind(Campaign, "campaign")


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A valid campaign, the file it came from, and its warnings."""

    campaign: Campaign
    path: Path
    warnings: tuple[Diagnostic, ...]
    """Also those that the campaign suppresses."""
    _document: Document
    variables: Variables
    """What the command line gave for entries of `vars`."""

    def place(self, loc: Location) -> str:
        """`campaign.yaml:12`, for the value under `loc` or the nearest part of the file that would hold it;
        empty where only the whole file would.
        """
        _, found = self._document.find(loc)
        place = self._document.key_place(found)
        return f"{self._document.file_of(place).name}:{place.line}" if found else ""

    def templates(self) -> Iterator[tuple[Location, Template]]:
        """Every template of the file, with its place."""
        return lint.templates(self._document)

    def columns_used(self) -> frozenset[str]:
        """The names of all columns that a template mentions."""
        return frozenset[str]().union(*(template.columns_used for _, template in self.templates()))

    def error(self, code: str, message: str, loc: Location, hint: str = "") -> Diagnostic:
        """A finding at the value under `loc`, such as ("contacts", "sources", 0, "path"); where there is
        none, at the nearest part of the file that would hold it.
        """
        return self._document.error(code, message, loc, hint)

    def warning(self, code: str, message: str, loc: Location, hint: str = "") -> Diagnostic:
        """The same."""
        return self._document.warning(code, message, loc, hint)


def load_campaign(
    path: Path, data_roots: Callable[[], Iterable[Path]] = tuple, variables: Variables = NO_VARIABLES
) -> LoadedCampaign:
    """Reads and checks a campaign file, with the one that it extends. A link may lead to one in its work tree
    or in `data_roots`. `variables` replace values of `vars`.

    Raises CampaignInvalidError with every error at once, RunnerError when the file cannot be read, and
    UsageError for a variable that it does not declare.
    """
    found, is_linked = find_campaign_file(path, data_roots)

    def read_base(given: str) -> _File:
        base, is_private = find_base_file(found, given, data_roots)
        name = os.path.normpath(path.parent / given)

        def moved(source: str) -> str:
            return Path(os.path.relpath(base.parent / source, found.parent)).as_posix()

        return _File(name, _read(base, name), is_private, moved)

    return _loaded(_File(str(path), _read(found, str(path)), is_linked), read_base, variables)


def parse_campaign(text: str, name: str) -> LoadedCampaign:
    """Checks the text of a campaign file that extends no other; `name` is what diagnostics call it.

    Raises CampaignInvalidError with every error at once.
    """
    return _loaded(_File(name, text), _no_base, NO_VARIABLES)


def load_declared(path: Path, kind: FileKind[_Values]) -> tuple[_Values, Document]:
    """Reads and checks a file of another kind than a campaign, for the same errors.

    Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read.
    """
    parsed = _parsed(_File(str(path), _read(path, str(path))))
    return _valid(parsed, kind), parsed.document


def extended_file(path: Path) -> Path | None:
    """The file that a campaign file extends, whatever else is wrong with it; None for none."""
    with suppress(RunnerError):
        text = _read(path, str(path))
        root = yaml_parser.parse(text).root if EXTENDS in text else None
        given = _base_of(root)
        return None if given is None else Path(os.path.normpath(path.parent / given))
    return None


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    """What diagnostics call it."""
    text: str
    is_private: bool = False
    """Whether none of its lines may be quoted."""
    moved: Callable[[str], str] = str
    """A path relative to this file → the same, relative to the campaign file."""


def _no_base(given: str) -> _File:
    raise RunnerError(f"{given} cannot be read: only a file can extend another")


class _Parsed(NamedTuple):
    document: Document
    errors: list[Diagnostic]
    is_whole: bool
    """Whether its values can be checked: no part of it is missing."""


def _loaded(file: _File, read_base: Callable[[str], _File], variables: Variables) -> LoadedCampaign:
    parsed = _extended(_parsed(file), read_base)
    document = parsed.document
    if parsed.is_whole and isinstance(document.root, Mapping):
        set_variables(document.root, variables, file.name)
    campaign = _valid(parsed, CAMPAIGN)
    warnings = tuple(_in_file_order(lint.of(document, campaign), file.name))
    return LoadedCampaign(campaign, Path(file.name), warnings, document, variables)


def _valid(parsed: _Parsed, kind: FileKind[_Values]) -> _Values:
    """Raises CampaignInvalidError with every error at once."""
    document, errors, is_whole = parsed
    values = None
    if is_whole:
        errors = [*errors, *validation_errors.in_values(document)]
        try:
            # Keys count as the file format spells them, never by the models' own names (`from_`).
            values = kind.model.model_validate(plain_data(document.root), by_alias=True, by_name=False)
        except ValidationError as error:
            errors += validation_errors.in_model(document, error, kind.model, kind.word)
    if errors or values is None:
        raise CampaignInvalidError(_in_file_order(errors, document.name), what=f"{kind.word} file")
    return values


def _parsed(file: _File) -> _Parsed:
    lines, root, problems = yaml_parser.parse(file.text.removeprefix("\N{BYTE ORDER MARK}"))
    if file.is_private:
        private_lines = frozenset(range(1, len(lines) + 1))
    else:
        private_lines = _lines_after_rows(lines) if root is None else row_lines(root)
    document = Document(file.name, lines, root or Mapping(Place(1, 1)), private_lines)
    return _Parsed(document, [document.error(*problem) for problem in problems], root is not None)


def _extended(own: _Parsed, read_base: Callable[[str], _File]) -> _Parsed:
    """With the values of the file that it extends, where it extends one."""
    root, given = own.document.root, _base_of(own.document.root)
    if given is None or not isinstance(root, Mapping):
        return own
    try:
        file = read_base(given)
    except RunnerError as error:
        found = own.document.error("bad_base", error.message, (EXTENDS,), error.hint)
        return own._replace(errors=[*own.errors, found], is_whole=False)
    base, errors, is_whole = _parsed(file)
    if not is_whole or not isinstance(base.root, Mapping):
        if is_whole:
            errors.append(base.error("wrong_type", "a base file must be a mapping (key: value)", ()))
        return own._replace(errors=[*own.errors, *errors], is_whole=False)
    for key in NOT_IN_BASE.keys() & base.root.values.keys():
        errors.append(base.error("not_in_base", NOT_IN_BASE[key], base.key_place((key,)), _ONLY_IN_CAMPAIGN))
        del base.root.values[key]
    mark_as_base(base.root)
    move_paths(base.root, file.moved)
    whole = replace(own.document, root=merged(root, base.root), base=base)
    return own._replace(document=whole, errors=[*own.errors, *errors])


_ONLY_IN_CAMPAIGN = "write it in the campaign files that extend this one"


def _base_of(root: Node | None) -> str | None:
    """What `extends` names, where it can be the name of a file."""
    given = root.values.get(EXTENDS) if isinstance(root, Mapping) else None
    return given.value if isinstance(given, Scalar) and isinstance(given.value, str) and given.value else None


def _in_file_order(diagnostics: Iterable[Diagnostic], name: str) -> list[Diagnostic]:
    """Those of the file with this name first."""
    return sorted(diagnostics, key=lambda found: (found.file != name, found.line, found.col))


def _lines_after_rows(lines: Iterable[str]) -> frozenset[int]:
    """In invalid YAML the end of the rows is unknown, so all lines after their start count as theirs."""
    numbered = enumerate(lines, start=1)
    return frozenset(
        number for number, _ in dropwhile(lambda line: not re.search(r"\brows\b", line[1]), numbered)
    )


def _read(path: Path, name: str) -> str:
    """`name` is what errors call the file."""
    try:
        if path.exists() and not path.is_file():
            what = "a folder, not a campaign file" if path.is_dir() else "not a regular file"
            raise RunnerError(f"{name} is {what}")
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
