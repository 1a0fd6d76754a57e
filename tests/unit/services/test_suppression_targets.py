"""What `runner suppress` takes its arguments for."""

from datetime import UTC, datetime

import pytest

from runner.errors import UsageError
from runner.ledger.suppressions import Target
from runner.services.suppression import targets_of, until_of

NOW = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
BOSTON = Target("+16175550100", "")


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+1 617 555 0100", None),
        ("tel:+16175550100", None),
        ("617-555-0100", "US"),
        ("(617) 555-0100 x5", "US"),
    ],
)
def test_a_number_in_any_spelling_is_taken_without_its_extension(text, region):
    assert targets_of([text], region, are_keys=False) == [BOSTON]


@pytest.mark.parametrize("text", ["0002", "c-0001", "visit-20261201", "ann@example.org"])
def test_what_has_letters_or_few_digits_is_a_key(text):
    assert targets_of([text], None, are_keys=False) == [Target("", text)]


def test_a_number_without_its_country_is_an_error_that_does_not_repeat_it():
    with pytest.raises(UsageError, match="argument 2 looks like a phone number") as caught:
        targets_of(["c-1", "617 555 0100"], None, are_keys=False)
    assert "country is missing" in caught.value.message
    assert "--region US" in caught.value.hint
    assert "555" not in caught.value.message


@pytest.mark.parametrize("text", ["+1 617", "617 555 01000000"])
def test_an_invalid_number_is_an_error_and_not_a_key(text):
    with pytest.raises(UsageError, match="cannot be read as one"):
        targets_of([text], "US", are_keys=False)


def test_with_key_a_text_of_digits_is_a_key():
    assert targets_of(["6175550100"], None, are_keys=True) == [Target("", "6175550100")]


def test_what_is_named_twice_counts_once():
    assert targets_of(["+16175550100", "617-555-0100"], "US", are_keys=False) == [BOSTON]


def test_a_key_whose_digits_a_spreadsheet_lost_is_an_error():
    with pytest.raises(UsageError, match="digits are lost"):
        targets_of(["6.17555E+09"], "US", are_keys=True)


def test_an_unknown_region_is_an_error():
    with pytest.raises(UsageError, match="invalid --region us"):
        targets_of(["c-1"], "us", are_keys=False)


def test_the_last_day_is_over_when_it_is_over_everywhere():
    assert until_of("2026-12-01", NOW) == datetime(2026, 12, 2, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["2026-11-29", "tomorrow"])
def test_a_day_that_is_over_or_no_date_is_an_error(text):
    with pytest.raises(UsageError, match="invalid --until"):
        until_of(text, NOW)
