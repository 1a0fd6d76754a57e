from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.contacts.sources.cells import EXACT, NoTextError, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("Zoë", "Zoë"),
        (True, "true"),
        (False, "false"),
        (6175550101, "6175550101"),
        (2.0, "2"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (float("nan"), ""),
        (Decimal("2.50"), "2.50"),
        (Decimal(6175550101), "6175550101"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), ""),
        (date(2026, 12, 1), "2026-12-01"),
        (datetime(2026, 12, 1, 14, 30), "2026-12-01T14:30:00"),  # noqa: DTZ001 - as workbooks have them
        (datetime(2026, 12, 1), "2026-12-01"),  # noqa: DTZ001 - as workbooks have them
        (datetime(2026, 12, 1, tzinfo=UTC), "2026-12-01T00:00:00+00:00"),
        (time(9, 5), "09:05:00"),
        (timedelta(hours=1, minutes=5), "1:05:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_value_is_written_as_a_csv_export_would_have_it(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float(EXACT), "more digits than its program keeps"),
        (float("inf"), "an infinite number"),
        (Decimal("-Infinity"), "an infinite number"),
        ("a\0b", "a NUL character"),
        (b"\1", "binary data"),
        (["a"], "a list or an object"),
        ({"a": 1}, "a list or an object"),
        (object(), "of the type object"),
    ],
)
def test_a_value_that_text_would_change_is_refused(value, problem):
    with pytest.raises(NoTextError, match=problem):
        text_of(value)


@given(st.integers(1 - EXACT, EXACT - 1))
def test_a_whole_number_is_the_same_whether_it_was_kept_as_a_float_or_not(number):
    assert text_of(float(number)) == text_of(number)
