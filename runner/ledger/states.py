"""The life of a call: its states, and the moves between them that may happen. Pure.

planned ──claim and intent, one commit──▶ sending
sending ──200 and a call_id──▶ queued ──its result──▶ completed | failed | canceled | rejected
sending ──400──▶ refused
sending ──provably nothing was sent──▶ planned, or skipped where it is no longer wanted
sending ──anything else──▶ uncertain ──evidence──▶ queued or ended
                                     └─an operator's word─▶ planned | abandoned ─another word─▶ planned
planned ──no window left, or withdrawn──▶ skipped
refused ──its request changed, or `runner retry`──▶ planned
planned or skipped ──an answer to what the ledger forgot──▶ queued or uncertain
refused ──another contact has its number now──▶ skipped ──wanted again──▶ planned
failed, canceled or rejected ──a completed result after all──▶ completed
planned, refused, skipped or abandoned ──evidence that it was queued──▶ queued or ended

A process that stopped and was declared dead may still report its answer: `takes_evidence` says which calls
still take one. `runner.ledger.evidence` says what results do.
"""

from runner.calls import FINAL, CallState
from runner.planning.plan import Availability

_MAY_BE_QUEUED = frozenset({CallState.QUEUED, CallState.UNCERTAIN})
_MOVES: dict[CallState, frozenset[CallState]] = {
    CallState.PLANNED: FINAL | _MAY_BE_QUEUED | {CallState.SENDING, CallState.SKIPPED},
    CallState.SENDING: _MAY_BE_QUEUED | {CallState.REFUSED, CallState.PLANNED, CallState.SKIPPED},
    CallState.QUEUED: FINAL,
    CallState.UNCERTAIN: FINAL
    | {CallState.QUEUED, CallState.REFUSED, CallState.PLANNED, CallState.SKIPPED, CallState.ABANDONED},
    CallState.REFUSED: FINAL | {CallState.PLANNED, CallState.SKIPPED, CallState.QUEUED},
    CallState.SKIPPED: FINAL | _MAY_BE_QUEUED | {CallState.PLANNED},
    **dict.fromkeys(FINAL, frozenset({CallState.COMPLETED})),
    CallState.COMPLETED: frozenset(),
    CallState.ABANDONED: FINAL | {CallState.QUEUED, CallState.PLANNED},
}

_AVAILABILITY = {
    CallState.PLANNED: Availability.PLANNED,
    CallState.REFUSED: Availability.REFUSED,
    CallState.SKIPPED: Availability.OPEN,
}


def may_move(before: CallState, after: CallState) -> bool:
    return after in _MOVES[before]


def takes_evidence(state: CallState, ending: CallState, *, has_call_id: bool) -> bool:
    """Whether a call in `state` still moves to `ending`, when the answer to its last request says so.

    A call that is being sent takes every answer, and so does one that was declared uncertain meanwhile. After
    an operator's word only the proof counts that Insight did queue it, or an answer with a call_id, which
    says that it may have: else it might be queued again.
    """
    if state in {CallState.SENDING, CallState.UNCERTAIN}:
        return True
    if ending is CallState.UNCERTAIN and has_call_id:
        return state in {CallState.PLANNED, CallState.SKIPPED}
    proven_wrong = {CallState.PLANNED, CallState.SKIPPED, CallState.ABANDONED, CallState.QUEUED}
    return ending is CallState.QUEUED and state in proven_wrong


def availability(state: CallState) -> Availability:
    """What a call in this state means for a new plan: whatever may have reached Insight is taken."""
    return _AVAILABILITY.get(state, Availability.TAKEN)
