"""Which files a path on the command line means."""

from pathlib import Path

from runner.errors import UsageError


def campaign_files(path: Path) -> list[Path]:
    """The file itself, or every YAML file of a folder and below, in order, dot-folders left out."""
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for pattern in ("*.yaml", "*.yml")
        for file in path.rglob(pattern)
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise UsageError(f"there is no YAML file in {path}")
    return found
