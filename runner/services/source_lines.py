"""How many lines the sources of a campaign have, for a progress bar."""

from collections.abc import Iterable
from contextlib import suppress

from runner.campaign.model import InlineSource, InlineSuppression
from runner.contacts.source_folder import SourceFolder
from runner.contacts.sources import AnySource
from runner.errors import SourceError

_CHUNK = 1 << 20


def lines_of(sources: Iterable[AnySource], folder: SourceFolder) -> list[int]:
    """The lines of each source; 0 for one that cannot be read, which is for its reader to say."""
    return [_lines(source, folder) for source in sources]


def _lines(source: AnySource, folder: SourceFolder) -> int:
    if isinstance(source, InlineSource | InlineSuppression):
        return len(source.rows)
    with suppress(SourceError, OSError), folder.find(source.path).open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
    return 0
