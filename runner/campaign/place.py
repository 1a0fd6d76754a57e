"""Where a campaign file may be: a link that comes with a pull request must not show the rest of the disk."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from runner.errors import RunnerError

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """`path` is the file itself, links resolved. Of one that is `linked`, no line may be quoted."""

    path: Path
    linked: bool


def find_campaign_file(path: Path, data_roots: Callable[[], Iterable[Path]]) -> CampaignFile:
    """The file that `path` names. `data_roots` is asked only where the file is not in its work tree.

    Raises RunnerError for a link that leads elsewhere, or to a file that is not YAML by its name.
    """
    named = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the links
    around = _named_folder(named, is_relative=not path.is_absolute())
    try:
        found = path.resolve()
    except (OSError, ValueError, RuntimeError):
        raise RunnerError(f"{path} cannot be read: invalid path") from None
    if found == around.actual / named.relative_to(around.named):
        return CampaignFile(found, linked=False)
    holder = _holder(found, around.actual, data_roots)
    # Checked first: the error must not reveal which files exist elsewhere.
    if holder is None:
        raise RunnerError(
            f"{path} is reached through a link that leads out of {around.named}",
            hint="name the file itself, or name its folder in RUNNER_DATA_ROOTS",
        )
    is_hidden = any(part.startswith(".") for part in found.relative_to(holder).parts)
    if is_hidden or found.suffix not in _SUFFIXES:
        raise RunnerError(
            f"{path} is a link to a file that is not a YAML file, or whose name begins with a dot",
            hint="put the campaign file itself there",
        )
    return CampaignFile(found, linked=True)


class _Folder(NamedTuple):
    """A folder as it is named, and where it is."""

    named: Path
    actual: Path


def _named_folder(file: Path, *, is_relative: bool) -> _Folder:
    """The work tree around a file, else its folder. Without git a relative path may not go through links."""
    tree = work_tree(file.parent)
    if tree is not None:
        return _Folder(tree, tree.resolve())
    return _Folder(file.parent, file.parent if is_relative else file.parent.resolve())


def _holder(found: Path, root: Path, data_roots: Callable[[], Iterable[Path]]) -> Path | None:
    """Which of the allowed folders the file lies in."""
    if found.is_relative_to(root):
        return root
    roots = (data_root.resolve() for data_root in data_roots())
    return next((data_root for data_root in roots if found.is_relative_to(data_root)), None)


def work_tree(folder: Path) -> Path | None:
    """The nearest folder around `folder`, or itself, that git manages. A linked folder is not part of it."""
    around = (folder, *folder.parents)
    return next((each for each in around if not each.is_symlink() and (each / ".git").exists()), None)
