import re
import unicodedata

import phonenumbers
import phonenumbers.timezone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from runner.contacts.phone import (
    PhoneError,
    country_of,
    data_version,
    dial_string,
    has_special_tariff,
    is_of_country,
    is_toll_free,
    mask,
    parse_main_number,
    parse_phone,
    zones_of,
)

BOSTON = "+16175551234"


@pytest.mark.parametrize(
    "text",
    [
        "6175551234",
        "617-555-1234",
        "617.555.1234",
        "(617) 555-1234",
        "1 617 555 1234",
        "+1 (617) 555-1234",
        " 617 555 1234\n",
        "\N{NO-BREAK SPACE}617\N{NO-BREAK SPACE}555\N{NO-BREAK SPACE}1234",
        "617\N{EN DASH}555\N{EN DASH}1234",
        "617\N{NON-BREAKING HYPHEN}555\N{NON-BREAKING HYPHEN}1234",
        "\N{LEFT-TO-RIGHT EMBEDDING}+1 617-555-1234\N{POP DIRECTIONAL FORMATTING}",
        "\uff16\uff11\uff17\uff15\uff15\uff15\uff11\uff12\uff13\uff14",
        "'6175551234",
        "6175551234.0",
        "16175551234.0",
        "tel:+1-617-555-1234",
        "TEL: 617 555 1234",
        "001 617 555 1234",
        "0016175551234",
        "011 1 617 555 1234",
        "617/555-1234",
        "617/555/1234",
        "617\u00b7555\u00b71234",
        "617-555-1234;",
        "617-555-1234 / ",
        '="6175551234"',
        "617\x7f555\x011234",
        "\u3164617\u2800555\u034f1234\ufe0f",
        "\u200e001 617 555 1234",
    ],
)
def test_a_number_is_read_as_people_and_spreadsheets_write_it(text):
    assert parse_phone(text, "US") == BOSTON


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("011 44 20 7946 0958", "US"),
        ("00 44 20 7946 0958", "US"),
        ("0044 20 7946 0958", "GB"),
        ("020 7946 0958", "GB"),
        ("+44 (0)20 7946 0958", "US"),
        ("+442079460958", None),
    ],
)
def test_national_and_foreign_prefixes_lead_to_the_same_number(text, region):
    assert parse_phone(text, region) == "+442079460958"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("030/901820", "DE", "+4930901820"),
        ("+49 (0) 30 / 901820", "US", "+4930901820"),
        ("01/5338450", "AT", "+4315338450"),
        ("06/12345678", "IT", "+390612345678"),
        ("01/23/45/67/89", "FR", "+33123456789"),
        ("03\u30fc1234\u30fc5678", "JP", "+81312345678"),
        ("\u200e0044 20 7946 0958", "US", "+442079460958"),
    ],
)
def test_a_number_is_read_as_other_countries_write_it(text, region, number):
    assert parse_phone(text, region) == number


@pytest.mark.parametrize(
    "text", ["030 901820 / 901821", "030 901820/21", "901820/901821", "030 901820 / 030 901821"]
)
def test_two_german_numbers_are_not_read_as_an_area_code_and_a_number(text):
    with pytest.raises(PhoneError, match="more than one number"):
        parse_phone(text, "DE")


INVISIBLE = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.category(chr(code)) in {"Cc", "Cf"} and not chr(code).isspace()
] + list("\u034f\u115f\u1160\u180b\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100")


@given(st.lists(st.tuples(st.integers(0, 10), st.sampled_from(INVISIBLE)), max_size=5))
def test_invisible_characters_do_not_change_a_number(inserted):
    text = list("6175551234")
    for position, character in inserted:
        text.insert(position, character)
    assert parse_phone("".join(text), "US") == BOSTON


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("--", "no number"),
        ("0", "only zeros"),
        ("000-000-0000", "only zeros"),
        ("n/a", "letters and no digits"),
        ("a ::: b", "letters and no digits"),
        ("617-555-1234#", "or #: keys to press"),
        ("6,175,551,234", "a number with commas"),
        ("617,555,1234", "a character that is not valid in a phone number"),
        ("617_555_1234", "a character that is not valid in a phone number"),
        ("+1", "too short"),
        ("617-555-1234; 617-555-9999", "more than one"),
        ("617-555-1234 617-555-9999", "more than one"),
        ("+52 1 55 1234 5678", "no 1, 044 or 045 before the area code"),
        ("1-800-FLOWERS", "letters"),
        ("617-555-1234 or 617-555-9999", "letters"),
        ("555-1234", "too short"),
        ("61755512345", "too long"),
        ("617555123455555555555", "too long"),
        ("1" * 5000, "too long"),
        ("6.17555E+09", "spreadsheet"),
        ("6,17555E+09", "spreadsheet"),
        ("6.175551234e9", "spreadsheet"),
        ("617-555-1234/1235", "more than one"),
        ("6175551234, 6175559999", "more than one"),
        ("6175551234\n6175559999", "more than one"),
        ("000-555-1234", "this number does not exist in US"),
        ("123-555-1234", "this number does not exist"),
        ("+999 617 555 1234", "country code"),
        ("tel:6175551234;ani=2125551234", "semicolon"),
        ("6175551234;postd=1", "semicolon"),
        ("6175551234\uff1bani=2125551234", "semicolon"),
        ("617*5551234", "post_dial"),
        ("*67 617 555 1234", "post_dial"),
    ],
)
def test_an_invalid_number_is_refused_with_the_reason(text, reason):
    with pytest.raises(PhoneError, match=reason):
        parse_phone(text, "US")


