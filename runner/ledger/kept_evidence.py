"""What was said of calls and not simply applied: kept for people and, while it is held, for a decision."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from runner.calls import CallState
from runner.ledger.evidence import EvidenceSource, Report, Verdict
from runner.ledger.rows import some_at_a_time
from runner.ledger.tables import evidence

MOST_EVIDENCE = 20
"""Rows that are kept for each call; what is held is kept beyond."""
_LONGEST_EXCERPT = 2_048

_DETAILS = ("says", "attempts", "first_dial", "last_attempt_timestamp", "ended_at", "events")
_HELD = (
    select(evidence.c.id, evidence.c.call, evidence.c.fence, evidence.c.source, evidence.c.details)
    .where(evidence.c.call.in_(bindparam("of_calls", expanding=True)), evidence.c.verdict == Verdict.HELD)
    .order_by(evidence.c.id)
)
_SETTLE = (
    update(evidence)
    .where(evidence.c.id == bindparam("of_row"))
    .values(verdict=bindparam("becomes"), details=None)
)


def keep(connection: Connection, judged: Iterable[tuple[Report, Verdict]], now: float) -> None:
    """Keeps what people may need to know, each held result once."""
    telling = [(report, verdict) for report, verdict in judged if _is_telling(report, verdict)]
    if not telling:
        return
    counts, held = _kept(connection, {report.call for report, _ in telling})
    rows = []
    for report, verdict in telling:
        of_attempt = (report.call, report.fence, report.says)
        is_held = verdict is Verdict.HELD
        if of_attempt in held if is_held else counts[report.call] >= MOST_EVIDENCE:
            continue
        counts[report.call] += 1
        held |= {of_attempt} if is_held else set()
        rows.append(_row(report, verdict, now))
    if rows:
        connection.execute(insert(evidence), rows)


def held_reports(connection: Connection, of_calls: Collection[int]) -> Mapping[int, Report]:
    """What is held of these calls, by the number of its row, oldest first."""
    return {
        row.id: _report(row)
        for some in some_at_a_time(of_calls)
        for row in connection.execute(_HELD, {"of_calls": some})
    }


def settle(connection: Connection, verdicts: Mapping[int, Verdict | None]) -> None:
    """Keeps what became of rows that were held; what is held on stays as it is."""
    settled = [
        {"of_row": row, "becomes": verdict}
        for row, verdict in verdicts.items()
        if verdict is not None and verdict is not Verdict.HELD
    ]
    if settled:
        connection.execute(_SETTLE, settled)


def _is_telling(report: Report, verdict: Verdict) -> bool:
    """What was applied is in the transitions; that a call goes on is what asking mostly says."""
    goes_on = report.source is EvidenceSource.ASKED and verdict is Verdict.NOT_FINAL
    return verdict is not Verdict.APPLIED and not goes_on


def _kept(
    connection: Connection, of_calls: Collection[int]
) -> tuple[Counter[int], set[tuple[int, int, str | None]]]:
    """How many rows are kept for each of these calls, and which results of which attempts are held."""
    counts: Counter[int] = Counter()
    held = set()
    columns = (evidence.c.call, evidence.c.fence, evidence.c.verdict, evidence.c.status)
    for some in some_at_a_time(of_calls):
        for row in connection.execute(select(*columns).where(evidence.c.call.in_(some))):
            counts[row.call] += 1
            if row.verdict == Verdict.HELD:
                held.add((row.call, row.fence, row.status))
    return counts, held


def _row(report: Report, verdict: Verdict, now: float) -> dict[str, object]:
    is_held = verdict is Verdict.HELD
    return {
        "call": report.call,
        "fence": report.fence,
        "received_at": now,
        "source": report.source,
        "verdict": verdict,
        "status": report.says,
        "details": {name: getattr(report, name) for name in _DETAILS} if is_held else None,
        "excerpt": report.excerpt[:_LONGEST_EXCERPT],
    }


def _report(row: Row[*tuple[Any, ...]]) -> Report:
    details = dict(row.details)
    says, events = details.pop("says"), details.pop("events")
    return Report(
        call=row.call,
        fence=row.fence,
        source=EvidenceSource(row.source),
        says=None if says is None else CallState(says),
        events=tuple((name, at) for name, at in events),
        **details,
    )
