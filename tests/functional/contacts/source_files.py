"""Opens a file as the source that a campaign file in its folder would declare."""

from runner.campaign.source_models import FileSource
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import TYPES


def open_source(path, used=None):
    kind = path.suffix.removeprefix(".")
    return TYPES[kind](FileSource(type=kind, path=path.name), SourceFolder(path.with_name("a.yaml")), used)
