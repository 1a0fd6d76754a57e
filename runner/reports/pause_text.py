"""That an operator holds a campaign up, in words."""

from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.times import rfc3339


def pause_text(pause_info: PauseInfo) -> str:
    """`PAUSED since 2026-12-01T16:00:00Z by ann@desk: …`, with what that means."""
    means = {
        CampaignState.PAUSED: f"nothing is sent until `runner resume {pause_info.campaign}`",
        CampaignState.CANCELED: "nothing is ever sent again under this name",
    }
    state = pause_info.state
    return f"{state.upper()} since {rfc3339(pause_info.at)} by {pause_info.by}: {means[state]}"
