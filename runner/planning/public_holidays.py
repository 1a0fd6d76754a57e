"""Public holidays of a country or a part of it. The only door to the `holidays` package. Pure."""

from collections.abc import Callable
from datetime import date
from importlib.metadata import version

from runner.campaign.did_you_mean import did_you_mean
from runner.campaign.model import Holidays
from runner.errors import ExitStatus, RunnerError

HolidayName = Callable[[date], str]
"""What is celebrated on a local date; empty on any other."""


class UnknownPlaceError(RunnerError):
    """The package knows no holidays of that country or subdivision. `key` names which of the two."""

    exit_status = ExitStatus.CAMPAIGN_INVALID

    def __init__(self, key: str, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.key = key


def public_holidays(place: Holidays | None) -> HolidayName:
    """The public holidays of a place, observed days included. Raises UnknownPlaceError."""
    if place is None:
        return lambda _day: ""
    # A third of a second to import, and most campaigns do not ask for it.
    import holidays  # noqa: PLC0415

    try:
        calendar = holidays.country_holidays(place.country, subdiv=place.subdivision, observed=True)
    except NotImplementedError:
        # Only now, because the list costs an import of every country.
        raise _unknown_place(place, holidays.list_supported_countries(include_aliases=False)) from None
    return lambda day: str(calendar.get(day, ""))


def data_version() -> str:
    return version("holidays")


def _unknown_place(place: Holidays, supported: dict[str, list[str]]) -> UnknownPlaceError:
    if place.country not in supported:
        return UnknownPlaceError(
            "country",
            f"no public holidays are known for country {place.country}",
            hint=did_you_mean(place.country, supported) or "write two capitals of ISO 3166, such as US",
        )
    known = supported[place.country]
    return UnknownPlaceError(
        "subdivision",
        f"no public holidays are known for {place.subdivision} in {place.country}",
        hint=did_you_mean(place.subdivision or "", known) or f"known are {', '.join(known) or 'none'}",
    )
