"""Where a source may be: a campaign changed in a pull request must not read the rest of the disk."""

import stat
from collections.abc import Sequence
from pathlib import Path

from runner.campaign.place import work_tree
from runner.errors import MissingSourceError, SourceError


class SourceFolder:
    """The folder of a campaign file, the git work tree around it, and what RUNNER_DATA_ROOTS adds.

    `forbidden` are files that no source may be, such as the ledger.
    """

    def __init__(
        self, campaign_file: Path, *, data_roots: Sequence[Path] = (), forbidden: Sequence[Path] = ()
    ) -> None:
        self._folder = campaign_file.resolve().parent
        self._roots = (
            work_tree(self._folder) or self._folder,
            *(root.resolve() for root in data_roots),
        )
        self._forbidden = tuple(path.resolve() for path in forbidden)

    def find(self, path: str) -> Path:
        """The regular file that `path` names, relative to the campaign file, links resolved.

        Raises SourceError when there is none, or it may not be read.
        """
        try:
            found = (self._folder / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise SourceError(f"{path}: it cannot be read ({_reason(error)})") from None
        # Checked first: the error must not reveal which files exist elsewhere.
        root = next((root for root in self._roots if found.is_relative_to(root)), None)
        if root is None:
            raise SourceError(
                f"{path}: it is outside the campaign's folder",
                hint="keep it in the campaign's git work tree, or name its folder in RUNNER_DATA_ROOTS",
            )
        if any(part.startswith(".") for part in found.relative_to(root).parts):
            raise SourceError(f"{path}: names that begin with a dot are not read as sources")
        if not stat.S_ISREG(_mode(found, path)):
            raise SourceError(f"{path}: it is not a regular file")
        if any(found == path or found.name.startswith(f"{path.name}-") for path in self._forbidden):
            raise SourceError(f"{path}: that is the ledger, not a source")
        return found


def _mode(found: Path, path: str) -> int:
    try:
        return found.stat().st_mode
    except FileNotFoundError:
        raise MissingSourceError(
            f"{path}: there is no such file", hint="paths are relative to the campaign file"
        ) from None
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "invalid path"
