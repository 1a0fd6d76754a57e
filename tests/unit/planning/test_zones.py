"""The time zones of a contact: of the campaign, else of the row, else of the number."""

import pytest

from runner.contacts.contact import Contact, Row
from runner.planning.zones import CONTACT, UnknownTimezoneError, own_zones, zones_for

BOSTON = "+16175550100"
IDAHO_IN_TWO_ZONES = "+12085550100"
TOLL_FREE = "+18005550100"


def somebody(phone=BOSTON, timezone=""):
    row = Row(source="inline", line=1, values={})
    return Contact(key="k", phone=phone, timezone=timezone, priority=0, not_before="", not_after="", row=row)


def complaint(timezone):
    with pytest.raises(UnknownTimezoneError) as raised:
        zones_for(somebody(timezone=timezone), CONTACT)
    return str(raised.value)


def test_a_fixed_zone_applies_to_all_contacts_even_if_the_row_has_an_invalid_zone():
    fixed = ("Europe/Paris",)
    assert zones_for(somebody(timezone="America/Chicago"), "Europe/Paris") == fixed
    assert zones_for(somebody(timezone="nonsense"), "Europe/Paris") == fixed


def test_the_zone_of_the_row_overrides_the_number():
    found = zones_for(somebody(timezone=" America/Chicago "), CONTACT)
    assert found == ("America/Chicago",)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_zone_falls_back_to_the_number(empty):
    found = zones_for(somebody(timezone=empty), CONTACT)
    assert found == ("America/New_York",)


def test_a_number_in_two_zones_leaves_both_open_in_a_fixed_order():
    found = zones_for(somebody(IDAHO_IN_TWO_ZONES), CONTACT)
    assert found == ("America/Boise", "America/Los_Angeles")


def test_a_toll_free_number_may_be_anywhere():
    names = zones_for(somebody(TOLL_FREE), CONTACT)
    assert len(names) > 10
    assert list(names) == sorted(set(names))


def test_a_number_without_a_known_zone_is_refused_with_advice():
    with pytest.raises(UnknownTimezoneError, match=r"contacts\.timezone"):
        # Satellite phones belong to no country.
        zones_for(somebody("+881612345678"), CONTACT)


def test_a_mistyped_zone_gets_the_nearest_name():
    assert complaint("America/NewYork") == (
        "America/NewYork is not the IANA time zone of a place; did you mean `America/New_York`?"
    )


@pytest.mark.parametrize("known_area", ["Europe/Qqqqqqqqqqqqqqq", "america/chicago"])
def test_text_of_the_form_of_a_zone_is_named(known_area):
    assert known_area in complaint(known_area)


@pytest.mark.parametrize(
    "private",
    ["Smith", "Smith/Jane", "Jane Smith", "Jane/Smith 617", "617-555-0100", "12 Main/St", "a" * 5000, "Ira"],
)
def test_with_shifted_columns_no_data_of_the_row_is_shown(private):
    assert complaint(private) == "the row's timezone is not an IANA name, such as America/Chicago"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EST", "America/New_York"),
        ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"),
        ("Etc/GMT+5", "America/New_York"),
        ("CST6CDT", "America/Chicago"),
        ("CST", "America/Chicago"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("Asia/Bombay", "Asia/Kolkata"),
    ],
)
def test_an_abbreviation_or_fixed_offset_of_a_row_is_refused_and_names_the_place(name, meant):
    """EST has no summer time: a contact in New York who is written so would be called an hour late."""
    assert complaint(name).endswith(f"; did you mean `{meant}`?")


def test_own_zones_are_the_contacts_whatever_the_campaigns_zone():
    assert own_zones(somebody()) == ("America/New_York",)
    assert own_zones(somebody(timezone="Asia/Tokyo")) == ("Asia/Tokyo",)


def test_own_zones_are_empty_if_unknown():
    assert own_zones(somebody(timezone="nonsense")) == ()
    assert own_zones(somebody("+881612345678")) == ()
