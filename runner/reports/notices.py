"""What must be read about a campaign: that it is paused or canceled, and who opted out too late."""

from collections.abc import Sequence

from runner.contacts.identity import Identity
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.times import Moment, machine_time

_NAMED = 20


def pause_text(pause_info: PauseInfo, moment: Moment = machine_time) -> str:
    """`PAUSED since 2026-12-01 11:00:00 EST by ann@desk: …`, with what that means."""
    means = {
        CampaignState.PAUSED: f"nothing is sent until `runner resume {pause_info.campaign}`",
        CampaignState.CANCELED: "nothing is ever sent again under this name",
    }
    state = pause_info.state
    why = f"{pause_info.problem}; " if pause_info.problem else ""
    return f"{state.upper()} since {moment(pause_info.at)} by {pause_info.by}: {why}{means[state]}"


def late_words(found: Sequence[LateOptOut], identity: Identity, moment: Moment = machine_time) -> str:
    """Who is concerned, and until when Insight may dial them."""
    people = "1 person is" if len(found) == 1 else f"{len(found):,} people are"
    named = "; ".join(
        f"{identity.label(late.key)} [{late.ref}] until {moment(late.until)} ({late.state}, {late.reason})"
        for late in found[:_NAMED]
    )
    more = len(found) - _NAMED
    rest = f"; and {more:,} more: runner status --output json" if more > 0 else ""
    return f"{people} suppressed too late: Insight has the call and may dial {named}{rest}"
