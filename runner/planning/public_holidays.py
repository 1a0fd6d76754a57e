"""Public holidays of a country or a part of it. The only module that imports `holidays`. Pure."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.metadata import version
from importlib.util import module_from_spec
from typing import TYPE_CHECKING

from runner.campaign.diagnostics import did_you_mean
from runner.campaign.model import Holidays
from runner.errors import ExitStatus, RunnerError

if TYPE_CHECKING:
    from holidays import HolidayBase

HolidayName = Callable[[date], str]
"""The name of the holiday on a local date; empty if there is none."""


class UnknownPlaceError(RunnerError):
    """The package has no holidays for that country or subdivision. `key` names which of the two."""

    exit_status = ExitStatus.CAMPAIGN_INVALID

    def __init__(self, key: str, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.key = key


def public_holidays(place: Holidays | None) -> HolidayName:
    """The public holidays of a place, observed days included. Raises UnknownPlaceError."""
    if place is None:
        return lambda _day: ""
    calendar = _calendar(place)
    return lambda day: str(calendar.get(day, ""))


@lru_cache(maxsize=8)
def _calendar(place: Holidays) -> "HolidayBase":
    # Imported only when needed: most campaigns do not use it.
    import holidays  # noqa: PLC0415

    try:
        return _country(place.country)(subdiv=place.subdivision, observed=True)
    except NotImplementedError:
        # Imported only for the error: the list imports every country.
        raise _unknown_place(place, holidays.list_supported_countries(include_aliases=False)) from None


def _country(code: str) -> "type[HolidayBase]":
    """The package's class for a country. Raises NotImplementedError if there is none.

    Loads only its own module: a normal import would load all 250 countries.
    """
    import holidays  # noqa: PLC0415 - see above
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - see above

    module_name = next((name for name, codes in COUNTRIES.items() if code in codes[1:]), None)
    if module_name is None:
        raise NotImplementedError
    folders = [f"{folder}/countries" for folder in holidays.__path__]
    spec = PathFinder.find_spec(f"holidays.countries.{module_name}", folders)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(module_name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[HolidayBase] = getattr(module, code)
    return found


def data_version() -> str:
    return version("holidays")


def _unknown_place(place: Holidays, supported: dict[str, list[str]]) -> UnknownPlaceError:
    if place.country not in supported:
        return UnknownPlaceError(
            "country",
            f"no public holidays are known for country {place.country}",
            hint=did_you_mean(place.country, supported)
            or "use a two-letter ISO 3166 code in capitals, such as US",
        )
    known = supported[place.country]
    return UnknownPlaceError(
        "subdivision",
        f"no public holidays are known for {place.subdivision} in {place.country}",
        hint=did_you_mean(place.subdivision or "", known) or f"known are {', '.join(known) or 'none'}",
    )
