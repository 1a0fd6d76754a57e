"""The rule sets that a campaign obeys, from the presets that it names."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic
from runner.campaign.document import Document
from runner.campaign.hours import weekly_entries
from runner.campaign.lint import WEEKLY
from runner.campaign.loader import LoadedCampaign
from runner.campaign.rules.presets import Presets, UnknownPresetError, presets
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.warning_codes import WarningCode
from runner.planning.public_holidays import UnknownPlaceError
from runner.planning.rule_cuts import OUTSIDE_HINT, outside_of, windows_outside
from runner.planning.rule_hours import RuleHours
from runner.services.policy import VARIABLE, LoadedPolicy, check_survey, load_policy
from runner.setting_files import may_be_set


def configured_policy() -> LoadedPolicy | None:
    """That of RUNNER_POLICY_FILE. Raises as `load_policy`."""
    if not may_be_set(VARIABLE):
        return None
    from runner.settings import load_settings  # noqa: PLC0415 - many commands never read them

    return load_policy(load_settings().policy_file)


def own_rules_folder() -> Path | None:
    """That of RUNNER_RULES. Settings take a while to import, and few campaigns need them."""
    from runner.settings import load_settings  # noqa: PLC0415 - see above

    return load_settings().rules


def check_rules(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """Warnings about windows that a rule closes.

    Raises CampaignInvalidError for a survey that the policy does not allow, for a preset that does not exist,
    and for one that closes every window.
    """
    policy = configured_policy()
    check_survey(loaded, policy)
    if loaded.campaign.rules or policy is not None:
        rules = campaign_rules(loaded, own_rules_folder(), policy).sets
        for entry, names in windows_outside(loaded.campaign.calling_windows, rules):
            place = (*WEEKLY, *entry.location)
            yield loaded.warning(WarningCode.UNREACHABLE_WINDOW, outside_of(names), place, OUTSIDE_HINT)


class CampaignRules(NamedTuple):
    """What a campaign obeys."""

    sets: tuple[RuleSet, ...] = ()
    own_files: Mapping[str, str] = {}
    """Hashes of the preset files that do not ship with runner, by what a plan calls them."""


def campaign_rules(loaded: LoadedCampaign, folder: Path | None, policy: LoadedPolicy | None) -> CampaignRules:
    """The rule sets of the presets that the campaign and the policy name, with those of the added `folder`,
    and that of the policy itself.

    Raises SettingsError, and CampaignInvalidError as above or for a broken preset file.
    """
    names = list(dict.fromkeys((*loaded.campaign.rules, *(policy.policy.rules if policy else ()))))
    known = presets(folder) if names else Presets({}, {})
    errors = [*_unknown(loaded.campaign.rules, known, loaded)]
    if policy is not None:
        errors += _unknown(policy.policy.rules, known, policy.document)
    if errors:
        raise CampaignInvalidError(errors)
    own = (loaded.campaign.own_rule(), policy.policy.rule_set() if policy else None)
    rules = (*known.rule_sets(names), *(rule for rule in own if rule is not None))
    errors = [*_without_holidays(loaded, rules), *_closing(loaded, rules)]
    if errors:
        raise CampaignInvalidError(errors)
    files = {
        f"RUNNER_RULES/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in known.files_of(names)
    }
    return CampaignRules(rules, {**files, **(policy.own_files if policy else {})})


def versions_of(rules: Iterable[RuleSet]) -> str:
    """`us-federal 1, us-fl 2`: the versions of the facts that a plan rests on."""
    return ", ".join(f"{rule.name} {rule.version}" for rule in rules)


def _unknown(names: Iterable[str], known: Presets, file: LoadedCampaign | Document) -> Iterator[Diagnostic]:
    """`file` has the names under `rules`."""
    for position, name in enumerate(names):
        try:
            known.named(name)
        except UnknownPresetError as error:
            yield file.error("unknown_preset", error.message, ("rules", position), error.hint)


def _without_holidays(loaded: LoadedCampaign, rules: Iterable[RuleSet]) -> Iterator[Diagnostic]:
    for rule in rules:
        try:
            RuleHours(rule)
        except UnknownPlaceError as error:
            message = f"rule preset `{rule.name}`: {error.message}"
            yield loaded.error("unknown_place", message, ("rules",), error.hint)


def _closing(loaded: LoadedCampaign, rules: Iterable[RuleSet]) -> Iterator[Diagnostic]:
    windows = loaded.campaign.calling_windows
    closed = windows_outside(windows, rules)
    if len(closed) == len(weekly_entries(windows.weekly)):
        names = dict.fromkeys(name for _, closing in closed for name in closing)
        yield loaded.error(
            "never_opens",
            f"every calling window lies outside the hours of {', '.join(names)}, so nobody could be called",
            WEEKLY,
            OUTSIDE_HINT,
        )
