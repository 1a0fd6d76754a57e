import codecs
import csv
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import open_source

from runner.errors import SourceContentError


@pytest.fixture
def read(tmp_path):
    """Reads a file of the given content; `read.notices` holds what was odd about it."""

    def read(content, used=None, **options):
        path = tmp_path / "visits.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        source = open_source(path, used, **options)
        read.notices = source.notices
        return [(row.line, dict(row.values)) for row in source.rows()]

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read, delimiter):
    rows = read(f"id{delimiter}Phone Number\n1{delimiter}617 555 1234\n")
    assert rows == [(2, {"id": "1", "Phone Number": "617 555 1234"})]
    assert read.notices == []


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("name;phone\nDoe, Ann;1\nRoe, Bob;2\n", {"name": "Doe, Ann", "phone": "1"}),
        ('name,phone\n"Doe; Ann | x",1\n', {"name": "Doe; Ann | x", "phone": "1"}),
        ('"name, first";phone\nAnn;1\n', {"name, first": "Ann", "phone": "1"}),
        ('name,note\nAnn,"one\ntwo; three\nfour"\n', {"name": "Ann", "note": "one\ntwo; three\nfour"}),
        ("phone\n617 555 1234\n", {"phone": "617 555 1234"}),
    ],
)
def test_delimiters_inside_values_do_not_mislead(read, content, row):
    assert read(content)[0] == (2, row)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(read, end):
    assert read(f"id,phone{end}1,2{end}3,4") == [
        (2, {"id": "1", "phone": "2"}),
        (3, {"id": "3", "phone": "4"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_byte_order_mark_is_not_part_of_the_first_name(read, delimiter):
    rows = read(codecs.BOM_UTF8 + f"id{delimiter}phone\n1{delimiter}2\n".encode())
    assert rows == [(2, {"id": "1", "phone": "2"})]


def test_utf_16_is_read_by_its_mark(read):
    assert read("id,name\n1,Zoë\n".encode("utf-16")) == [(2, {"id": "1", "name": "Zoë"})]


def test_what_is_not_utf_8_is_read_as_windows_1252_with_a_warning(read):
    assert read("id,name\n1,Zoë €\n".encode("cp1252")) == [(2, {"id": "1", "name": "Zoë €"})]
    assert [notice.code for notice in read.notices] == ["latin1"]


def test_a_late_accent_decides_the_encoding_too(read):
    content = b"id,name\n" + (b"1," + b"Ann" * 600 + b"\n") * 1_000 + "2,Zoë\n".encode("cp1252")
    assert read(content)[-1] == (1_002, {"id": "2", "name": "Zoë"})


def test_a_wrong_byte_behind_the_mark_of_utf8_is_refused_too(read):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:2: .* \(3 such bytes in all\)"):
        read(codecs.BOM_UTF8 + b"id,name\n1,Jos\xe9\n2,Ren\xe9e\n3,Zo\xeb\n")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            ["1,Zo\u00eb", "2,Jos\ue000", "3,Ann"],
            r"^visits\.csv:3: it contains a byte that is not valid UTF-8, unlike the rest",
        ),
        (["1,Jos\ue000", "2,Zo\u00eb \u20ac", "3,Ren\ue000"], r"^visits\.csv:2: .* \(2 such bytes in all\)"),
    ],
)
def test_one_wrong_byte_does_not_mangle_all_names_of_a_file_in_utf8(read, rows, says):
    content = "\n".join(["id,name", *rows, ""]).encode().replace("\ue000".encode(), b"\xe9")
    with pytest.raises(SourceContentError, match=says):
        read(content)
    assert read.notices == []


@pytest.mark.parametrize(
    "content",
    ["id\n1\n".encode("utf-16-le"), "id\n1\n".encode("utf-16-be"), b"id,name\n1,a\0b\n", b"PK\3\4\0\0"],
)
def test_a_file_with_nul_bytes_is_not_text(read, content):
    with pytest.raises(SourceContentError, match="NUL bytes"):
        read(content)


def test_a_utf_16_file_that_is_cut_off_is_an_error(read):
    with pytest.raises(SourceContentError, match="encoding"):
        read("id,name\n1,Ann\n".encode("utf-16")[:-1])


def test_names_of_columns_lose_their_blanks_and_values_keep_theirs(read):
    assert read(" id , Phone Number\n1, 2\n") == [(2, {"id": "1", "Phone Number": " 2"})]


def test_a_row_has_the_line_on_which_it_starts(read):
    rows = read('id,note\n1,"a\nb\nc"\n\n2,d\n , \n3,"e\r\nf"\n4,g\n')
    assert [line for line, _ in rows] == [2, 6, 8, 10]


def test_lines_above_the_header_may_be_blank(read):
    assert read("\n\nid,phone\n1,2\n") == [(4, {"id": "1", "phone": "2"})]


