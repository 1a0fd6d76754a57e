"""What every type of source provides. Contacts and suppression lists are read the same way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row

EMPTY_HINT = "check that the export is complete; if it may be empty, set `allow_empty: true`"
HEADER_HINT = "add a line above it that names the columns, such as `phone` or `id`"


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a source that can be read. `code` is stable."""

    code: WarningCode
    message: str
    hint: str
    key: str = "path"
    """The key of the source that it is about."""


class Version(NamedTuple):
    """Differs when the content of a source may have changed."""

    token: tuple[object, ...]
    changed_at: float | None
    """When the content last changed, in UTC Unix seconds; None where that is unknown."""


class Reading(NamedTuple):
    """What one source or suppression list gave when a plan was made."""

    place: str
    """In `contacts` of the campaign file: `sources[0]`."""
    name: str
    type: str
    rows: int
    digest: str
    """Of its content; empty where that is part of the campaign file."""
    read_at: float | None
    """UTC Unix seconds, for what is read over a connection; None for what lies on this machine."""


class RowSource(Protocol):
    """One source or suppression list, as the campaign file declares it."""

    name: str
    """What messages, plans and rows call it: the path of a file."""
    notices: list[Notice]
    """Found when the rows were last read."""
    has_header: bool
    """All rows have the columns that a header names."""
    read_at: float | None
    """When it was read last, in UTC Unix seconds; None for what lies on this machine."""

    def rows(self) -> Iterator[Row]:
        """Streams the rows. Raises SourceError when they cannot be read."""
        ...

    def size_hint(self) -> int:
        """About how many rows there are, for a progress bar; 0 where that is unknown."""
        ...

    def version(self) -> Version | None:
        """Of the content as it is now; None where it is part of the campaign file.

        Raises MissingSourceError when there is no such source, SourceError when it may not be read.
        """
        ...

    def digest(self) -> str:
        """A hash of the content. Raises SourceError."""
        ...
