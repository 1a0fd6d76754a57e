"""Workbooks that LibreOffice and pandas wrote, and hostile ones made from them."""

import re
import shutil
import sys
import zipfile
from copy import copy
from pathlib import Path

import pytest
from source_files import open_source

from runner.errors import EmptySourceError, SourceContentError, SourceError

DATA = Path(__file__).parents[2] / "data"
SHEET = "xl/worksheets/sheet1.xml"
CELL = '<row r="{row}"><c r="{cell}" t="n"><v>1</v></c></row>'


@pytest.fixture
def read(tmp_path):
    def read(name="visits.xlsx", used=None, **options):
        if not (tmp_path / name).exists():
            shutil.copy(DATA / name, tmp_path)
        source = open_source(tmp_path / name, used, **options)
        read.notices = source.notices
        return [(row.line, dict(row.values)) for row in source.rows()]

    return read


@pytest.fixture
def workbook(tmp_path):
    """Makes a workbook with this content between the `sheetData` tags of its only sheet."""

    def workbook(content):
        with zipfile.ZipFile(DATA / "pandas.xlsx") as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
            for part in old.namelist():
                text = old.read(part)
                if part == SHEET:
                    data = f"<sheetData>{content}</sheetData>"
                    text = re.sub(r"<sheetData>.*</sheetData>", data, text.decode(), flags=re.DOTALL).encode()
                new.writestr(part, text, zipfile.ZIP_DEFLATED)

    return workbook


def test_a_sheet_of_libreoffice_is_read_as_its_csv_export_would_be(read):
    assert read(sheet="Visits") == [
        (
            3,
            {
                "visit id": "2",
                "Phone Number": "6175550101",
                "visit": "2026-12-01",
                "booked": "2026-11-30T14:30:00",
                "consent": "true",
                "risk": "2.5",
                "name": "Zoë Ó Néill",
            },
        ),
        (
            5,
            {
                "visit id": "3",
                "Phone Number": "+1 (617) 555-0102",
                "visit": "2026-12-02",
                "booked": "2026-12-01",
                "consent": "false",
                "risk": "2",
                "name": "Ann\nLee",
            },
        ),
    ]


def test_the_only_sheet_of_a_workbook_of_pandas_needs_no_name(read):
    rows = read("pandas.xlsx")
    assert [values["phone"] for _, values in rows] == ["6175550101", "", "6175550103"]
    assert [values["visit"] for _, values in rows] == ["2026-12-01", "2026-12-02T14:30:00", "2026-12-03"]


def test_cells_with_errors_and_numbers_that_lost_digits_are_named(read):
    with pytest.raises(SourceContentError) as raised:
        read(sheet="Bad")
    assert raised.value.message.splitlines() == [
        (
            "visits.xlsx/Bad:2: Bad!A2 is a number with more digits than its program keeps: "
            "the last ones are lost"
        ),
        "visits.xlsx/Bad:2: Bad!B2 holds #N/A",
        "visits.xlsx/Bad:3: Bad!B3 holds #REF!",
    ]


def test_such_cells_in_columns_that_are_not_read_count_as_empty(read):
    assert len(read(used=frozenset(), sheet="Bad")) == 2


@pytest.mark.parametrize(
    ("options", "problem", "hint"),
    [
        ({}, "shows 2 sheets", "write `sheet:` and one of: Visits, Bad"),
        ({"sheet": "visits"}, "there is no sheet 'visits'", "did you mean `Visits`?"),
    ],
)
def test_a_sheet_that_is_not_named_rightly_is_an_error_with_the_names(read, options, problem, hint):
    with pytest.raises(SourceContentError, match=problem) as raised:
        read(**options)
    assert raised.value.hint == hint


def test_a_header_without_rows_is_empty_and_a_sheet_without_cells_an_error(read, workbook):
    workbook('<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>')
    assert read("a.xlsx") == []
    assert [notice.code for notice in read.notices] == ["empty_source"]
    workbook("")
    with pytest.raises(EmptySourceError):
        read("a.xlsx")


def test_two_cells_far_apart_do_not_fill_the_memory(read, workbook):
    workbook(CELL.format(row=1, cell="A1") + CELL.format(row=1_048_576, cell="XFD1048576"))
    with pytest.raises(SourceContentError, match="the workbook is too large"):
        read("a.xlsx")


def test_a_few_bytes_that_unpack_to_gigabytes_are_not_unpacked(read, tmp_path):
    shutil.copy(DATA / "pandas.xlsx", tmp_path / "a.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "a.xlsx", "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/bomb", "w") as part,
    ):
        part.write(bytes(64 << 20))
    with zipfile.ZipFile(tmp_path / "a.xlsx", "a") as archive:
        # The same bytes under many names, as bombs do it.
        for number in range((1 << 30) // (64 << 20)):
            again = copy(archive.getinfo("xl/media/bomb"))
            again.filename = f"xl/media/bomb-{number}"
            archive.filelist.append(again)
        archive.comment = b"changed"
    with pytest.raises(SourceContentError, match="the workbook is too large"):
        read("a.xlsx")


@pytest.mark.parametrize("content", [b"", b"id,phone\n1,2\n", b"\xd0\xcf\x11\xe0protected"])
def test_a_file_that_is_not_a_workbook_is_an_error(read, tmp_path, content):
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SourceContentError, match=r"not an \.xlsx workbook"):
        read("a.xlsx")


def test_a_part_that_was_changed_behind_its_checksum_is_damaged(read, tmp_path):
    content = bytearray((DATA / "visits.xlsx").read_bytes())
    start = content.index(b"xl/worksheets/sheet1.xml") + 60
    content[start : start + 40] = bytes(40)
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SourceContentError):
        read("a.xlsx", sheet="Visits")


def test_without_the_package_the_error_says_how_to_install_it(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(SourceError, match="needs a package that is not installed") as raised:
        read(sheet="Visits")
    assert "python-calamine" in raised.value.hint