def test_ragged_rows_are_reported_together_with_their_lines(read):
    content = "id,phone\n1,2\n3\n4,5,6\n" + "7\n" * 12
    with pytest.raises(SourceContentError) as error:
        read(content)
    lines = error.value.message.splitlines()
    assert lines[0] == "visits.csv:3: it has 1 field, the header has 2"
    assert lines[1] == "visits.csv:4: it has 3 fields, the header has 2"
    assert len(lines) == 11
    assert lines[-1] == "and 4 more"
    assert "quotes" in error.value.hint


@pytest.mark.parametrize(
    "content",
    [
        'id,name\n1,Ann\n2,"Bob\n3,Cid\n4,Dee\n',
        'id,name\n1,Ann\n2,"Bob\n3,"Cid"\n4,Dee\n',
        'id,name\n1,Ann\n2,"Bob" Bee\n3,Cid\n',
        'id,name\n1,Ann\n2,"' + "Bob\n" * 400_000,
    ],
)
def test_a_wrong_quote_is_an_error_where_it_opens(read, content):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:3: ") as error:
        read(content)
    assert "Bob" not in str(error.value)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("id,,phone", "column 2 has no name"),
        ("id, phone,phone", "columns 2 and 3 have the same name"),
        ("id,phone,", "2: it has 3 fields, the header has 2"),
    ],
)
def test_every_column_needs_a_name_of_its_own(read, header, problem):
    with pytest.raises(SourceContentError, match=problem):
        read(f"{header}\n1,2,3\n")


