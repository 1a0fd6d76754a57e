"""Which repository and file a campaign comes from, so that two campaigns of one name are told apart.

The ledger keeps keyed hashes of it: other machines read them, and must not learn this one's folders. Each is
evidence of another strength, and the strongest that both sides have decides.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from runner.contacts.identity import Identity

_BY_STRENGTH = ("root_commit", "remote", "folder")
"""Clones share the first commit; a shallow clone lacks it, and names its remote; without git there is the
folder.
"""
_PATIENCE_SECONDS = 5


def repository_of(campaign_file: Path, identity: Identity) -> Mapping[str, str]:
    """Keyed hashes of the repository with the path of the campaign file inside it, by kind of evidence."""
    file = campaign_file.resolve()
    found = {"folder": str(file)}
    place = _git(file.parent, "rev-parse", "--is-shallow-repository", "--show-prefix").split("\n")
    if len(place) > 1:
        is_shallow, prefix = place[:2]
        inside = f"{prefix}{file.name}"
        # The oldest, should histories have been joined.
        *_, root = ["", *_git(file.parent, "rev-list", "--max-parents=0", "HEAD").split()]
        if root and is_shallow == "false":
            found["root_commit"] = f"{root}:{inside}"
        remote = _git(file.parent, "config", "--get", "remote.origin.url").strip()
        if remote:
            found["remote"] = f"{_plain_address(remote)}:{inside}"
    return {kind: identity.digest(f"repository:{kind}:{value}") for kind, value in found.items()}


def is_other(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether the two are known to be different; False where nothing can be compared."""
    for kind in _BY_STRENGTH:
        if kind in before and kind in now:
            return before[kind] != now[kind]
    return False


def _plain_address(remote: str) -> str:
    """The same for `git@host:team/repo.git` and `https://user@host/team/repo`."""
    address = re.sub(r"^[a-z+]+://", "", remote.strip().lower())
    address = re.sub(r"^[^/@]*@", "", address)
    return re.sub(r"^([^/:]+):(?!\d+/)", r"\1/", address).rstrip("/").removesuffix(".git")


def _git(folder: Path, *arguments: str) -> str:
    """What git says; empty outside a repository, or where git is not installed."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed words
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return ""
    return found.stdout if found.returncode == 0 else ""
