import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.contacts.identity import folded_key, is_rounded

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
INVISIBLE = st.characters(categories=["Cc", "Cf", "Zs"]) | st.sampled_from(
    "\u034f\u115f\u1160\u17b4\u180b\u2065\u2800\u3164\ufe00\ufe0f\uffa0\ufff0\U0001d159\U000e0001\U000e0100"
)


@pytest.mark.parametrize(
    "others",
    [
        (
            "K9",
            "k9",
            "K9\x7f",
            "\x01K9",
            "K\u034f9",
            "K9\ufe0f",
            "K\u31649",
            "\u2800K9",
            "K 9",
            "\uff2b\uff19",
        ),
        ("2", "0002", "2.0", "'0002", '="0002"', " 02 ", "+2", "\u0660\u0660\u0662", "\uff10\uff12"),
        ("1001", "1001.00", "1,001", "01001"),
        ("0", "000"),
        ("ab-7", "AB-7", "ab\u20137", "ab\u20117", "ab\u22127"),
        ("o'neil", "O\u2019Neil"),
        ("stra\u00dfe", "STRASSE"),
        ("zo\u00eb", "Zoe\u0308", "Zoe\u034f\u0308"),
        ("+16175551234", "16175551234", "+1 (617) 555-1234"),
        ("6175551234", "617-555-1234", "(617) 555 1234", "617/555-1234"),
    ],
)
def test_the_ways_in_which_programs_write_one_key_are_folded_together(others):
    assert len(set(map(folded_key, others))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ab-7", "ab-70"),
        ("1001.5", "1001"),
        ("10.0.0", "10.0"),
        ("A002", "A2"),
        ("zoe", "zo\u00eb"),
        ("12-34", "1234"),
        ("1,00", "100"),
    ],
)
def test_keys_that_differ_for_people_stay_different(one, other):
    assert folded_key(one) != folded_key(other)


@given(ANY_TEXT, ANY_TEXT, st.lists(INVISIBLE, max_size=4))
def test_invisible_characters_do_not_change_a_folded_key(before, after, inserted):
    # A separator keeps the neighbours from being composed with each other.
    written = f"{before}-{''.join(inserted)}{after}"
    assert folded_key(written) == folded_key(f"{before}-{after}")


@given(ANY_TEXT)
def test_a_folded_key_is_the_fold_of_itself_and_of_other_cases_and_forms(key):
    folded = folded_key(key)
    assert folded_key(folded) == folded
    assert folded_key(key.casefold()) == folded
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded_key(unicodedata.normalize(form, key)) == folded


@given(st.integers(0, 10**12), st.integers(0, 5))
def test_leading_zeros_of_a_number_do_not_count(number, zeros):
    assert folded_key("0" * zeros + str(number)) == str(number)


@pytest.mark.parametrize("key", ["6.17555E+09", "6,17555E+09", "1E+05"])
def test_a_key_that_a_spreadsheet_rounded_is_detected(key):
    assert is_rounded(key)


@pytest.mark.parametrize("key", ["1e5", "E+05", "12E+05", "visit-17"])
def test_a_key_with_an_e_in_it_is_not_rounded(key):
    assert not is_rounded(key)
