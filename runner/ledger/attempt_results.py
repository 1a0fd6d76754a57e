"""How attempts ended, written into the ledger, inside a transaction of the caller.

Nearly always the call is still as the claim left it: such results are recorded many at a time. Where the call
was resolved meanwhile, or another call has the same call_id, a result is checked and recorded alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, text, update

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.asking import FIRST_ASK
from runner.ledger.claim import AttemptResult, Claim, LostClaimError
from runner.ledger.reached import skip_finished
from runner.ledger.results import settle_held
from runner.ledger.rows import execute_plain, some_at_a_time
from runner.ledger.states import takes_evidence
from runner.ledger.tables import attempts, calls
from runner.ledger.transitions import Transition, move_calls, record_transitions, skip_calls

_SETTLED_AT_ONCE = 64
"""Calls in one statement: as many as may be under way. Old releases of SQLite take 999 values."""
# Made once: building a statement costs more than running it.
_CLOSE_LIVE_OF_ALL = (
    update(attempts)
    .where(
        attempts.c.call.in_(bindparam("of_calls", expanding=True)),
        attempts.c.finished_at.is_(None),
        attempts.c.fence == select(calls.c.fence).where(calls.c.id == attempts.c.call).scalar_subquery(),
    )
    .values(
        finished_at=bindparam("moment"),
        outcome=bindparam("ends"),
        http_status=bindparam("status"),
        reason=bindparam("why"),
    )
)

_PUSH_AGAIN = (
    update(calls).where(calls.c.id.in_(bindparam("of_calls", expanding=True))).values(pushed_at=None)
)

Ended = tuple[Claim, AttemptResult]


def record_together(connection: Connection, run: int, ended: Sequence[Ended], now: float) -> None:
    """Records endings whose calls are as they were claimed.

    Raises LedgerError where one is not, or has a call_id that another call has: then none may be committed,
    and each is to be recorded alone.
    """
    alike: defaultdict[tuple[CallState, StateReason], list[Ended]] = defaultdict(list)
    # Always in one order, so that two runs never wait for each other.
    for claim, ending in sorted(ended, key=lambda each: each[0].call):
        alike[ending.state, ending.reason].append((claim, ending))
    for (state, reason), settled in alike.items():
        for some in some_at_a_time(settled, _SETTLED_AT_ONCE):
            _settle(connection, some, (state.value, reason.stored(), run, now))
    moves = [
        Transition(claim.call, CallState.SENDING, ending.state, ending.reason) for claim, ending in ended
    ]
    record_transitions(connection, moves, run=run, at=now)
    _close(connection, ended, now)
    _forget_pushes(connection, ended)
    _settle_evidence(connection, ended, now)


def record(
    connection: Connection, run: int, claim: Claim, ending: AttemptResult, now: float
) -> tuple[AttemptResult, bool]:
    """Records one ending, whatever became of its call, and returns it as recorded.

    Also tells whether the ledger had forgotten the claim. Recording an ending again does nothing. Raises
    LostClaimError when somebody settled the call meanwhile and the ending proves nothing else.
    """
    ending = _without_foreign_call_id(connection, claim, ending)
    call = connection.execute(select(calls).where(calls.c.id == claim.call).with_for_update()).one()
    if _is_recorded(connection, claim, ending, call):
        return ending, False
    before = CallState(call.state)
    if call.fence > claim.fence or not _accepts(call, claim, ending):
        raise LostClaimError("a call was settled by somebody else while it was being sent")
    forgotten = call.fence < claim.fence
    if forgotten:
        # Writes the attempt again.
        connection.execute(
            insert(attempts).values(call=claim.call, run=run, fence=claim.fence, intended_at=now)
        )
    _make_room(connection, run, call, ending, now)
    move_calls(
        connection,
        [Transition(claim.call, before, ending.state, ending.reason)],
        run=run,
        at=now,
        also={
            "fence": claim.fence,
            "call_id": ending.call_id,
            "link": ending.link,
            "ask_at": text(FIRST_ASK) if ending.state is CallState.QUEUED else None,
            "run": run,
        },
    )
    _forget_pushes(connection, [(claim, ending)])
    mine = (attempts.c.call == claim.call, attempts.c.fence == claim.fence)
    close = (
        update(attempts)
        .where(*mine)
        .values(finished_at=now, outcome=ending.state, http_status=ending.http_status, reason=ending.reason)
    )
    # The live attempts have an index, all attempts have none. That of a run that died is closed already.
    if connection.execute(close.where(attempts.c.finished_at.is_(None))).rowcount == 0:
        connection.execute(close)
    _settle_evidence(connection, [(claim, ending)], now)
    return ending, forgotten


def _settle_evidence(connection: Connection, ended: Sequence[Ended], now: float) -> None:
    """What Insight said of these calls before their answers came; and who needs no call any more."""
    settle_held(connection, [claim.call for claim, _ in ended], now)
    unsent = [claim.call for claim, ending in ended if ending.state is CallState.PLANNED]
    if unsent:
        skip_finished(connection, unsent, now)


def _settle(connection: Connection, ended: Sequence[Ended], said: tuple[str, str, int, float]) -> None:
    """Ends calls that ended alike, as `said` (state, reason, run, time), but for what Insight calls them.

    In one statement: at each, another thread may go first, and this one then waits for its turn. Raises
    LostClaimError where one of them is not as it was claimed.
    """
    of_each = f"CASE id {'WHEN ? THEN ? ' * len(ended)}END"
    ask_at = FIRST_ASK if said[0] == CallState.QUEUED else "NULL"
    changed = execute_plain(
        connection,
        f"UPDATE calls SET state = ?, reason = ?, run = ?, updated_at = ?, ask_at = {ask_at}, "  # noqa: S608 - placeholders
        f"call_id = {of_each}, link = {of_each} "
        f"WHERE state = ? AND fence = {of_each} AND id IN ({', '.join('?' * len(ended))})",
        (
            *said,
            *(value for claim, ending in ended for value in (claim.call, ending.call_id)),
            *(value for claim, ending in ended for value in (claim.call, ending.link)),
            CallState.SENDING.value,
            *(value for claim, _ in ended for value in (claim.call, claim.fence)),
            *(claim.call for claim, _ in ended),
        ),
    )
    if changed != len(ended):
        raise LostClaimError("a call was settled by somebody else while it was being sent")


def _close(connection: Connection, ended: Sequence[Ended], now: float) -> None:
    """The live attempts of these, which mostly all ended alike."""
    alike: defaultdict[tuple[CallState, StateReason, int | None], list[int]] = defaultdict(list)
    for claim, ending in ended:
        alike[ending.state, ending.reason, ending.http_status].append(claim.call)
    for (state, reason, status), of_calls in alike.items():
        for some in some_at_a_time(of_calls):
            values = {"ends": state, "why": reason, "status": status, "moment": now, "of_calls": some}
            connection.execute(_CLOSE_LIVE_OF_ALL, values)


def _forget_pushes(connection: Connection, ended: Sequence[Ended]) -> None:
    """Of records that provably are not at Insight: they are pushed with the next attempts."""
    for some in some_at_a_time(claim.call for claim, ending in ended if ending.push_again):
        connection.execute(_PUSH_AGAIN, {"of_calls": some})


def _without_foreign_call_id(connection: Connection, claim: Claim, ending: AttemptResult) -> AttemptResult:
    """Two calls of one account cannot share a call_id: an answer that says so proves nothing."""
    if ending.call_id is None:
        return ending
    account = select(calls.c.account).where(calls.c.id == claim.call).scalar_subquery()
    taken = connection.scalar(
        select(calls.c.id).where(
            calls.c.account == account, calls.c.call_id == ending.call_id, calls.c.id != claim.call
        )
    )
    if taken is None:
        return ending
    return replace(
        ending,
        state=CallState.UNCERTAIN,
        reason=StateReason.of(ReasonCode.CALL_ID_TAKEN, call_id=ending.call_id),
        call_id=None,
        link=None,
    )


def _accepts(call: Row[*tuple[Any, ...]], claim: Claim, ending: AttemptResult) -> bool:
    # A ledger that lost the claim also lost what came after: only what may be queued is worth writing.
    if call.fence < claim.fence:
        return ending.state in {CallState.QUEUED, CallState.UNCERTAIN}
    return takes_evidence(CallState(call.state), ending.state, has_call_id=ending.call_id is not None)


def _is_recorded(
    connection: Connection, claim: Claim, ending: AttemptResult, call: Row[*tuple[Any, ...]]
) -> bool:
    """Whether this very ending was committed before, and only its acknowledgement was lost.

    The result of the call may have come since.
    """
    if (call.fence, call.call_id) != (claim.fence, ending.call_id):
        return False
    mine = (attempts.c.call == claim.call, attempts.c.fence == claim.fence)
    kept = connection.execute(select(attempts.c.outcome, attempts.c.reason).where(*mine)).one_or_none()
    return kept is not None and tuple(kept) == (ending.state, ending.reason)


def _make_room(
    connection: Connection, run: int, call: Row[*tuple[Any, ...]], ending: AttemptResult, now: float
) -> None:
    """A late answer may meet the number under another contact: a planned call of that one is given up."""
    if call.state != CallState.SKIPPED or ending.state not in {CallState.QUEUED, CallState.UNCERTAIN}:
        return
    same = select(calls.c.id).where(
        calls.c.campaign == call.campaign,
        calls.c.round == call.round,
        calls.c.state == CallState.PLANNED,
        or_(calls.c.phone == call.phone, calls.c.contact == call.contact),
    )
    others = connection.scalars(same.with_for_update()).all()
    reason = StateReason.of(ReasonCode.SENT_FOR_ANOTHER, state=ending.state.value)
    skip_calls(connection, run=run, reasons=dict.fromkeys(others, reason), at=now)
