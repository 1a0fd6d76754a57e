"""Checks campaign files: the file itself, its holidays, the files that it names, and other campaigns."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.document import Location
from runner.campaign.lint import WEEKLY
from runner.campaign.loader import LoadedCampaign
from runner.campaign.source_models import AnySource
from runner.campaign.variables import NO_VARIABLES, Variables
from runner.campaign.warning_codes import SuppressedWarning, WarningCode, part
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader
from runner.errors import MissingSourceError, SourceError
from runner.planning.public_holidays import UnknownPlaceError, public_holidays
from runner.planning.unused_windows import ALL_CLOSED, ALL_CLOSED_HINT, closed_windows
from runner.services.campaigns import data_roots, load
from runner.services.progress import NO_PROGRESS, Progress
from runner.services.rules import check_rules


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A campaign file and all that there is to say about it. `loaded` is None where it is invalid."""

    file: Path
    loaded: LoadedCampaign | None
    findings: tuple[Diagnostic, ...]
    suppressed: tuple[SuppressedWarning, ...] = ()


def check_files(
    files: Iterable[Path],
    *,
    contacts: bool = False,
    variables: Variables = NO_VARIABLES,
    progress: Progress = NO_PROGRESS,
) -> list[CheckedFile]:
    """Checks each file, with its `contacts` only where asked to, and that no two campaigns have one name: to
    the ledger they are one campaign. Raises UsageError for a variable that a file does not declare.
    """
    checked: list[CheckedFile] = []
    first: dict[str, Path] = {}
    for file in files:
        each = _check(file, contacts=contacts, variables=variables, progress=progress)
        if each.loaded is not None:
            other = first.setdefault(each.loaded.campaign.name, file)
            each = each if other is file else _with_same_name(each, each.loaded, other)
        checked.append(each)
    return checked


def _check(file: Path, *, contacts: bool, variables: Variables, progress: Progress) -> CheckedFile:
    try:
        loaded = load(file, variables)
        check_holidays(loaded)
        closed_by_rules = tuple(check_rules(loaded))
    except CampaignInvalidError as error:
        return CheckedFile(file, None, error.diagnostics)
    places = tuple(source_places(loaded))
    found = (*loaded.warnings, *all_closed(loaded), *closed_by_rules, *places)
    if contacts and not places:
        # It plans, which nothing else here needs.
        from runner.services.contact_checks import check_contacts  # noqa: PLC0415

        found = (*found, *check_contacts(loaded, found, progress))
    return _checked(file, loaded, found)


def _checked(file: Path, loaded: LoadedCampaign, found: Sequence[Diagnostic]) -> CheckedFile:
    shown, suppressed = part(found, loaded.campaign.silence)
    return CheckedFile(file, loaded, shown, suppressed)


def _with_same_name(each: CheckedFile, loaded: LoadedCampaign, other: Path) -> CheckedFile:
    warning = loaded.diagnostic(
        Severity.WARNING,
        WarningCode.SAME_NAME,
        f"{other} has the same name: to the ledger both are one campaign, and each apply withdraws the "
        "other's calls",
        ("name",),
        "give each campaign its own name",
    )
    more = _checked(each.file, loaded, [warning])
    return replace(
        each,
        findings=(*each.findings, *more.findings),
        suppressed=(*each.suppressed, *more.suppressed),
    )


def check_holidays(loaded: LoadedCampaign) -> None:
    """Raises CampaignInvalidError when the campaign names a country or subdivision without known holidays."""
    try:
        public_holidays(loaded.campaign.calling_windows.holidays)
    except UnknownPlaceError as error:
        place = ("calling_windows", "holidays", error.key)
        finding = loaded.diagnostic(Severity.ERROR, "unknown_place", error.message, place, error.hint)
        raise CampaignInvalidError([finding]) from None


def all_closed(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """Warnings about windows that holidays leave nothing of; only where the dates do not depend on today."""
    windows = loaded.campaign.calling_windows
    if windows.dates.from_ is not None and windows.dates.to is not None:
        for entry in closed_windows(windows, now=0):
            place = (*WEEKLY, *entry.location)
            yield loaded.diagnostic(
                Severity.WARNING, WarningCode.UNREACHABLE_WINDOW, ALL_CLOSED, place, ALL_CLOSED_HINT
            )


def declared_sources(loaded: LoadedCampaign) -> Iterator[tuple[Location, AnySource]]:
    """Every source and suppression list, with the place of its path in the campaign file."""
    contacts = loaded.campaign.contacts
    for field, declared in (("sources", contacts.sources), ("suppress", contacts.suppress)):
        for position, source in enumerate(declared):
            yield ("contacts", field, position, "path"), source


def source_places(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """Errors about sources and lists that may not be read, warnings about those that do not exist."""
    for place, source in declared_sources(loaded):
        try:
            _find(loaded, source)
        except MissingSourceError as error:
            code = WarningCode.MISSING_SOURCE
            yield loaded.diagnostic(Severity.WARNING, code, error.message, place, error.hint)
        except SourceError as error:
            yield loaded.diagnostic(Severity.ERROR, "bad_source", error.message, place, error.hint)


def _find(loaded: LoadedCampaign, source: AnySource) -> None:
    """Raises SourceError. RUNNER_DATA_ROOTS is only read for a source outside of the campaign's folder:
    reading the settings takes longer than all other checks.
    """
    try:
        SourceReader(SourceFolder(loaded.path)).source(source).version()
    except MissingSourceError:
        raise
    except SourceError:
        folder = SourceFolder(loaded.path, data_roots=tuple(data_roots()))
        SourceReader(folder).source(source).version()