@pytest.mark.parametrize("first_line", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_a_sep_line_gives_the_delimiter_and_is_not_a_header(read, first_line):
    rows = read(f"{first_line}\r\nid;name, all\r\n1;Ann, Bee\r\n")
    assert rows == [(3, {"id": "1", "name, all": "Ann, Bee"})]


def test_a_sep_line_may_give_an_unusual_delimiter(read):
    assert read("sep=^\nid^phone\n1^2\n") == [(3, {"id": "1", "phone": "2"})]


@pytest.mark.parametrize(
    "content",
    [
        "id,phone,\n1,2,\n3,4,\n",
        "id,phone,\n1,2\n3,4\n",
        "id,phone\n1,2,\n3,4,\n",
        "id,phone,,,\n1,2,,,\n3,4, ,,\n",
    ],
)
def test_empty_columns_at_the_end_are_left_out(read, content):
    assert read(content) == [(2, {"id": "1", "phone": "2"}), (3, {"id": "3", "phone": "4"})]


@pytest.mark.parametrize(
    "content",
    ["id,phone,\n1,2,\n3,4\n", "id,phone\n1,2,\n3,4\n", "id,phone,\n1,2,\n3,4,,\n", "id,phone\n1,2\n3,4,\n"],
)
def test_rows_with_different_numbers_of_empty_columns_are_an_error(read, content):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:3: it has . fields, the "):
        read(content)


def test_a_value_in_a_column_without_a_name_is_an_error(read):
    with pytest.raises(
        SourceContentError, match=r"^visits\.csv:3: it has a value in a column without a name"
    ):
        read("id,phone,\n1,2,\n3,4,5\n")


def test_rows_that_all_differ_from_the_header_are_one_error(read):
    with pytest.raises(SourceContentError) as error:
        read("a,b,c,d\n" + "1,2,3,4,5\n" * 12)
    assert error.value.message == "visits.csv: every row has 5 fields, the header has 4"


@pytest.mark.parametrize(
    "header",
    [
        "Te\u0301le\u0301phone fixe",
        "T\u00e9l\u00e9phone\u00a0fixe",
        "\u200bT\u00e9l\u00e9phone fixe\u200b",
        "\ufeff\ufeffT\u00e9l\u00e9phone fixe",
        "\u00a0T\u00e9l\u00e9phone fixe \u3000",
    ],
)
def test_a_name_is_read_however_its_file_composes_or_pads_it(read, header):
    assert read(f"{header},id\n1,2\n") == [(2, {"T\u00e9l\u00e9phone fixe": "1", "id": "2"})]


def test_a_second_byte_order_mark_leaves_quotes_around_the_first_name_what_they_are(read):
    assert read('\ufeff\ufeff"id, all",phone\n1,2\n') == [(2, {"id, all": "1", "phone": "2"})]


def test_a_repeated_column_that_nothing_reads_is_warned_of_and_left_out(read):
    assert read("id,note,phone,note\n1,a,2,b\n", used=frozenset({"id", "phone"})) == [
        (2, {"id": "1", "phone": "2"})
    ]
    (notice,) = read.notices
    assert notice.code == "duplicate_column"
    assert notice.message == "visits.csv:1: columns 2 and 4 have the same name and are not read"


def test_a_repeated_column_that_the_campaign_reads_is_an_error(read):
    with pytest.raises(
        SourceContentError, match="columns 2 and 3 have the same name, and the campaign reads"
    ):
        read("id,phone,phone\n1,2,3\n", used=frozenset({"phone"}))


@pytest.mark.parametrize(
    "header", ["id,617-555-1234", "+1 (617) 555-1234,id", "6175551234", "tel:6175551234", "ann@example.org,x"]
)
def test_a_header_that_looks_like_an_entry_is_an_error_for_the_entry_would_be_lost(read, header):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:1: it looks like an entry") as error:
        read(f"{header}\n")
    assert header.split(",")[0] not in str(error.value)


@pytest.mark.parametrize(
    "header", ["2026-11-27,id", "20261127", "11/27/2026", "q1", "2024", "100", "visit 1234567"]
)
def test_a_header_of_dates_or_short_numbers_is_a_header(read, header):
    assert read(f"{header}\n") == []


@pytest.mark.parametrize(
    "content",
    [
        "," * 3_000_000,
        "id,phone\n" + "," * 3_000_000,
        "id,phone\n" + "x" * 3_000_000,
        'id,phone\n"' + 'a\n","' * 600_000,
        "id,phone\n1," + '"' * 3_000_001,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_record_without_an_end_is_refused_before_it_fills_the_memory(read, content, encoding):
    encoded = content.encode(encoding)
    tracemalloc.start()
    try:
        with pytest.raises(SourceContentError, match=r"^visits\.csv:\d: ") as error:
            read(encoded)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "longer than a million characters" in error.value.message
    # Less than two bytes for each of the file, beside what reading a piece of it takes.
    assert peak < 40_000_000


def test_more_columns_than_a_spreadsheet_has_are_refused(read):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:1: it has 16,385 columns"):
        read(",".join(f"c{number}" for number in range(16_385)))


def test_a_file_without_a_header_does_not_leak_its_first_row(read):
    with pytest.raises(SourceContentError) as error:
        read("Ann,6175551234,Ann\nBob,6175551235,Bee\n")
    assert "Ann" not in str(error.value)


@pytest.mark.parametrize("content", ["", "\n\n", codecs.BOM_UTF8])
def test_an_empty_file_is_an_error(read, content):
    with pytest.raises(SourceContentError, match="empty"):
        read(content)


def test_a_header_alone_is_legal_and_worth_a_warning(read):
    assert read("id,phone\n") == []
    assert [notice.code for notice in read.notices] == ["empty_source"]


def test_rows_stream(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("id,phone\n1,2\n3\n")
    rows = open_source(path).rows()
    assert next(rows).values == {"id": "1", "phone": "2"}
    with pytest.raises(SourceContentError):
        next(rows)


VALUES = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), min_size=1, max_size=8
).filter(str.strip)


@settings(max_examples=100)
@given(
    rows=st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_was_written_as_csv_is_read_back(tmp_path_factory, rows, delimiter, quoting, line_end, encoding):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([["id", "Phone Number", "note"], *rows])
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    read = [list(row.values.values()) for row in open_source(path).rows()]
    assert read == rows


def test_the_declared_encoding_and_delimiter_are_used(read):
    content = "id^name\n1^Żaneta, A\n".encode("cp1250")
    assert read(content, encoding="cp1250", delimiter="^") == [(2, {"id": "1", "name": "Żaneta, A"})]
    assert read.notices == []


def test_the_declared_delimiter_is_used_below_a_line_that_names_another(read):
    assert read("sep=;\nid^name\n1^a;b\n", delimiter="^") == [(3, {"id": "1", "name": "a;b"})]


def test_text_that_is_not_in_the_declared_encoding_is_an_error(read):
    with pytest.raises(SourceContentError, match=r"is not valid shift-jis") as raised:
        read("id,name\n1,Ren\xe9\n".encode("latin-1"), encoding="shift-jis")
    assert "Ren" not in raised.value.message


def test_a_declared_header_names_the_columns_from_the_first_line_on(read):
    rows = read("7,617 555 1234,,\n8,617 555 1235,,\n", header=["id", "phone"])
    assert rows == [
        (1, {"id": "7", "phone": "617 555 1234"}),
        (2, {"id": "8", "phone": "617 555 1235"}),
    ]


def test_a_declared_header_above_a_line_that_names_the_same_columns_is_an_error(read):
    with pytest.raises(SourceContentError, match=r"^visits\.csv:1: this line names the columns"):
        read("id, phone\n7,617 555 1234\n", header=["id", "phone"])


def test_rows_that_do_not_fit_a_declared_header_are_an_error(read):
    with pytest.raises(SourceContentError, match="every row has 3 fields, the header has 2"):
        read("7,617 555 1234,x\n8,617 555 1235,y\n", header=["id", "phone"])
