"""What the ledger binds a campaign to at its first apply: account, API, survey, repository of the file.

The ledger keeps keyed hashes that identify the repository, because other machines read them and must not
learn this one's folders. Some identify it better than others: the best one that both sides have decides.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from runner.campaign.loader import LoadedCampaign
from runner.contacts.identity import Identity
from runner.ledger.overview import Overview
from runner.ledger.plan_entry import Binding
from runner.planning.inputs import campaign_fingerprint
from runner.services.policy import load_policy
from runner.services.rules import campaign_rules
from runner.settings import Settings, origin

_THIS_MACHINE = origin("http://127.0.0.1")
_BY_STRENGTH = ("root_commit", "remote", "folder")
"""Clones share the first commit; a shallow clone lacks it, and names its remote; without git there is the
folder.
"""
_GIT_SECONDS = 5


def account_digest(settings: Settings, identity: Identity) -> str:
    """The keyed hash by which the ledger knows the account."""
    return identity.digest(f"account:{settings.insight_username}")


def binding_of(loaded: LoadedCampaign, settings: Settings, identity: Identity) -> Binding:
    """What the ledger binds the campaign to at its first apply. Raises as `campaign_rules`."""
    survey = loaded.campaign.survey
    return Binding(
        campaign=loaded.campaign.name,
        survey_id=survey.survey_id,
        instance_id=survey.instance_id,
        account=account_digest(settings, identity),
        origin=origin(settings.insight_base_url),
        inputs=campaign_fingerprint(
            loaded.campaign,
            campaign_rules(loaded, settings.rules, load_policy(settings.policy_file)).sets,
            identity,
        ),
        repository=repository_of(loaded.path, identity),
    )


def api_name(settings: Settings) -> str:
    """What people call the API at this address: `Insight`, or host and port of a stand-in on this machine."""
    base_url = settings.insight_base_url
    return urlsplit(base_url).netloc if origin(base_url) == _THIS_MACHINE else "Insight"


def bound_elsewhere(seen: Overview, settings: Settings, identity: Identity) -> str:
    """Why `apply` would refuse the campaign with these settings; empty when it would not.

    Without a user name nothing is said of the account: `plan` and `status` need none.
    """
    if not seen.origin:
        return ""
    here = origin(settings.insight_base_url)
    if seen.origin != here:
        return (
            f"{seen.campaign} was applied at {_place(seen.origin)}, but the settings name {_place(here)}: "
            "apply will refuse it"
        )
    if settings.insight_username and seen.account != account_digest(settings, identity):
        return (
            f"{seen.campaign} was applied with another Insight account than the one in the settings: "
            "apply will refuse it"
        )
    return ""


BOUND_ELSEWHERE_HINT = (
    "restore RUNNER_INSIGHT_BASE_URL and RUNNER_INSIGHT_USERNAME, use another ledger "
    "(RUNNER_LEDGER_URL), or give the campaign a new `name`"
)


def _place(where: str) -> str:
    return "a stand-in on this machine" if where == _THIS_MACHINE else where


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


def commit_of(campaign_file: Path) -> str:
    """The last commit of the campaign file; empty outside git, or where git is not installed."""
    file = campaign_file.resolve()
    return _git(file.parent, "log", "-1", "--format=%H", "--", file.name).strip()


def _plain_address(remote: str) -> str:
    """The same for `git@host:team/repo.git` and `https://user@host/team/repo`."""
    address = re.sub(r"^[a-z+]+://", "", remote.strip().lower())
    address = re.sub(r"^[^/@]*@", "", address)
    return re.sub(r"^([^/:]+):(?!\d+/)", r"\1/", address).rstrip("/").removesuffix(".git")


def _git(folder: Path, *arguments: str) -> str:
    """What git says; empty outside a repository, or where git is not installed."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed words, and a path after `--`
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return ""
    return found.stdout if found.returncode == 0 else ""
