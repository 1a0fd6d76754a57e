"""That an operator holds a campaign up, in words."""

from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.times import Moment, machine_time


def pause_text(pause_info: PauseInfo, moment: Moment = machine_time) -> str:
    """`PAUSED since 2026-12-01 11:00:00 EST by ann@desk: …`, with what that means."""
    means = {
        CampaignState.PAUSED: f"nothing is sent until `runner resume {pause_info.campaign}`",
        CampaignState.CANCELED: "nothing is ever sent again under this name",
    }
    state = pause_info.state
    return f"{state.upper()} since {moment(pause_info.at)} by {pause_info.by}: {means[state]}"
