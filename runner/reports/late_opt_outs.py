"""Opt-outs that came too late, in words."""

from collections.abc import Sequence

from runner.contacts.identity import Identity
from runner.ledger.late_opt_outs import LateOptOut
from runner.reports.times import Moment, machine_time

_NAMED = 20


def late_words(found: Sequence[LateOptOut], identity: Identity, moment: Moment = machine_time) -> str:
    """Who is concerned, and until when Insight may dial them."""
    people = "1 person is" if len(found) == 1 else f"{len(found):,} people are"
    named = "; ".join(
        f"{identity.label(late.key)} [{late.ref}] until {moment(late.until)} ({late.state}, {late.reason})"
        for late in found[:_NAMED]
    )
    more = len(found) - _NAMED
    rest = f"; and {more:,} more: runner status --output json" if more > 0 else ""
    return f"{people} suppressed too late, Insight has the call and may dial: {named}{rest}"
