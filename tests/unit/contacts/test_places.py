from datetime import datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign import timezones
from runner.contacts.places import possible_states, read_postal_code, read_state, states, states_of_number

_EASTERN, _CENTRAL = "America/New_York", "America/Chicago"


@pytest.mark.parametrize(
    ("written", "state", "zones"),
    [
        ("02139", "MA", [_EASTERN]),
        ("02139-4307", "MA", [_EASTERN]),
        ("021394307", "MA", [_EASTERN]),
        (" 37203 ", "TN", [_CENTRAL]),  # Nashville
        ("37902", "TN", [_EASTERN]),  # Knoxville
        ("42001", "KY", [_CENTRAL]),  # Paducah
        ("40202", "KY", ["America/Kentucky/Louisville"]),
        ("46402", "IN", [_CENTRAL]),  # Gary
        ("46204", "IN", ["America/Indiana/Indianapolis"]),
        ("47586", "IN", ["America/Indiana/Tell_City"]),
        ("32501", "FL", [_CENTRAL]),  # Pensacola
        ("79901", "TX", ["America/Denver"]),  # El Paso
        ("86515", "AZ", ["America/Denver"]),  # Window Rock, in the Navajo Nation
        ("00901", "PR", ["America/Puerto_Rico"]),
        ("96910", "GU", ["Pacific/Guam"]),
        ("36867", "AL", [_CENTRAL, _EASTERN]),  # Phenix City keeps the time of Columbus, Georgia
        ("89883", "NV", ["America/Denver", "America/Los_Angeles"]),  # West Wendover
    ],
)
def test_zip_code_gives_its_state_and_zones(written, state, zones):
    place = read_postal_code(written)
    assert place is not None
    assert (place.state, list(place.zones)) == (state, zones)


@pytest.mark.parametrize(
    ("written", "state"), [("2139", "MA"), ("2139.0", "MA"), ("901", "PR"), ("2139-4307", "MA")]
)
def test_zip_code_that_a_spreadsheet_shortened_is_completed(written, state):
    place = read_postal_code(written)
    assert place is not None
    assert place.state == state


@pytest.mark.parametrize(
    ("written", "province", "zones"),
    [
        ("A1C 5S7", "NL", {"America/St_Johns", "America/Goose_Bay"}),
        ("m5v2t6", "ON", {"America/Toronto"}),
        ("P9N", "ON", {"America/Toronto", "America/Atikokan", "America/Winnipeg"}),
        ("H2X 1Y4", "QC", {"America/Toronto"}),
        ("X0A 0H0", "NU", set(states()["NU"].zones)),
        ("X1A-2L9", "NT", {"America/Edmonton", "America/Inuvik"}),
    ],
)
def test_canadian_postal_code_gives_its_province_and_zones(written, province, zones):
    place = read_postal_code(written)
    assert place is not None
    assert (place.state, set(place.zones)) == (province, zones)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "n/a",
        "00000",
        "99999",
        "09012",
        "021",
        "12",
        "0213",
        "021394",
        "D1A 1A1",
        "X9A 1A1",
        "SW1A 1AA",
        "M5V 2T",
    ],
)
def test_postal_code_that_does_not_exist_says_nothing(written):
    assert read_postal_code(written) is None


@pytest.mark.parametrize("written", ["MA", "ma", " Massachusetts ", "US-MA", "massachusetts"])
def test_state_is_read_as_code_or_name(written):
    place = read_state(written)
    assert place is not None
    assert (place.state, place.zones) == ("MA", (_EASTERN,))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Québec", "QC"),
        ("D.C.", "DC"),
        ("district of columbia", "DC"),
        ("CA-ON", "ON"),
        ("CA", "CA"),
        ("PR", "PR"),
    ],
)
def test_state_is_read_without_its_signs(written, code):
    place = read_state(written)
    assert place is not None
    assert place.state == code


@pytest.mark.parametrize("written", ["", "-", "XX", "AE", "US", "Bavaria", "CA-MA"])
def test_unknown_state_says_nothing(written):
    assert read_state(written) is None


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+16175550100", {"MA"}),
        ("+12703454000", {"KY"}),
        ("+17875550100", {"PR"}),
        ("+17095550100", {"NL"}),
        ("+19025550100", {"NS", "PE"}),
        ("+18675550100", {"NT", "NU", "YT"}),
        ("+18005550100", set()),
        ("+18765550100", set()),  # Jamaica
        ("+442071838750", set()),
        ("+1617555010", set()),
    ],
)
def test_area_code_gives_the_states_it_serves(number, found):
    assert states_of_number(number) == found


def test_declared_state_comes_before_postal_code_and_both_before_the_number():
    number, zip_code = "+16175550100", "33101"
    assert possible_states(number, zip_code, "Texas") == {"TX"}
    assert possible_states(number, zip_code, "") == {"FL"}
    assert possible_states(number, zip_code, "unknown") == {"FL"}
    assert possible_states(number, "unknown", "") == {"MA"}
    assert possible_states("+18005550100", "", "") == frozenset()


def test_every_area_code_in_use_has_a_state():
    in_use = {
        number[2:5]
        for code in range(200, 1000)
        if phonenumbers.region_code_for_number(phonenumbers.parse(number := f"+1{code}3454000"))
        in {"US", "CA"}
        and phonenumbers.number_type(phonenumbers.parse(number))
        == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    }
    assert len(in_use) > 400
    assert {code for code in in_use if not states_of_number(f"+1{code}3454000")} <= {"600"}


def _rows(name):
    text = (files("runner.contacts") / "place_data" / name).read_text(encoding="utf-8")
    return [line.split(",") for line in text.splitlines() if not line.startswith("#")][1:]


def test_zip_codes_are_in_order_and_do_not_overlap():
    rows = _rows("zip_codes.csv")
    codes = [code for row in rows for code in row[:2]]
    assert codes == sorted(codes)
    assert all(first[:3] == last[:3] for first, last, *_ in rows)
    assert all(before[1] < after[0] for before, after in pairwise(rows))


def test_every_zone_of_the_tables_exists():
    named = [zones for *_, zones in (*_rows("zip_codes.csv"), *_rows("states.csv"), *_rows("canada.csv"))]
    assert {zone for zones in named for zone in zones.split()} <= set(timezones.names())


def test_a_state_has_the_clocks_of_its_zip_codes():
    weeks = [datetime(2027, 1, 1) + timedelta(weeks=week) for week in range(150)]  # noqa: DTZ001 - local time

    def clocks(zones):
        return {tuple(map(timezones.zone(zone).utcoffset, weeks)) for zone in zones}

    of_zip_codes: dict[str, set[str]] = {}
    for _, _, state, zones in _rows("zip_codes.csv"):
        of_zip_codes.setdefault(state, set()).update(zones.split())
    for code, zones in of_zip_codes.items():
        assert clocks(zones) <= clocks(states()[code].zones), code
        assert len(states()[code].zones) == len(clocks(states()[code].zones))


@given(st.text(max_size=12))
def test_any_text_is_read_or_says_nothing(text):
    for read in (read_postal_code, read_state):
        place = read(text)
        assert place is None or (place.state in states() and place.zones)
