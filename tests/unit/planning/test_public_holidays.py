from datetime import date, timedelta

import holidays
import pytest
from holidays.registry import COUNTRIES

from runner.campaign.model import Holidays
from runner.campaign.values import countries as country_codes
from runner.planning.public_holidays import UnknownPlaceError, public_holidays

YEARS = (2026, 2027)
CODES = sorted(code for _, *codes in COUNTRIES.values() for code in codes if code in country_codes())


@pytest.mark.parametrize("first_letter", sorted({code[0] for code in CODES}))
def test_a_country_loaded_alone_has_the_holidays_of_the_whole_package(first_letter):
    for code in (code for code in CODES if code[0] == first_letter):
        known = holidays.country_holidays(code, observed=True, years=YEARS)
        ours = public_holidays(Holidays(country=code))
        days = (date(YEARS[0], 1, 1) + timedelta(days=number) for number in range(365 * len(YEARS)))
        assert {day: ours(day) for day in days if ours(day)} == dict(known), code


def test_a_state_has_the_holidays_of_the_whole_package():
    for state in holidays.list_supported_countries()["US"]:
        known = holidays.country_holidays("US", subdiv=state, observed=True, years=2026)
        ours = public_holidays(Holidays(country="US", subdivision=state))
        assert all(ours(day) == name for day, name in known.items()), state


@pytest.mark.parametrize(
    ("place", "key"),
    [({"country": "TA"}, "country"), ({"country": "US", "subdivision": "XX"}, "subdivision")],
)
def test_an_unknown_place_is_an_error_each_time(place, key):
    for _ in range(2):
        with pytest.raises(UnknownPlaceError) as caught:
            public_holidays(Holidays(**place))
        assert caught.value.key == key
