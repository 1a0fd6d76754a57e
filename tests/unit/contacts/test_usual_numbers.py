"""Six digits decide about a number of the United States and Canada: held against the library and its data."""

import random
import re
from re import _constants, _parser

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumber
from phonenumbers import timezone as library_zones
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

from runner.contacts import phone
from runner.contacts.phone import PhoneError, parse_phone, zones_of
from runner.contacts.places import zones_of_area_code

TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager",
    "uan", "voicemail",
)  # fmt: skip
OPEN_DIGITS = 4
"""Those of ten that come after the six that decide."""


def patterns_of_ten_digits(region):
    metadata = PhoneMetadata.metadata_for_region(region)
    for name in TYPES:
        described = getattr(metadata, name)
        if described is not None and described.national_number_pattern and 10 in described.possible_length:
            yield described.national_number_pattern


def free_tail(parsed) -> int:
    """How many digits at the end of what the pattern matches may be any, whichever branch matches."""
    free = 0
    for kind, value in reversed(list(parsed)):
        if kind is _constants.IN and value == [(_constants.CATEGORY, _constants.CATEGORY_DIGIT)]:
            free += 1
        elif kind is _constants.MAX_REPEAT and value[0] == value[1] and free_tail(value[2]) == 1:
            free += value[0]
        elif kind is _constants.SUBPATTERN:
            return free + free_tail(value[-1])
        elif kind is _constants.BRANCH:
            return free + min(free_tail(branch) for branch in value[1])
        else:
            return free
    return free


@pytest.mark.parametrize("region", ["US", "CA"])
def test_the_last_four_digits_decide_nothing_in_the_data_of_the_library(region):
    patterns = list(patterns_of_ten_digits(region))
    assert len(patterns) > 2
    assert all(free_tail(_parser.parse(pattern)) >= OPEN_DIGITS for pattern in patterns)


def test_no_other_country_of_the_numbering_plan_needs_more_than_six_digits():
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]:
        leading = PhoneMetadata.metadata_for_region(region).leading_digits
        assert (region in {"US", "CA"}) == (leading is None)
        assert leading is None or max(map(len, re.split(r"\|", leading.replace("[024]", "0")))) <= 6


def test_no_zone_needs_more_than_six_digits():
    assert max(len(prefix) for prefix in TIMEZONE_DATA if prefix.startswith("1")) <= 1 + 6


def of_the_library(text, region):
    """What the library makes of it, however long that takes."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def of_ours(text, region):
    try:
        return parse_phone(text, region)
    except PhoneError:
        return None


digits = st.text("0123456789", min_size=1, max_size=12)
national = st.one_of(
    st.from_regex(r"[2-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"(?:617|212|800|900|268|787|533|521|600|555)[0-9]{7}", fullmatch=True),
    digits,
)
spelling = st.sampled_from([
    "{0}{1}{2}", "+1{0}{1}{2}", "1{0}{1}{2}", "({0}) {1}-{2}", "({0}){1}-{2}", "{0}-{1}-{2}", "{0} {1} {2}",
    "{0}.{1}.{2}", "+1 {0} {1} {2}", "+1-{0}-{1}-{2}", "+1.{0}.{1}.{2}", "1-{0}-{1}-{2}", "+1 ({0}) {1}-{2}",
    "{0}-{1}.{2}", "{0}{1}.{2}", "1{0}{1}.{2}", " {0}{1}{2}", "({0}-{1}-{2}", "+{0}{1}{2}",
])  # fmt: skip


@given(national, spelling, st.sampled_from(["US", "CA", "AG", "DO", "PR", "GB", "DE", None]))
@example("6175550000", "1{0}{1}.{2}", "US")
@example("2684600000", "{0}{1}{2}", "AG")
def test_a_number_is_what_the_library_says_in_every_spelling(number, form, region):
    text = form.format(number[:3], number[3:6], number[6:])
    usual = phone._usual_number(text, region)  # noqa: SLF001 - the slow way reads more than the library does
    assert usual is None or usual == of_the_library(text, region)


@given(st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_zones_are_those_of_the_library_and_for_unknown_exchanges_all_of_the_area_code(e164):
    if of_the_library(e164, None) is None:
        return
    known = PhoneNumber(country_code=1, national_number=int(e164[2:]))
    of_library = set(library_zones.time_zones_for_number(known)) - {"Etc/Unknown"}
    if any(e164[1:length] in TIMEZONE_DATA for length in (6, 7, 8)):
        assert set(zones_of(e164)) == of_library
    else:
        assert set(zones_of(e164)) == of_library | set(zones_of_area_code(e164[2:5]))


def test_all_area_codes_agree_with_the_library_on_every_kind_of_exchange():
    endings = random.Random(1)
    for area in range(200, 1000):
        for exchange in (200, 211, 310, 456, 555, 700, 911, 999):
            number = f"{area}{exchange}{endings.randint(0, 9999):04}"
            assert of_ours(number, "US") == of_the_library(number, "US")
