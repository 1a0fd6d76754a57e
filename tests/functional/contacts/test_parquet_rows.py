"""Parquet files that pandas and pyarrow wrote."""

import shutil
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from source_files import open_source

from runner.errors import SourceContentError, SourceError

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def read(tmp_path):
    """Reads a table of these columns, or a file of the test data."""

    def read(columns, used=None, **options):
        path = tmp_path / "visits.parquet"
        if isinstance(columns, str):
            shutil.copy(DATA / columns, path)
        else:
            parquet.write_table(pa.table(columns), path, **options)
        source = open_source(path, used)
        read.notices, read.size = source.notices, source.size_hint()
        return [(row.line, dict(row.values)) for row in source.rows()]

    return read


def test_a_file_of_pandas_is_read_as_its_csv_export_would_be(read):
    rows = read("pandas.parquet", used=frozenset({"phone"}))
    assert rows[0] == (
        1,
        {
            "visit id": "1",
            "phone": "6175550101",
            "name": "Zoë",
            "visit": "2026-12-01",
            "consent": "true",
            "site": "Boston",
            "risk": "0.5",
            "tags": "",
            "day": "2026-12-01",
        },
    )
    assert (rows[1][1]["phone"], rows[1][1]["visit"], rows[2][1]["name"]) == ("", "2026-12-02T14:30:00", "")


def test_a_nested_column_that_the_campaign_may_read_is_an_error_that_names_it(read):
    with pytest.raises(SourceContentError, match=r"the column 'tags' holds list"):
        read("pandas.parquet")


def test_rows_are_numbered_over_the_groups_of_a_file(read):
    rows = read({"id": list(range(12_000))}, row_group_size=700)
    assert [line for line, _ in rows] == list(range(1, 12_001))
    assert [values["id"] for _, values in rows] == [str(number) for number in range(12_000)]
    assert read.size == 12_000


def test_times_and_decimals_are_written_as_text(read):
    at = datetime(2026, 12, 1, 9, 5, tzinfo=UTC)
    (row,) = read(
        {
            "at": pa.array([at], pa.timestamp("ns", tz="America/New_York")),
            "amount": pa.array([Decimal("12.50")]),
            "empty": pa.nulls(1),
        }
    )
    assert row == (1, {"at": "2026-12-01T04:05:00-05:00", "amount": "12.50", "empty": ""})


def test_a_number_that_lost_digits_is_an_error_that_names_its_row(read):
    with pytest.raises(
        SourceContentError, match=r"^visits\.parquet:2: the value of 'id' is a number with more"
    ):
        read({"id": [1.0, 12345678901234567.0]})


def test_a_file_without_rows_is_noticed(read):
    assert read({"id": pa.array([], pa.string())}) == []
    assert [notice.code for notice in read.notices] == ["empty_source"]


def test_a_file_of_another_format_is_an_error(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(SourceContentError, match="it is not a Parquet file"):
        list(open_source(tmp_path / "a.parquet").rows())


def test_without_the_package_the_error_says_how_to_install_it(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SourceError, match="needs a package that is not installed") as raised:
        read("pandas.parquet")
    assert "pyarrow" in raised.value.hint