@pytest.mark.parametrize(
    "text",
    [
        "6175551234 x123",
        "6175551234x123",
        "617-555-1234 ext. 123",
        "6175551234#123",
        "6175551234~123",
        "617-555-1234 - 123#",
        "617-555-1234 123#",
    ],
)
def test_an_extension_is_never_dropped_for_without_it_somebody_else_answers(text):
    with pytest.raises(PhoneError, match="post_dial"):
        parse_phone(text, "US")


@pytest.mark.parametrize(
    "text",
    [
        "617-555-1234",
        "617-555-1234 x5",
        "617-555-1234 (ext. 5)",
        "(617) 555-1234 extension 12",
        "6175551234;ext=5",
        "617 555 1234 123#",
        "617 555 1234#",
        "6175551234~5",
    ],
)
def test_the_main_number_is_the_one_without_its_extension(text):
    assert parse_main_number(text, "US") == BOSTON


@pytest.mark.parametrize("text", ["", "617-555-1234/1235", "617-555-1234 ext", "555-1234 x5"])
def test_text_without_one_main_number_has_none(text):
    with pytest.raises(PhoneError):
        parse_main_number(text, "US")


def test_a_national_number_needs_a_region():
    with pytest.raises(PhoneError, match=r"no country code, and contacts\.region gives none"):
        parse_phone("6175551234", None)


def test_an_invalid_region_is_named_as_the_cause():
    with pytest.raises(PhoneError, match=r"contacts\.region is not a country"):
        parse_phone("020 7946 0958", "UK")


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=40),
        st.text(alphabet="0123456789+-() .xX#*~;,/eE'=tel:\u00a0\u2013\uff11", max_size=30),
        st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True),
    ),
    region=st.sampled_from([None, "US", "GB", "DE", "HK", "ZZ"]),
)
def test_any_text_gives_an_e164_number_that_reads_as_itself_or_a_phone_error(text, region):
    try:
        number = parse_phone(text, region)
    except PhoneError:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{4,14}", number)
    assert parse_phone(number, None) == number
    assert parse_phone(number, "DE") == number


@settings(max_examples=100, deadline=None)
@given(
    digits=st.from_regex(r"[0-9]{8,15}", fullmatch=True),
    after=st.sampled_from(["", "x1", "*", "/2", ";", "a"]),
)
def test_no_error_shows_the_digits(digits, after):
    try:
        parse_phone(f"{digits}{after}", "US")
    except PhoneError as error:
        message = str(error)
    else:
        message = ""
    assert digits not in message


@settings(max_examples=200, deadline=None)
@given(
    noise=st.text(alphabet="0123456789;=anipostd,#*x ", min_size=1, max_size=12),
    post_dial=st.text(alphabet="0123456789;=anipostd,#*x \n", max_size=12),
)
def test_no_text_of_a_contact_can_put_a_suffix_into_a_dial_string(noise, post_dial):
    try:
        dialled = dial_string(parse_phone(f"617 555 1234{noise}", "US"), "", post_dial)
    except PhoneError:
        return
    assert re.fullmatch(r"tel:\+[0-9]+(;postd=[0-9*#,]+)?", dialled)


@pytest.mark.parametrize(
    ("ani", "post_dial", "dialled"),
    [
        ("", "", "tel:+16175551234"),
        ("+12125551234", "", "tel:+16175551234;ani=2125551234"),
        ("", "1,2#*", "tel:+16175551234;postd=1,2#*"),
        ("+442079460958", "2", "tel:+16175551234;ani=442079460958;postd=2"),
    ],
)
def test_the_dial_string_is_the_canonical_one(ani, post_dial, dialled):
    assert dial_string(BOSTON, ani, post_dial) == dialled


