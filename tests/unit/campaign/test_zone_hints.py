"""A zone is the name of a place or UTC; what is not one gets the place that is meant, or no suggestion."""

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from runner.campaign import timezones
from runner.campaign.model import CallingWindows, Holidays
from runner.campaign.timezones import near_zone, usual_zone, usual_zones
from runner.campaign.values import countries, known_zone


def hint(name):
    with pytest.raises(PydanticCustomError) as raised:
        known_zone(name, also="contact")
    assert raised.value.type == "bad_zone"
    return raised.value.context["hint"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CST", "America/Chicago"),
        ("PST", "America/Los_Angeles"),
        ("PDT", "America/Los_Angeles"),
        ("ET", "America/New_York"),
        ("EST", "America/New_York"),
        ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"),
        ("EST5EDT", "America/New_York"),
        ("CST6CDT", "America/Chicago"),
        ("Etc/GMT+5", "America/New_York"),
        ("UTC-5", "America/New_York"),
        ("-05:00", "America/New_York"),
        ("GMT", "Europe/London"),
        ("CET", "Europe/Berlin"),
        ("Etc/UTC", "UTC"),
        ("Zulu", "UTC"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("Eastern Daylight Time", "America/New_York"),
        ("US Mountain Standard Time", "America/Phoenix"),
        ("Central Time (US & Canada)", "America/Chicago"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("AUS Eastern Standard Time", "Australia/Sydney"),
        ("Asia/Bombay", "Asia/Kolkata"),
        ("America/Boston", "America/New_York"),
        ("America/NewYork", "America/New_York"),
        ("america/new york", "America/New_York"),
        ("New York", "America/New_York"),
        ("America/Chcago", "America/Chicago"),
        ("Contact", "contact"),
    ],
)
def test_an_unknown_zone_name_gets_a_suggestion(name, meant):
    assert hint(name) == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    "name", ["Europe/Qqqqq", "America/Dalas", "XST", "Etc/GMT-14", "{{ row.tz }}", "x" * 200]
)
def test_no_zone_is_suggested_where_none_is_near(name):
    assert hint(name) == "write an IANA name: America/New_York"


def test_a_template_is_refused_where_one_zone_holds_for_all():
    with pytest.raises(ValidationError) as raised:
        CallingWindows.model_validate({"timezone": "{{ row.tz }}", "weekly": {"daily": "09:15-17:00"}})
    (found,) = raised.value.errors()
    assert (found["type"], "contacts.timezone" in found["ctx"]["hint"]) == ("bad_zone", True)


@pytest.mark.parametrize(
    "name", ["UTC", "America/New_York", "US/Eastern", "Asia/Calcutta", "Japan", "contact"]
)
def test_names_of_places_and_utc_are_zones(name):
    assert known_zone(name, also="contact") == name


def test_every_abbreviation_and_fixed_offset_of_iana_is_refused():
    # What begins with a place has its summer time, or none because the place has none.
    assert not {name for name in timezones.names() if name.startswith("Etc/")}
    alone = {name for name in timezones.names() if "/" not in name}
    assert not {name for name in alone if any(character.isdigit() for character in name)}
    assert not alone & {"CET", "EET", "EST", "GMT", "HST", "MET", "MST", "WET", "UCT", "Zulu", "Factory"}


def test_every_zone_that_is_suggested_exists():
    assert set(usual_zones().values()) <= timezones.names()


def test_no_zone_is_suggested_in_place_of_itself():
    for name in timezones.names():
        assert usual_zone(name) in {"", name} or "/" not in name


def test_a_zone_is_never_corrected_to_that_of_another_area():
    assert near_zone("Europe/Chicago") == ""
    assert near_zone("Asia/Chcago") == ""


@pytest.mark.parametrize(("code", "meant"), [("UK", "GB"), ("EN", "GB"), ("SP", "ES"), ("SU", "RU")])
def test_a_usual_country_code_that_is_not_in_iso_3166_gets_a_suggestion(code, meant):
    with pytest.raises(ValidationError) as raised:
        Holidays(country=code)
    (found,) = raised.value.errors()
    assert (found["type"], found["ctx"]["hint"]) == ("bad_country", f"did you mean `{meant}`?")
    assert meant in countries()
