"""Where a campaign file may be: a link that comes with a pull request must not show the rest of the disk."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from runner.errors import RunnerError

_SUFFIXES = frozenset({".yaml", ".yml"})


def find_campaign_file(path: Path, data_roots: Callable[[], Iterable[Path]]) -> tuple[Path, bool]:
    """The file that `path` names, links resolved, and whether a link led to it: then no line may be quoted.

    `data_roots` is asked only where the file is not in its work tree. Raises RunnerError for a link that
    leads elsewhere, or to a file that is not YAML by its name.
    """
    named = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the links
    tree = work_tree(named.parent)
    around = tree or named.parent
    # Without git a relative path may not go through links.
    root = around if tree is None and not path.is_absolute() else around.resolve()
    found = _resolved(path, path)
    if found == root / named.relative_to(around):
        return found, False
    holder = _holder(found, root, data_roots)
    # Checked first: the error must not reveal which files exist elsewhere.
    if holder is None:
        raise RunnerError(
            f"{path} is reached through a link that leads out of {around}",
            hint="name the file itself, or name its folder in RUNNER_DATA_ROOTS",
        )
    if not _is_yaml(found, holder):
        raise RunnerError(
            f"{path} is a link to a file that is not a YAML file, or whose name begins with a dot",
            hint="put the campaign file itself there",
        )
    return found, True


def find_base_file(campaign: Path, given: str, data_roots: Callable[[], Iterable[Path]]) -> tuple[Path, bool]:
    """The file that a campaign file extends, links resolved, and whether it is outside of the work tree: then
    no line may be quoted. `campaign` is the file itself, no link; `given` is relative to it.

    Raises RunnerError where it is in none of these folders, or not a YAML file by its name.
    """
    tree = (work_tree(campaign.parent) or campaign.parent).resolve()
    found = _resolved(campaign.parent / given, given)
    holder = _holder(found, tree, data_roots)
    # Checked first: the error must not reveal which files exist elsewhere.
    if holder is None:
        raise RunnerError(
            f"{given} is outside the campaign's folder",
            hint="keep it in the campaign's git work tree, or name its folder in RUNNER_DATA_ROOTS",
        )
    if not _is_yaml(found, holder):
        raise RunnerError(f"{given} is not a YAML file, or its name begins with a dot")
    if not found.is_file():
        raise RunnerError(f"there is no file {given}", hint="the path is relative to the campaign file")
    return found, holder != tree


def _resolved(path: Path, name: Path | str) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        raise RunnerError(f"{name} cannot be read: invalid path") from None


def _holder(file: Path, root: Path, data_roots: Callable[[], Iterable[Path]]) -> Path | None:
    """The folder of these in which the file is."""
    if file.is_relative_to(root):
        return root
    roots = (data_root.resolve() for data_root in data_roots())
    return next((each for each in roots if file.is_relative_to(each)), None)


def _is_yaml(file: Path, holder: Path) -> bool:
    """By its name, and by those of the folders in which it is."""
    is_hidden = any(part.startswith(".") for part in file.relative_to(holder).parts)
    return file.suffix in _SUFFIXES and not is_hidden


def work_tree(folder: Path) -> Path | None:
    """The nearest folder around `folder`, or itself, that git manages. A linked folder is not part of it."""
    around = (folder, *folder.parents)
    return next((each for each in around if not each.is_symlink() and (each / ".git").exists()), None)
