"""Which due calls the limits on dials hold back: asked in the transaction that claims them.

A plan counts what the ledger knew when it was made. Other campaigns go on meanwhile.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

from sqlalchemy import Connection, RowMapping

from runner.campaign.rules.rule_set import RuleSet
from runner.ledger.claim import HeldBack
from runner.ledger.dials import dials_of
from runner.planning.contact_limits import Dials, broken_by, caps_in, within_limits
from runner.planning.windows import Window

_AHEAD_SECONDS = 90 * 86_400
"""A call that has no time before is skipped; a later plan may find one."""


class CallLimits:
    """The limits that the calls of one campaign keep."""

    def __init__(self, campaign: str, rules: tuple[RuleSet, ...]) -> None:
        self._campaign = campaign
        self._caps_in = lru_cache(maxsize=4096)(partial(caps_in, rules))
        self._has_caps = any(rule.caps for rule in rules)

    def held_back(
        self, connection: Connection, due: Sequence[RowMapping], *, alone: bool
    ) -> Mapping[int, HeldBack]:
        """The calls among these that cannot be sent in their slots, by id. `alone`: no other campaign is in
        the ledger.
        """
        if not due or (alone and not self._has_caps):
            return {}
        known = dials_of(connection, self._campaign, {row["phone"] for row in due})
        found: dict[int, HeldBack] = {}
        for row in due:
            others = [dials for call, dials in known.get(row["phone"], ()) if call != row["id"]]
            held = self._held_back(row, others) if others or self._has_caps else None
            if held is not None:
                found[row["id"]] = held
        return found

    def _held_back(self, row: RowMapping, others: Sequence[Dials]) -> HeldBack | None:
        caps, attempts = self._caps_in(row["states"]), row["max_attempts"]
        start, end = row["start_timestamp"], row["end_timestamp"]
        broken = broken_by(start, end, others, caps, attempts)
        if broken is None:
            return None
        later = within_limits((Window(start, start + _AHEAD_SECONDS),), others, caps, attempts)
        not_before = next((window.start for window in later if window.start > start), None)
        return HeldBack(not_before, broken.name)
