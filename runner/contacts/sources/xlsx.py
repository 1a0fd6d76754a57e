"""Sheets of workbooks, as Excel and LibreOffice write them. Needs the extra `xlsx`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import IO, TYPE_CHECKING

from runner.campaign.diagnostics import did_you_mean
from runner.campaign.source_models import XlsxRows
from runner.campaign.warning_codes import WarningCode
from runner.characters import on_one_line
from runner.contacts.contact import Row
from runner.contacts.sources.cells import NoTextError, text_of
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.file import BadLines, SourceFile
from runner.contacts.sources.source import EMPTY_HINT, Notice
from runner.contacts.sources.table import Table
from runner.contacts.sources.workbook import check_workbook, column_letters
from runner.errors import EmptySourceError, SourceContentError, SourceError
from runner.extras import install_command, packages_of

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_EXACT = 10**15
"""Excel keeps 15 digits of a number, and writes zeros for the others."""
_CELL_HINT = "correct these cells; a column of long numbers must have the format Text before it is filled"
_Cells = Mapping[tuple[int, int], str]


class XlsxFile(SourceFile):
    """The first row that is not empty names the columns. Lines are the rows of the sheet, from 1."""

    has_header = True

    def __init__(self, declared: XlsxRows, context: ReadContext) -> None:
        super().__init__(declared, context.folder)
        self._used = context.used
        self._sheet = declared.sheet

    def size_hint(self) -> int:
        return 0

    def rows(self) -> Iterator[Row]:
        """Raises SourceContentError: at once for an invalid header, after the last row for all cells that
        cannot be read.
        """
        with self.opened() as file:
            errors = check_workbook(file, self.name, self._sheet)
            sheet = _sheet(file, self.name, self._sheet)
        yield from _rows(sheet, self.name, self._used, self.notices, errors)


def _sheet(file: IO[bytes], name: str, wanted: str | None) -> "CalamineSheet":
    """The sheet of this name, else the only one that the workbook shows."""
    try:
        from python_calamine import (  # noqa: PLC0415 - an extra
            CalamineError,
            CalamineWorkbook,
            SheetTypeEnum,
            SheetVisibleEnum,
        )
    except ModuleNotFoundError:
        raise SourceError(
            f"{name}: reading workbooks needs a package that is not installed",
            hint=install_command(*packages_of("xlsx")),
        ) from None
    try:
        file.seek(0)
        workbook = CalamineWorkbook.from_filelike(file)
        known = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
        shown = [each.name for each in known if each.visible == SheetVisibleEnum.Visible]
        return workbook.get_sheet_by_name(_chosen(name, wanted, [each.name for each in known], shown))
    except CalamineError:
        raise SourceContentError(
            f"{name}: it cannot be read as a workbook", hint="open it, and save it again as .xlsx"
        ) from None


def _chosen(name: str, wanted: str | None, known: Sequence[str], shown: Sequence[str]) -> str:
    if wanted is not None:
        if wanted not in known:
            hint = did_you_mean(wanted, known) or _named(known)
            raise SourceContentError(f"{name}: there is no sheet {wanted!r}", hint=hint)
        return wanted
    if len(shown) != 1:
        raise SourceContentError(
            f"{name}: the workbook shows {len(shown)} sheets, and `sheet` does not say which one to read",
            hint=_named(shown or known),
        )
    return shown[0]


def _named(sheets: Sequence[str]) -> str:
    return f"write `sheet:` and one of: {', '.join(map(on_one_line, sheets[:10]))}"


def _rows(
    sheet: "CalamineSheet", name: str, used: frozenset[str] | None, notices: list[Notice], errors: _Cells
) -> Iterator[Row]:
    bad, table = BadLines(name), None
    lines_with_errors = {line for line, _ in errors}
    rows = sheet.iter_rows()
    for line in count(1):
        # The library reads the sheet at once, and makes a list of each row when it is asked for.
        cells = next(rows, None)
        if cells is None:
            break
        if line not in lines_with_errors and not any(cell != "" for cell in cells):
            continue
        if table is None:
            table = Table([_text_or_empty(cell) for cell in cells], f"{name}:{line}", used, notices)
            continue
        texts, problems = _texts(cells, table, line, errors)
        problem = table.problem(texts)
        for each in [*problems, *([f"the row {problem}"] if problem else [])]:
            bad.add(line, f"{sheet.name}!{each}" if each in problems else each)
        if not problems and not problem:
            yield Row(source=name, line=line, values=table.values(texts))
    if table is None:
        hint = "its first row must name the columns; if it may be empty, set `allow_empty: true`"
        raise EmptySourceError(f"{name}: the sheet {sheet.name} is empty", hint=hint)
    bad.raise_if_any(_CELL_HINT)
    if not table.has_rows:
        notices.append(Notice(WarningCode.EMPTY_SOURCE, f"{name} has no rows", EMPTY_HINT))


def _texts(cells: Sequence[object], table: Table, line: int, errors: _Cells) -> tuple[list[str], list[str]]:
    """The cells of a row as text, and what is wrong with those that the campaign reads: `C17 holds #REF!`."""
    texts: list[str] = []
    problems: list[str] = []
    for position, cell in enumerate(cells):
        text = cell if type(cell) is str else ""
        try:
            text = text or _text(cell)
        except NoTextError as error:
            if table.reads(position):
                problems.append(f"{column_letters(position + 1)}{line} {error}")
        error_here = errors.get((line, position + 1)) if errors else None
        if error_here and table.reads(position):
            problems.append(f"{column_letters(position + 1)}{line} holds {error_here}")
        texts.append(text)
    return texts, problems


def _text(cell: object) -> str:
    return text_of(cell, _EXACT)


def _text_or_empty(cell: object) -> str:
    try:
        return _text(cell)
    except NoTextError:
        return ""
