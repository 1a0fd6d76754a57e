"""Calls with their results, as the ledger gives them to exports and reports."""

from datetime import UTC, datetime

from runner.calls import CallState, ReasonCode, ResultStatus, StateReason
from runner.ledger.result_rows import CallRow

NEW_YORK, CHICAGO = ("America/New_York",), ("America/Chicago",)
START = int(datetime(2026, 12, 1, 22, 15, tzinfo=UTC).timestamp())
"""Tuesday, 17:15 in New York."""
MINUTE, HOUR, DAY = 60, 3600, 86_400

_FINAL = {status: CallState(status) for status in ResultStatus if status is not ResultStatus.UNKNOWN}


def call(number=1, result=None, **changes):
    """One call of contact `number`, whose only dial was a minute after its start; without a `result` it is
    planned. `changes` are fields of CallRow.
    """
    dialled = result in {ResultStatus.COMPLETED, ResultStatus.FAILED}
    start = changes.get("start", START)
    state = CallState.PLANNED if result is None else _FINAL.get(result, CallState.QUEUED)
    return CallRow(
        contact=f"c{number}",
        ref=f"ref-{number}",
        phone=f"+1617555{number:04}",
        round=1,
        state=state,
        result=result,
        call_id=None if result is None else str(1000 + number),
        queue_at=start - 300,
        start=start,
        end=start + 3 * HOUR,
        dials=(start + MINUTE,) if dialled else (),
        attempts=None if result is None else int(dialled),
        zones=NEW_YORK,
        reason=StateReason.of(ReasonCode.REFUSED, error="a test says so"),
    )._replace(**changes)


def answered(number=1, **changes):
    return call(number, ResultStatus.COMPLETED, **changes)


def not_answered(number=1, **changes):
    return call(number, ResultStatus.FAILED, **changes)
