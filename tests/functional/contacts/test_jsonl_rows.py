import tracemalloc

import pytest
from source_files import open_source

from runner.contacts.phone import PhoneError, parse_phone
from runner.errors import SourceContentError


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "visits.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        source = open_source(path)
        read.notices = source.notices
        return [(row.line, dict(row.values)) for row in source.rows()]

    return read


def test_each_line_is_a_row_and_blank_lines_are_none(read):
    assert read('\ufeff{"id": "1"}\n\n  \n{"id": "2"}') == [(1, {"id": "1"}), (4, {"id": "2"})]


def test_numbers_keep_the_digits_they_were_written_with(read):
    ((_, row),) = read('{"a": 6175551234, "b": 6.17555E+09, "c": 1.50, "d": -0}\n')
    assert row == {"a": "6175551234", "b": "6.17555E+09", "c": "1.50", "d": "-0"}
    assert parse_phone(row["a"], "US") == "+16175551234"
    with pytest.raises(PhoneError, match="spreadsheet"):
        parse_phone(row["b"], "US")


def test_nested_values_stay_plain(read):
    ((_, row),) = read('{"visit": {"tags": ["a", null, true]}}')
    assert row == {"visit": {"tags": ["a", None, True]}}


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1, "id": 2}',
        '{"visit": {"id": 1, "id": 2}}',
        '{"id": NaN}',
        '{"id": -Infinity}',
        "[1, 2]",
        "6175551234",
        '{"id": 1',
        '{"id": 1} {"id": 2}',
        "not JSON: Ann",
        "[" * 100_000,
        '{"id": ' + "[" * 900 + "]" * 900 + ', "x": "\\u00e9"}' + "]",
        '{"name": "\\ud800"}',
        '{"name\\udfff": 1}',
        '{"name": "a\\u0000b"}',
        '{"name": "' + "x" * (1 << 20) + '"}',
    ],
)
def test_an_invalid_line_is_an_error_at_its_place(read, line):
    with pytest.raises(SourceContentError, match=r"^visits\.jsonl:2: ") as error:
        read('{"id": 1}\n' + line + "\n")
    assert "Ann" not in str(error.value)
    assert "visits.jsonl:1" not in str(error.value)


def test_escapes_that_are_text_are_read(read):
    ((_, row),) = read(r'{"a": "\u00e9", "b": "\ud83d\ude00", "c": "\\u0000"}')
    assert row == {"a": "é", "b": "\N{GRINNING FACE}", "c": "\\u0000"}


def test_bad_lines_are_reported_together(read):
    with pytest.raises(SourceContentError) as error:
        read('{"id": 1}\n' + "x\n" * 12)
    lines = error.value.message.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == ["visits.jsonl:2", "visits.jsonl:3"]
    assert lines[10:] == ["and 2 more"]


def test_a_file_without_rows_is_worth_a_warning(read):
    assert read("\n") == []
    assert [notice.code for notice in read.notices] == ["empty_source"]


def test_names_are_read_however_they_are_composed(read):
    ((_, row),) = read('{"Te\\u0301le\u0301phone\u00a0fixe": "1", "\u200bid": "2"}')
    assert row == {"Téléphone fixe": "1", "id": "2"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": "' + "x" * 3_000_000 + '"}', "longer than a million characters"),
        ("[" * 3_000_000, "longer than a million characters"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "nested too deeply"),
        ('{"a": ' * 60 + "1" + "}" * 60, "nested too deeply"),
        ("{" + ",".join(f'"c{number}": 1' for number in range(16_385)) + "}", "16,385 columns"),
    ],
)
def test_a_line_without_an_end_or_too_deep_or_too_wide_is_refused_before_it_fills_the_memory(
    read, line, problem
):
    tracemalloc.start()
    try:
        with pytest.raises(SourceContentError, match=r"^visits\.jsonl:2: ") as error:
            read('{"id": 1}\n' + line)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem in error.value.message
    assert peak < 30_000_000


def test_many_lists_that_are_not_deep_are_read(read):
    ((_, row),) = read('{"a": [' + ",".join(["[]"] * 100) + "]}")
    assert row == {"a": [[]] * 100}
