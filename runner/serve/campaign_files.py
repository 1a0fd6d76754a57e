"""The campaign files of the folders that `serve` was given, read again when they change."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import LoadedCampaign
from runner.campaign.source_models import AnySource, HttpRows, InlineRows, SqlRows
from runner.contacts.sources.reader import SourceReader
from runner.contacts.sources.source import Version
from runner.errors import RunnerError, SourceError
from runner.ledger.ledger import Ledger
from runner.serve.decisions import FileState
from runner.serve.served import Problem
from runner.services.campaigns import campaign_files, content_of, load
from runner.services.planning import source_reader
from runner.settings import Settings

_TRIES = 3

Versions = Sequence[Version | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFile:
    """One file, as it was found."""

    path: Path
    name: str
    """Of the campaign; the path, where the file never had a valid one."""
    state: FileState
    content: str
    loaded: LoadedCampaign | None = None
    """None unless it is valid."""
    reader: SourceReader | None = None
    problem: Problem | None = None
    versions: Versions = ()
    """Of the files that it reads contacts and lists from, and of the policy file."""


class CampaignFiles:
    """Use it in one thread at a time."""

    def __init__(self, paths: Sequence[Path], settings: Settings, ledger: Ledger) -> None:
        self._paths = paths
        self._settings = settings
        self._ledger = ledger
        self._known: dict[Path, CampaignFile] = {}

    def find(self) -> Sequence[CampaignFile]:
        """All files now, with those that are gone since they were found."""
        paths = self._campaign_paths()
        found = {path: self._look(path) for path in paths}
        gone = {path: _removed(file) for path, file in self._known.items() if path not in found}
        named = {file.name for file in found.values()}
        # A file that was renamed is not gone.
        self._known = {**found, **{path: file for path, file in gone.items() if file.name not in named}}
        return list(_without_twins(self._known.values()))

    def _campaign_paths(self) -> Iterable[Path]:
        # However a file is named, it is one campaign.
        paths: dict[Path, Path] = {}
        for path in self._paths:
            # A folder that is empty now may have files later.
            with suppress(RunnerError):
                for file in campaign_files(path):
                    if file.is_file():
                        paths.setdefault(file.resolve(), file)
        return paths.values()

    def _look(self, path: Path) -> CampaignFile:
        known = self._known.get(path)
        if known is None or known.state is FileState.REMOVED or known.content != content_of(path):
            known = self._read(path, str(path) if known is None else known.name)
        return replace(known, versions=(*_versions(known), _policy_version(self._settings.policy_file)))

    def _read(self, path: Path, name: str) -> CampaignFile:
        """What was read is what the hash is of."""
        for _ in range(_TRIES):
            content = content_of(path)
            file = self._loaded(path, name, content)
            if content_of(path) == content:
                return file
        problem = Problem(message=f"{path} changes while it is read", hint="it is read again soon")
        return CampaignFile(path=path, name=name, state=FileState.BROKEN, content="", problem=problem)

    def _loaded(self, path: Path, name: str, content: str) -> CampaignFile:
        try:
            loaded = load(path)
        except RunnerError as error:
            return CampaignFile(
                path=path, name=name, state=FileState.BROKEN, content=content, problem=problem_of(error)
            )
        return CampaignFile(
            path=path,
            name=loaded.campaign.name,
            state=FileState.VALID,
            content=content,
            loaded=loaded,
            reader=source_reader(loaded, self._settings, self._ledger),
        )


def problem_of(error: RunnerError) -> Problem:
    """Without the error itself, which would keep all that was in memory where it was raised."""
    diagnostics = error.diagnostics if isinstance(error, CampaignInvalidError) else ()
    return Problem(message=error.message, hint=error.hint, diagnostics=diagnostics)


def _removed(file: CampaignFile) -> CampaignFile:
    problem = Problem(
        message=f"{file.path} was removed: no calls are sent, and those that are planned stay planned",
        hint=f"put the file back, or withdraw what is planned: runner cancel {file.name}",
    )
    return replace(file, state=FileState.REMOVED, loaded=None, reader=None, problem=problem, versions=())


def _without_twins(files: Iterable[CampaignFile]) -> Iterator[CampaignFile]:
    """To the ledger, two files with one name would be one campaign: neither is carried out."""
    given = list(files)
    number = Counter(file.name for file in given if file.state is FileState.VALID)
    for file in given:
        if file.state is FileState.VALID and number[file.name] > 1:
            twins = " and ".join(str(other.path) for other in given if other.name == file.name)
            problem = Problem(
                message=f"{twins} have the same name {file.name}", hint="give each campaign its own `name`"
            )
            yield replace(file, state=FileState.BROKEN, loaded=None, reader=None, problem=problem)
        else:
            yield file


def _versions(file: CampaignFile) -> Versions:
    if file.loaded is None or file.reader is None:
        return ()
    contacts = file.loaded.campaign.contacts
    declared: Iterable[AnySource] = (*contacts.sources, *contacts.suppress)
    in_files = (each for each in declared if not isinstance(each, HttpRows | SqlRows | InlineRows))
    return tuple(_version(file.reader, each) for each in in_files)


def _policy_version(path: Path | None) -> str | None:
    """None without one; where it cannot be read, the plan says so."""
    try:
        found = None if path is None else path.stat()
    except OSError as error:
        return error.strerror
    return None if found is None else f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"


def _version(reader: SourceReader, declared: AnySource) -> Version | str | None:
    try:
        return reader.source(declared).version()
    except SourceError as error:
        return error.message
