"""An export as Parquet, some rows at a time. Needs the extra `parquet`."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from runner.reports.export_rows import TIMES, CallExport, ContactExport

_ROWS_AT_ONCE = 20_000
_TIME = pa.timestamp("s", tz="UTC")
_NUMBERS = frozenset({"round", "rounds", "attempts", "attempts_until_answered"})


def write_parquet(
    path: Path,
    columns: tuple[str, ...],
    rows: Iterable[CallExport | ContactExport],
    about: Mapping[str, object],
) -> None:
    """`about` is kept in the file's own metadata."""
    said = {name: str(value) for name, value in about.items()}
    schema = pa.schema([(name, _type(name)) for name in columns], metadata=said)
    remaining = iter(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            found = dict(zip(columns, zip(*some, strict=True), strict=True))
            writer.write_table(pa.table({name: _array(name, found[name]) for name in columns}, schema=schema))


def _array(name: str, values: tuple[Any, ...]) -> Any:  # noqa: ANN401 - pyarrow has no types
    return pa.array(values, type=_type(name))


def _type(name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    if name == "dials":
        return pa.list_(_TIME)
    if name in TIMES:
        return _TIME
    return pa.int32() if name in _NUMBERS else pa.string()
