"""The types of sources. A new type is a file that implements RowSource, its model, and a line here."""

from collections.abc import Callable
from typing import Any

from runner.campaign.source_models import AnySource
from runner.contacts.sources.csv import CsvSource
from runner.contacts.sources.folder import SourceFolder
from runner.contacts.sources.inline import InlineSource
from runner.contacts.sources.jsonl import JsonlSource
from runner.contacts.sources.source import RowSource

# Each takes the model of its type, so their common signature cannot name it.
TYPES: dict[str, Callable[[Any, SourceFolder, frozenset[str] | None], RowSource]] = {
    "csv": CsvSource,
    "jsonl": JsonlSource,
    "inline": InlineSource,
}


def open_source(declared: AnySource, folder: SourceFolder, used: frozenset[str] | None) -> RowSource:
    """`used` are the columns that the campaign reads; with None, it may read any."""
    return TYPES[declared.type](declared, folder, used)
