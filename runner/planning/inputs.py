"""The fingerprint of a plan's inputs: keyed hashes of all that it was made from. Pure.

They are keyed so that nobody can find out a number by hashing all numbers.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.campaign.model import Campaign
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.variables import Variables
from runner.contacts.identity import Identity
from runner.contacts.sources.source import Reading
from runner.planning.lazy_sequence import lazy_map
from runner.planning.plan import Plan, PlannedCall

CALL_PARTS = ("phone", "timezone or dates", "request", "metadata")
_LENGTH = 32
"""Hexadecimal digits."""
_PART_LENGTH = 16
"""Hexadecimal digits of each part: 64 bits, and all parts of two calls together never agree by chance."""
_UNPLANNED_SECTIONS = frozenset({"description", "extends", "silence"})
"""Parts of the campaign file that change no call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a plan was made from."""

    campaign_file: str
    """As it was named when the plan was made, relative to the folder it was made in."""
    key: str
    """Fingerprint of the privacy key: with another key nothing can be compared."""
    sections: Mapping[str, str]
    """Fingerprint of each top-level key of the campaign file."""
    files: Mapping[str, str]
    """Fingerprint of each further file, such as own rules. What sources gave is in the view of the plan."""
    read_at: Mapping[str, int]
    """When each source and list over a connection was read, in UTC Unix seconds, by its place."""
    ledger_revision: str
    ledger_knew: bool
    """Whether the ledger had seen the campaign before."""
    limit: int | None
    variables: Variables
    """What the command line gave for entries of `vars`."""
    calls: Sequence[str]
    """Fingerprint of each call, in the order of the plan."""


def inputs_of(  # noqa: PLR0913 - all that a plan follows from, each by its name
    plan: Plan,
    campaign: Campaign,
    identity: Identity,
    *,
    campaign_file: str,
    files: Mapping[str, str],
    readings: Iterable[Reading],
    ledger_knew: bool,
    limit: int | None,
    variables: Variables,
) -> Inputs:
    """`files` are hashes of contents, which are keyed here."""
    return Inputs(
        campaign_file=campaign_file,
        key=key_fingerprint(identity),
        sections=_sections(campaign, identity),
        files={path: _fingerprint(identity, "file", content) for path, content in files.items()},
        read_at={each.place: int(each.read_at) for each in readings if each.read_at is not None},
        ledger_revision=plan.ledger_revision,
        ledger_knew=ledger_knew,
        limit=limit,
        variables=variables,
        calls=lazy_map(lambda call: _call_fingerprint(identity, call), plan.calls),
    )


def campaign_fingerprint(campaign: Campaign, rules: Iterable[RuleSet], identity: Identity) -> str:
    """Of the campaign file as a whole and the rules that it obeys: runs that share a campaign must have the
    same.
    """
    obeyed = [rule.plain() for rule in rules]
    return _fingerprint(identity, "campaign", _sections(campaign, identity), obeyed)


def key_fingerprint(identity: Identity) -> str:
    return _fingerprint(identity, "privacy key")


def _sections(campaign: Campaign, identity: Identity) -> Mapping[str, str]:
    return {
        name: _fingerprint(identity, name, value)
        for name, value in campaign.model_dump(mode="json").items()
        if name not in _UNPLANNED_SECTIONS
    }


def _call_fingerprint(identity: Identity, call: PlannedCall) -> str:
    """One keyed hash for each part of the call, so that a comparison can say which one changed."""
    request = call.request
    parts: dict[str, object] = {
        "phone": call.phone,
        "timezone or dates": [call.timezones, call.earliest, call.latest],
        "request": [request.phone_number, request.max_attempts, request.reattempt_wait, request.result_url],
        "metadata": dict(request.metadata),
    }
    return "-".join(
        _fingerprint(identity, "call", call.key, call.round, name, parts[name])[:_PART_LENGTH]
        for name in CALL_PARTS
    )


def _fingerprint(identity: Identity, *what: object) -> str:
    return identity.digest(f"input:{json.dumps(what, sort_keys=True)}")[:_LENGTH]
