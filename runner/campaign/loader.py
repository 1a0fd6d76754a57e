"""Loads a campaign file into typed values that know their place."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from runner.campaign import lint, validation_errors, yaml_parser
from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.document import Document, Location, Mapping, Place, plain_data, row_lines
from runner.campaign.model import Campaign
from runner.campaign.place import find_campaign_file
from runner.campaign.templates import Template
from runner.campaign.values import Declared
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
    found, is_linked = find_campaign_file(path, data_roots)
    return parse_campaign(_read(found, str(path)), str(path), quotes_lines=not is_linked)


def parse_campaign(text: str, name: str, *, quotes_lines: bool = True) -> LoadedCampaign:
    """Checks the text of a campaign file; `name` is what diagnostics call it.

    Raises CampaignInvalidError with every error at once.
    """
    campaign, document = _parse(text, name, CAMPAIGN, quotes_lines=quotes_lines)
    warnings = tuple(_in_file_order(lint.of(document, campaign)))
    return LoadedCampaign(campaign, Path(name), warnings, document)


def load_declared(path: Path, kind: FileKind[_Values]) -> tuple[_Values, Document]:
    """Reads and checks a file of another kind than a campaign, for the same errors.

    Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read.
    """
    return _parse(_read(path, str(path)), str(path), kind, quotes_lines=True)


def _parse(text: str, name: str, kind: FileKind[_Values], *, quotes_lines: bool) -> tuple[_Values, Document]:
    lines, root, problems = yaml_parser.parse(text.removeprefix("\N{BYTE ORDER MARK}"))
    if not quotes_lines:
        private_lines = frozenset(range(1, len(lines) + 1))
    else:
        private_lines = _lines_after_rows(lines) if root is None else row_lines(root)
    document = Document(name, lines, root or Mapping(Place(1, 1)), private_lines)
    errors = [document.error(*problem) for problem in problems]
    values = None
    if root is not None:
        errors += validation_errors.in_values(document)
        try:
            # Keys count as the file format spells them, never by the models' own names (`from_`).
            values = kind.model.model_validate(plain_data(root), by_alias=True, by_name=False)
        except ValidationError as error:
            errors += validation_errors.in_model(document, error, kind.model, kind.word)
    if errors or values is None:
        raise CampaignInvalidError(_in_file_order(errors), what=f"{kind.word} file")
    return values, document


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