@pytest.mark.parametrize(
    ("e164", "ani", "post_dial"),
    [
        (BOSTON, "", "1;ani=2125551234"),
        (BOSTON, "", "x"),
        (BOSTON, "", "1\n"),
        (BOSTON, "", "\uff11"),
        (BOSTON, "+1212;postd=1", ""),
        (BOSTON, "2125551234", ""),
        (f"{BOSTON};ani=2125551234", "", ""),
        (f"{BOSTON}\n", "", ""),
        ("6175551234", "", ""),
    ],
)
def test_a_dial_string_takes_nothing_but_numbers_and_keys(e164, ani, post_dial):
    with pytest.raises(PhoneError):
        dial_string(e164, ani, post_dial)


def test_zones_are_every_zone_of_the_number_sorted():
    assert zones_of("+12056548701") == ("America/Chicago",)
    assert len(zones_of("+18005551234")) > 30
    assert list(zones_of("+18005551234")) == sorted(zones_of("+18005551234"))


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+16895550100", "America/Chicago America/New_York"),  # Orlando; the library: Chicago
        ("+14235550100", "America/Chicago America/New_York"),  # Chattanooga; the library: Chicago
        ("+12195550100", "America/Chicago America/New_York"),  # Gary; the library: New York
        ("+14485550100", "America/Chicago America/New_York"),  # Pensacola; the library: New York
        ("+12705550100", "America/Chicago America/New_York"),  # Bowling Green; the library: New York
        ("+19305550100", "America/Chicago America/New_York"),  # Evansville; the library: New York
        ("+19065550100", "America/Menominee America/New_York"),  # Iron Mountain; the library: New York
        ("+14745550100", "America/Regina America/Winnipeg"),  # Saskatoon; the library: Winnipeg
        ("+15815550100", "America/Blanc-Sablon America/Halifax America/Toronto"),  # the library: Toronto
        ("+14232660100", "America/New_York"),  # an exchange of Chattanooga that the library knows
        ("+16175550100", "America/New_York"),
    ],
)
def test_number_of_an_unknown_exchange_has_all_zones_of_its_area_code(number, zones):
    assert zones_of(number) == tuple(zones.split())


def test_a_number_of_no_known_zone_has_none():
    assert zones_of("+80012345678") == ()


def test_toll_free_numbers_are_known():
    assert is_toll_free("+18005551234")
    assert not is_toll_free(BOSTON)


def test_a_mask_shows_the_country_code_and_three_digits():
    assert mask("+13347938701") == "+1•••••••701"
    assert mask("+442079460958") == "+44•••••••958"


def test_the_release_of_the_number_data_is_known():
    assert re.fullmatch(r"\d+\.\d+\.\d+", data_version())


def _numbers_of_the_world():
    """The library's examples of every kind in every region, in E.164 form."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                yield phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def test_zones_kinds_and_masks_are_those_that_the_library_reads_from_the_number():
    numbers = set(_numbers_of_the_world())
    assert len(numbers) > 900
    for e164 in numbers:
        read = phonenumbers.parse(e164, None)
        expected = set(phonenumbers.timezone.time_zones_for_number(read)) - {"Etc/Unknown"}
        if read.country_code == 1:
            assert expected <= set(zones_of(e164)), e164
        else:
            assert zones_of(e164) == tuple(sorted(expected)), e164
        toll_free = phonenumbers.number_type(read) == phonenumbers.PhoneNumberType.TOLL_FREE
        assert is_toll_free(e164) is toll_free, e164
        assert mask(e164).startswith(f"+{read.country_code}•"), e164
        special = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
        assert has_special_tariff(e164) is (phonenumbers.number_type(read) in special), e164
        region = phonenumbers.region_code_for_number(read)
        assert country_of(e164) == ("" if region in {None, "001"} else region), e164


@given(st.from_regex(r"\+1[2-9][0-9]{2}(976|[2-9][0-9]{2})[0-9]{4}", fullmatch=True))
def test_countries_and_tariffs_of_north_america_are_those_of_the_library(e164):
    read = phonenumbers.parse(e164, None)
    if not phonenumbers.is_valid_number(read):
        return
    assert country_of(e164) == phonenumbers.region_code_for_number(read)
    special = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
    assert has_special_tariff(e164) is (phonenumbers.number_type(read) in special)


def test_a_toll_free_number_belongs_to_every_country_of_north_america():
    assert is_of_country("+18005551234", {"CA"})
    assert is_of_country("+18005551234", {"GB", "PR"})
    assert not is_of_country("+18005551234", {"GB"})
    assert not is_of_country(BOSTON, {"CA"})
