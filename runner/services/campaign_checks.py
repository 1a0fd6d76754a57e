"""What can be wrong with a campaign file beyond the file itself."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.document import Location
from runner.campaign.lint import WEEKLY
from runner.campaign.loader import LoadedCampaign
from runner.campaign.source_models import AnySource
from runner.campaign.warning_codes import WarningCode
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader
from runner.errors import MissingSourceError, SourceError
from runner.planning.public_holidays import UnknownPlaceError, public_holidays
from runner.planning.unused_windows import ALL_CLOSED, ALL_CLOSED_HINT, closed_windows

DataRoots = Callable[[], Iterable[Path]]
"""Reads the folders of RUNNER_DATA_ROOTS. Called only where a source lies outside of the campaign's folder:
reading the settings takes longer than all other checks.
"""


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


def source_places(loaded: LoadedCampaign, data_roots: DataRoots) -> Iterator[Diagnostic]:
    """Errors about sources and lists that may not be read, warnings about those that do not exist."""
    contacts = loaded.campaign.contacts
    for field, declared in (("sources", contacts.sources), ("suppress", contacts.suppress)):
        for position, source in enumerate(declared):
            place = ("contacts", field, position, "path")
            yield from _source_place(loaded, source, place, data_roots)


def _source_place(
    loaded: LoadedCampaign, source: AnySource, place: Location, data_roots: DataRoots
) -> Iterator[Diagnostic]:
    try:
        _find(loaded, source, data_roots)
    except MissingSourceError as error:
        code = WarningCode.MISSING_SOURCE
        yield loaded.diagnostic(Severity.WARNING, code, error.message, place, error.hint)
    except SourceError as error:
        yield loaded.diagnostic(Severity.ERROR, "bad_source", error.message, place, error.hint)


def _find(loaded: LoadedCampaign, source: AnySource, data_roots: DataRoots) -> None:
    """Raises SourceError."""
    try:
        SourceReader(SourceFolder(loaded.path)).source(source).version()
    except MissingSourceError:
        raise
    except SourceError:
        folder = SourceFolder(loaded.path, data_roots=tuple(data_roots()))
        SourceReader(folder).source(source).version()
