"""Opens a file as the source that a campaign file in its folder would declare."""

from pydantic import TypeAdapter

from runner.campaign.source_models import Source
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import TYPES

_SOURCE = TypeAdapter(Source)


def open_source(path, used=None, **options):
    declared = _SOURCE.validate_python({"type": path.suffix.removeprefix("."), "path": path.name, **options})
    return TYPES[declared.type](
        declared, ReadContext(folder=SourceFolder(path.with_name("a.yaml")), used=used)
    )
