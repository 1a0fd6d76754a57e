"""That an operator holds a campaign up, in words."""

from runner.ledger.operators import CampaignStanding, Halt
from runner.reports.times import rfc3339


def halt_words(halt: Halt) -> str:
    """`PAUSED since 2026-12-01T16:00:00Z by ann@desk: …`, with what that means."""
    means = {
        CampaignStanding.PAUSED: f"nothing is sent until `runner resume {halt.campaign}`",
        CampaignStanding.CANCELED: "nothing is ever sent again under this name",
    }
    return f"{halt.standing.upper()} since {rfc3339(halt.at)} by {halt.by}: {means[halt.standing]}"
