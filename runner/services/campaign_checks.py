"""Checks campaign files: the file itself, its holidays, the files that it names, and other campaigns."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic
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
    """Checks each file, with its `contacts` only where asked to, and that no two campaigns share what each
    needs for itself. Raises UsageError for a variable that a file does not declare.
    """
    check_contacts = _contact_check(progress) if contacts else None
    others = _Others()
    checked: list[CheckedFile] = []
    for file in files:
        each = _check(file, variables, check_contacts)
        if each.loaded is not None:
            each = _with_more(each, each.loaded, tuple(others.shared(each.loaded, file)))
        checked.append(each)
    return checked


_ContactCheck = Callable[[LoadedCampaign, Collection[Diagnostic]], Iterable[Diagnostic]]


def _contact_check(progress: Progress) -> _ContactCheck:
    # It plans, which nothing else here needs.
    from runner.services.contact_checks import ContactChecks  # noqa: PLC0415

    return ContactChecks(progress).check


def _check(file: Path, variables: Variables, check_contacts: _ContactCheck | None) -> CheckedFile:
    try:
        loaded = load(file, variables)
        check_holidays(loaded)
        closed_by_rules = tuple(check_rules(loaded))
    except CampaignInvalidError as error:
        return CheckedFile(file, None, error.diagnostics)
    places = tuple(source_places(loaded))
    found = (*loaded.warnings, *all_closed(loaded), *closed_by_rules, *places)
    if check_contacts is not None and not places:
        found = (*found, *check_contacts(loaded, found))
    return _checked(file, loaded, found)


def _checked(file: Path, loaded: LoadedCampaign, found: Sequence[Diagnostic]) -> CheckedFile:
    shown, suppressed = part(found, loaded.campaign.silence)
    return CheckedFile(file, loaded, shown, suppressed)


def _with_more(each: CheckedFile, loaded: LoadedCampaign, found: Sequence[Diagnostic]) -> CheckedFile:
    more = _checked(each.file, loaded, found)
    return replace(
        each,
        findings=(*each.findings, *more.findings),
        suppressed=(*each.suppressed, *more.suppressed),
    )


class _Others:
    """The first file with each name, and with each survey instance."""

    def __init__(self) -> None:
        self._names: dict[str, Path] = {}
        self._instances: dict[tuple[str, str], Path] = {}

    def shared(self, loaded: LoadedCampaign, file: Path) -> Iterator[Diagnostic]:
        """What this file shares with one before it. To the ledger, campaigns of one name are one; to Insight,
        those of one instance are.
        """
        campaign, survey = loaded.campaign, loaded.campaign.survey
        other = self._names.setdefault(campaign.name, file)
        if other is not file:
            yield loaded.warning(
                WarningCode.SAME_NAME,
                f"{other} has the same name: to the ledger both are one campaign, and each apply withdraws "
                "the other's calls",
                ("name",),
                "give each campaign its own name",
            )
        other = self._instances.setdefault((survey.survey_id, survey.instance_id), file)
        if other is not file:
            yield loaded.warning(
                WarningCode.SAME_INSTANCE,
                f"{other} uses the same survey instance: `cancel --pending-at-insight` of one campaign also "
                "cancels the calls of the other",
                ("survey", "instance_id"),
                "give each campaign an instance of its own",
            )


def check_holidays(loaded: LoadedCampaign) -> None:
    """Raises CampaignInvalidError when the campaign names a country or subdivision without known holidays."""
    try:
        public_holidays(loaded.campaign.calling_windows.holidays)
    except UnknownPlaceError as error:
        place = ("calling_windows", "holidays", error.key)
        finding = loaded.error("unknown_place", error.message, place, error.hint)
        raise CampaignInvalidError([finding]) from None


def all_closed(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """Warnings about windows that holidays leave nothing of; only where the dates do not depend on today."""
    windows = loaded.campaign.calling_windows
    if windows.dates.from_ is not None and windows.dates.to is not None:
        for entry in closed_windows(windows, now=0):
            place = (*WEEKLY, *entry.location)
            yield loaded.warning(WarningCode.UNREACHABLE_WINDOW, ALL_CLOSED, place, ALL_CLOSED_HINT)


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
            yield loaded.warning(WarningCode.MISSING_SOURCE, error.message, place, error.hint)
        except SourceError as error:
            yield loaded.error("bad_source", error.message, place, error.hint)


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
