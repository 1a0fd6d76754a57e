"""What can be wrong with a campaign file beyond the file itself."""

from runner.campaign.diagnostics import CampaignInvalidError, Severity
from runner.campaign.loader import LoadedCampaign
from runner.planning.public_holidays import UnknownPlaceError, public_holidays


def check_holidays(loaded: LoadedCampaign) -> None:
    """Raises CampaignInvalidError when the campaign names a country or subdivision without known holidays."""
    try:
        public_holidays(loaded.campaign.calling_windows.holidays)
    except UnknownPlaceError as error:
        place = ("calling_windows", "holidays", error.key)
        finding = loaded.diagnostic(Severity.ERROR, "unknown_place", error.message, place, error.hint)
        raise CampaignInvalidError([finding]) from None
