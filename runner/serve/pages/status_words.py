"""The status of a campaign, in words. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from runner.calls import CallState
from runner.ledger.operators import CampaignState
from runner.ledger.totals import Totals
from runner.serve.served import ServeStatus


class Tone(StrEnum):
    """How urgent it is; the class of its mark."""

    ASKS = "asks"
    """Somebody has to do something, else nothing is sent."""
    WRONG = "wrong"
    GOES = "goes"
    RESTS = "rests"
    """Nothing is sent now, and that is as it should be."""


class StatusWords(NamedTuple):
    label: str
    means: str
    tone: Tone
    sign: str
    """Next to the label, so that nobody needs to see its color."""


_OF_SERVED: Mapping[ServeStatus, StatusWords] = {
    ServeStatus.PLANNING: StatusWords("Planning", "Its plan is being made.", Tone.GOES, "…"),
    ServeStatus.WAITING_FOR_APPROVAL: StatusWords(
        "Waiting for approval",
        "Nothing is sent until somebody approves the campaign file as it is now.",
        Tone.ASKS,
        "?",
    ),
    ServeStatus.GUARDED: StatusWords(
        "Stopped by a guard", "Its plan changes more than its guard allows: nothing is sent.", Tone.WRONG, "!"
    ),
    ServeStatus.RUNNING: StatusWords("Running", "Calls are sent when they are due.", Tone.GOES, "▶"),
    ServeStatus.WAITING_FOR_RESULTS: StatusWords(
        "Waiting for results", "Every call is queued at Insight; results may still come.", Tone.GOES, "▶"
    ),
    ServeStatus.FINISHED: StatusWords(
        "Finished", "Nothing is left to send. New contacts start it again.", Tone.RESTS, "✓"
    ),
    ServeStatus.STOPPED: StatusWords("Stopped", "A problem keeps calls from being sent.", Tone.WRONG, "!"),
    ServeStatus.BROKEN: StatusWords(
        "Has errors",
        "The campaign file or its sources have errors: nothing is sent until they are corrected.",
        Tone.WRONG,
        "!",
    ),
    ServeStatus.UNREACHABLE: StatusWords(
        "Unreachable",
        "A source, a list or the ledger cannot be read now. It is tried again.",
        Tone.WRONG,
        "!",
    ),
    ServeStatus.PAUSED: StatusWords("Paused", "Nothing is sent until somebody resumes it.", Tone.RESTS, "‖"),
    ServeStatus.CANCELED: StatusWords(
        "Canceled", "Nothing is ever sent again under this name.", Tone.RESTS, "\N{MULTIPLICATION SIGN}"
    ),
    ServeStatus.REMOVED: StatusWords(
        "File removed", "Nothing is sent, and nothing was withdrawn.", Tone.WRONG, "!"
    ),
    ServeStatus.HELD_ELSEWHERE: StatusWords(
        "Runs elsewhere", "Another process carries it out. It is tried again.", Tone.GOES, "▶"
    ),
}

_ELSEWHERE = "This server does not carry it out."
_OF_LEDGER = {
    CallState.PLANNED: StatusWords("Has planned calls", _ELSEWHERE, Tone.RESTS, "-"),
    CallState.QUEUED: StatusWords("Waiting for results", _ELSEWHERE, Tone.RESTS, "-"),
}
_NOTHING_LEFT = StatusWords("Nothing left to send", _ELSEWHERE, Tone.RESTS, "✓")


_HELD_UP = {
    CampaignState.PAUSED: _OF_SERVED[ServeStatus.PAUSED],
    CampaignState.CANCELED: _OF_SERVED[ServeStatus.CANCELED],
}


def served_words(status: ServeStatus, state: CampaignState = CampaignState.ACTIVE) -> StatusWords:
    """`state` is what operators allow, which `serve` follows after a moment."""
    words = _OF_SERVED[status]
    return _HELD_UP.get(state, words) if words.tone is Tone.GOES else words


def ledger_words(summary: Totals) -> StatusWords:
    """Of a campaign that the ledger knows, and that is not served here."""
    if summary.state in _HELD_UP:
        return _HELD_UP[summary.state]
    return next((words for state, words in _OF_LEDGER.items() if summary.states.get(state)), _NOTHING_LEFT)
