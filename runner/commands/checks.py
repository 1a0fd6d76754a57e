"""What can be wrong with a campaign file beyond the file itself."""

from collections.abc import Iterator

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.loader import LoadedCampaign
from runner.campaign.warning_codes import WarningCode
from runner.campaign.window_suspicions import WEEKLY
from runner.planning.public_holidays import UnknownPlaceError, public_holidays
from runner.planning.unused_windows import ALL_CLOSED, ALL_CLOSED_HINT, closed_windows


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
