"""The policy file that RUNNER_POLICY_FILE names, and what it forbids a campaign."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.document import Document
from runner.campaign.loader import FileKind, LoadedCampaign, load_declared
from runner.campaign.policy import Policy
from runner.errors import RunnerError, SettingsError

if TYPE_CHECKING:
    from runner.contacts.suppression import KeptList, SuppressionLists

VARIABLE = "RUNNER_POLICY_FILE"
_KIND = FileKind(Policy, "policy")


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A valid policy and its file."""

    policy: Policy
    path: Path
    document: Document

    @property
    def own_files(self) -> Mapping[str, str]:
        """A hash of the file, by what a plan calls it."""
        return {VARIABLE: hashlib.sha256(self.path.read_bytes()).hexdigest()}


def load_policy(path: Path | None) -> LoadedPolicy | None:
    """None where no policy is set.

    Raises CampaignInvalidError with every error of the file, and SettingsError where it cannot be read.
    """
    if path is None:
        return None
    try:
        policy, document = load_declared(path, _KIND)
    except CampaignInvalidError:
        raise
    except RunnerError as error:
        raise SettingsError(
            f"{VARIABLE}: {error.message}", hint="without its policy no campaign is planned or applied"
        ) from None
    return LoadedPolicy(policy, path, document)


class PolicyLists:
    """The lists of the policy and, behind them, the one that the ledger keeps. Implements KeptList."""

    def __init__(self, lists: "SuppressionLists", kept: "KeptList") -> None:
        self._lists = lists
        self._kept = kept
        self._changes = 0

    @property
    def names_keys(self) -> bool:
        return self._lists.names_keys or self._kept.names_keys

    @property
    def revision(self) -> int:
        return self._changes + self._kept.revision

    def match(self, key: str, phone: str) -> str | None:
        found = self._lists.match(key, phone)
        return f"{found} of the policy" if found else self._kept.match(key, phone)

    def refresh(self) -> None:
        self._changes += self._lists.refresh()
        self._kept.refresh()

    def as_of(self, now: float) -> "PolicyLists":
        other = copy(self)
        other._kept = self._kept.as_of(now)  # noqa: SLF001 - a copy of this
        return other


@contextmanager
def at_its_place(policy: LoadedPolicy) -> Iterator[None]:
    """Turns an error that a template of a list makes in every row into an error of the policy file."""
    from runner.contacts.suppression import ListTemplateError  # noqa: PLC0415 - `validate` reads no list

    try:
        yield
    except ListTemplateError as error:
        # There, `suppress` is at the top.
        place = error.location[1:]
        finding = policy.document.error("template_fails", error.message, place, error.hint)
        raise CampaignInvalidError([finding], what="policy file") from None


def check_survey(loaded: LoadedCampaign, policy: LoadedPolicy | None) -> None:
    """Raises CampaignInvalidError for a survey that the policy does not allow."""
    survey = loaded.campaign.survey.survey_id
    if policy is None or policy.policy.surveys is None or survey in policy.policy.surveys:
        return
    finding = loaded.error(
        "survey_not_allowed",
        f"the policy does not allow survey {survey}",
        ("survey", "survey_id"),
        f"{policy.path}: surveys has {', '.join(policy.policy.surveys)}",
    )
    raise CampaignInvalidError([finding])
