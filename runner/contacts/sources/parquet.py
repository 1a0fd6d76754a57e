"""Parquet files, some rows at a time. Needs the extra `parquet`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runner.campaign.source_models import ParquetRows
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row
from runner.contacts.sources.cells import NoTextError, text_of
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.file import SourceFile
from runner.contacts.sources.source import EMPTY_HINT, Notice
from runner.contacts.sources.table import Table
from runner.errors import SourceContentError, SourceError
from runner.extras import install_command, packages_of

_ROWS_AT_ONCE = 5_000
_LARGEST_GROUP = 2 << 30
"""Bytes of a row group, unpacked: it is read as a whole."""


class ParquetFile(SourceFile):
    """Lines are the rows of the file, from 1."""

    has_header = True

    def __init__(self, declared: ParquetRows, context: ReadContext) -> None:
        super().__init__(declared, context.folder)
        self._used = context.used

    def size_hint(self) -> int:
        try:
            with self._read() as file:
                return int(file.metadata.num_rows)
        except SourceError:
            return 0

    def rows(self) -> Iterator[Row]:
        with self._read() as file:
            _check_groups(file, self.name)
            columns = [_Column(field, self.name) for field in file.schema_arrow]
            table = Table([each.name for each in columns], self.name, self._used, self.notices)
            for position, column in enumerate(columns):
                column.check(is_read=table.reads(position))
            line = 1
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                texts = [each.texts(batch.column(at), line) for at, each in enumerate(columns)]
                for line, fields in enumerate(zip(*texts, strict=True), start=line):  # noqa: B020 - it goes on in the next batch
                    yield Row(source=self.name, line=line, values=table.values(fields))
                line += 1
        if line == 1:
            self.notices.append(Notice(WarningCode.EMPTY_SOURCE, f"{self.name} has no rows", EMPTY_HINT))

    @contextmanager
    def _read(self) -> Iterator[Any]:
        try:
            import pyarrow  # noqa: PLC0415, ICN001 - an extra
            from pyarrow import parquet  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise SourceError(
                f"{self.name}: reading Parquet needs a package that is not installed",
                hint=install_command(*packages_of("parquet")),
            ) from None
        # Its own memory pool keeps tens of megabytes of what was freed.
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        try:
            with self.opened() as opened, parquet.ParquetFile(opened) as file:
                yield file
        except (pyarrow.ArrowException, OSError):
            raise SourceContentError(
                f"{self.name}: it is not a Parquet file, or it is damaged", hint="export it again"
            ) from None


def _check_groups(file: Any, name: str) -> None:  # noqa: ANN401 - pyarrow has no types
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    if any(group.total_byte_size > _LARGEST_GROUP for group in groups):
        raise SourceContentError(
            f"{name}: a row group takes more than 2 GiB", hint="write it with smaller row groups"
        )


class _Column:
    """How the values of one column become text: by pyarrow where it writes them as we do, else one by one."""

    def __init__(self, field: Any, file: str) -> None:  # noqa: ANN401 - pyarrow has no types
        from pyarrow import types  # noqa: PLC0415 - an extra

        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        self.name = str(field.name)
        self._file = file
        self._kind = kind
        self._is_text = types.is_string(kind) or types.is_large_string(kind)
        self._by_pyarrow = (
            self._is_text or types.is_integer(kind) or types.is_boolean(kind) or types.is_date32(kind)
        )
        self._is_nested = types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind)
        self._is_timestamp = types.is_timestamp(kind)
        self._is_read = True

    def check(self, *, is_read: bool) -> None:
        """Raises SourceContentError for a column that the campaign reads and that holds no single values."""
        self._is_read = is_read
        if self._is_nested and is_read:
            raise SourceContentError(
                f"{self._file}: the column {self.name!r} holds {self._kind}, not single values",
                hint="write each part that is needed as a column of its own",
            )

    def texts(self, values: Any, first_line: int) -> Sequence[str]:  # noqa: ANN401 - pyarrow has no types
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import compute  # noqa: PLC0415 - an extra

        if self._is_nested:
            return [""] * len(values)
        if self._by_pyarrow:
            texts = values.cast(pa.string())
            if self._is_text and compute.any(compute.match_substring(texts, "\0")).as_py():
                raise SourceContentError(f"{self._file}: the column {self.name!r} contains NUL characters")
            found: list[str] = (compute.fill_null(texts, "") if texts.null_count else texts).to_pylist()
            return found
        if self._is_timestamp:
            # Python has no nanoseconds.
            values = values.cast(pa.timestamp("us", tz=self._kind.tz), safe=False)
        return [self._text(value, first_line + number) for number, value in enumerate(values.to_pylist())]

    def _text(self, value: object, line: int) -> str:
        try:
            return text_of(value)
        except NoTextError as error:
            if not self._is_read:
                return ""
            raise SourceContentError(
                f"{self._file}:{line}: the value of {self.name!r} {error}",
                hint="write the column as text",
            ) from None
