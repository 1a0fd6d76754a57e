"""Keys of the campaign file as text."""

from collections.abc import Iterator, Sequence

from runner.campaign.reference import Key


def reference_text(keys: Sequence[Key]) -> str:
    """Some keys for a terminal, each as a paragraph."""
    return "\n".join("\n".join(_paragraph(key)) + "\n" for key in keys)


def _paragraph(key: Key) -> Iterator[str]:
    yield key.path
    yield f"  takes:   {key.takes.replace('`', '')}{', or a template' if key.is_template else ''}"
    yield f"  default: {key.default.replace('`', '')}"
    yield f"  meaning: {key.meaning}"
    if key.example:
        yield f"  example: {key.name}: {key.example}"
