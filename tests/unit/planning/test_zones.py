"""The time zones of a contact: of the campaign, else of the row, else of its place and number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.model import CONTACT
from runner.contacts.contact import Contact, Row
from runner.planning.zones import (
    UnknownTimezoneError,
    ZoneOrigin,
    combined,
    evidence,
    own_zones,
    unread_places,
    zones_for,
)

BOSTON = "+16175550100"
IDAHO_IN_TWO_ZONES = "+12085550100"
TOLL_FREE = "+18005550100"
SATELLITE = "+881612345678"
NEWFOUNDLAND = "+17095550100"
NASHVILLE = "+16155550100"

EASTERN, CENTRAL, MOUNTAIN, PACIFIC = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
)


def somebody(phone=BOSTON, timezone="", postal_code="", state=""):
    return Contact(
        key="k",
        phone=phone,
        others=(),
        timezone=timezone,
        postal_code=postal_code,
        state=state,
        priority=0,
        not_before="",
        not_after="",
        row=Row(source="inline", line=1, values={}),
    )


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
        zones_for(somebody(SATELLITE), CONTACT)


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
    assert own_zones(somebody(SATELLITE)) == ()


@pytest.mark.parametrize(
    ("phone", "postal_code", "state", "zones"),
    [
        # Of no place: the address decides alone.
        (TOLL_FREE, "48201", "", ["America/Detroit"]),
        (TOLL_FREE, "96813", "", ["Pacific/Honolulu"]),
        (TOLL_FREE, "", "PR", ["America/Puerto_Rico"]),
        (TOLL_FREE, "", "Tennessee", [CENTRAL, EASTERN]),
        (TOLL_FREE, "37902", "Tennessee", [EASTERN]),
        # Area codes in two zones.
        (IDAHO_IN_TWO_ZONES, "83702", "", ["America/Boise"]),
        (IDAHO_IN_TWO_ZONES, "83814", "ID", [PACIFIC]),
        (IDAHO_IN_TWO_ZONES, "", "ID", ["America/Boise", PACIFIC]),
        (NASHVILLE, "37203", "TN", [CENTRAL]),
        (NASHVILLE, "", "TN", [CENTRAL]),
        # Gary, Orlando and Panama City, at exchanges that the library does not know.
        ("+12195550100", "46402", "IN", [CENTRAL]),
        ("+16895550100", "32801", "FL", [EASTERN]),
        ("+16895550100", "", "FL", [CENTRAL, EASTERN]),
        ("+14485550100", "32401", "FL", [CENTRAL]),
        ("+18505550100", "", "FL", [CENTRAL, EASTERN]),
        ("+13175550100", "46204", "IN", ["America/Indiana/Indianapolis"]),
        ("+15025550100", "40202", "", ["America/Kentucky/Louisville"]),
        ("+17875550100", "00901", "PR", ["America/Puerto_Rico"]),
        (NEWFOUNDLAND, "A1C 5S7", "", ["America/Goose_Bay", "America/St_Johns"]),
        (NEWFOUNDLAND, "", "Newfoundland and Labrador", ["America/Goose_Bay", "America/St_Johns"]),
        # Moved, and kept the number.
        (BOSTON, "90210", "", [PACIFIC, EASTERN]),
        (BOSTON, "90210", "CA", [PACIFIC, EASTERN]),
        # The address contradicts itself.
        (BOSTON, "02139", "CA", [PACIFIC, EASTERN]),
        (TOLL_FREE, "02139", "CA", [PACIFIC, EASTERN]),
        # Says nothing.
        (BOSTON, "n/a", "??", [EASTERN]),
        (BOSTON, "n/a", "MA", [EASTERN]),
        (SATELLITE, "02139", "", [EASTERN]),
    ],
)
def test_postal_code_and_state_narrow_the_zones_of_the_number_or_add_to_them(
    phone, postal_code, state, zones
):
    assert list(zones_for(somebody(phone, postal_code=postal_code, state=state), CONTACT)) == sorted(zones)


def test_the_zone_of_the_row_overrides_postal_code_and_state():
    found = zones_for(somebody(timezone="Asia/Tokyo", postal_code="90210", state="CA"), CONTACT)
    assert found == ("Asia/Tokyo",)


def test_the_default_zone_counts_where_nothing_says_where_the_contact_is():
    assert zones_for(somebody(SATELLITE), CONTACT, "America/Denver") == (MOUNTAIN,)
    assert zones_for(somebody(TOLL_FREE), CONTACT, "America/Denver") == (MOUNTAIN,)
    assert zones_for(somebody(TOLL_FREE, postal_code="02139"), CONTACT, "America/Denver") == (EASTERN,)
    assert zones_for(somebody(), CONTACT, "America/Denver") == (EASTERN,)
    assert zones_for(somebody(IDAHO_IN_TWO_ZONES), CONTACT, "America/Denver") == ("America/Boise", PACIFIC)
    assert own_zones(somebody(SATELLITE), "America/Denver") == (MOUNTAIN,)


def test_the_default_zone_does_not_replace_a_wrong_zone_of_the_row():
    with pytest.raises(UnknownTimezoneError):
        zones_for(somebody(timezone="nonsense"), CONTACT, "America/Denver")


def test_evidence_names_the_value_of_each_zone():
    contact = somebody(BOSTON, postal_code="90210", state="California")
    assert evidence(contact, None) == (
        (ZoneOrigin.POSTAL_CODE, (PACIFIC,)),
        (ZoneOrigin.STATE, (PACIFIC,)),
        (ZoneOrigin.NUMBER, (EASTERN,)),
    )
    assert evidence(somebody(SATELLITE), MOUNTAIN) == ((ZoneOrigin.DEFAULT, (MOUNTAIN,)),)


@pytest.mark.parametrize(
    ("postal_code", "state", "unread"),
    [("", "", ()), ("02139", "MA", ()), ("?", "MA", ("postal_code",)), ("?", "?", ("postal_code", "state"))],
)
def test_a_value_that_is_not_empty_and_not_a_known_place_is_reported(postal_code, state, unread):
    assert unread_places(somebody(postal_code=postal_code, state=state)) == unread


ZONES = st.lists(st.sampled_from([EASTERN, CENTRAL, MOUNTAIN, PACIFIC, "America/Detroit"]), min_size=1)


@given(st.lists(ZONES.map(tuple), min_size=1, max_size=3).map(tuple))
def test_combined_zones_never_leave_out_what_all_agree_on(found):
    def same_clock(name):
        return EASTERN if name == "America/Detroit" else name

    clocks = [set(map(same_clock, zones)) for zones in found]
    shared = set.intersection(*clocks)
    assert {same_clock(name) for name in combined(found)} == (shared or set.union(*clocks))
