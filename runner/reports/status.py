"""How far campaigns are, as text and JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from runner.calls import MAY_BE_DIALLED, PROBLEMS, CallState, ResultStatus
from runner.contacts.identity import Identity
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.overview import Overview
from runner.reports.console import columns, print_lines
from runner.reports.event_json import late_opt_out_json
from runner.reports.forms import FORMAT_VERSION, Status
from runner.reports.notices import late_words, pause_text
from runner.reports.plan_facts import count
from runner.reports.state_reasons import reason_text
from runner.reports.times import due_words, machine_time


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """One campaign: what the ledger holds, who applies it now, and why it should not be applied."""

    seen: Overview
    holder: str | None
    warning: str
    late_opt_outs: Sequence[LateOptOut]
    lists_read: bool
    """Whether the suppression lists were read for it; else these are what the last apply found."""
    lists_problem: str
    """Why they could not be read; empty otherwise."""


def status_json(status: CampaignStatus, identity: Identity) -> Status:
    seen = status.seen
    return {
        "format_version": FORMAT_VERSION,
        "campaign": seen.campaign,
        "states": {state.value: count for state, count in seen.states.items()},
        "rounds": [
            {"round": number, "states": {state.value: counted.get(state, 0) for state in CallState}}
            for number, counted in seen.rounds.items()
        ],
        "results": {
            status.value: seen.unknown if status is ResultStatus.UNKNOWN else seen.states[CallState(status)]
            for status in ResultStatus
        },
        "awaited": {"calls": seen.awaited, "next_ask": seen.next_ask, "oldest": seen.oldest_awaited},
        "imported": seen.imported,
        "next_due": seen.next_due,
        "holder": status.holder,
        "queued_last_minute": seen.queued_last_minute,
        "newest_result": None if seen.learned_at is None else int(seen.learned_at),
        "late_opt_outs": [late_opt_out_json(late, identity) for late in status.late_opt_outs],
        "lists_read": status.lists_read,
        "unacknowledged": seen.unacknowledged,
        "problems": [
            {
                "contact": identity.label(problem.key),
                "ref": problem.ref,
                "round": problem.round,
                "state": problem.state.value,
                "reason_code": problem.reason.code.value,
                "reason": reason_text(problem.reason),
                "at": int(problem.at),
                "sent_at": int(problem.sent_at),
                "attempt": problem.attempt,
                "http_status": problem.http_status,
                "call_id": problem.call_id,
                "sender": problem.sender,
                "acknowledged": problem.acknowledged,
            }
            for problem in seen.problems
        ],
        "state": seen.pause_info.state.value if seen.pause_info else "active",
        "state_since": int(seen.pause_info.at) if seen.pause_info else None,
        "state_by": seen.pause_info.by if seen.pause_info else None,
        "warning": status.warning,
    }


def print_status(console: Console, found: Sequence[CampaignStatus], identity: Identity) -> None:
    if not found:
        print_lines(console, [Text("no campaign was applied with this ledger yet")])
    for status in found:
        print_lines(console, _lines(status, identity))


def _late_lines(status: CampaignStatus, identity: Identity) -> Iterator[Text]:
    if status.lists_problem:
        yield Text(f"  warning: the suppression lists cannot be read: {status.lists_problem}", style="yellow")
    if status.late_opt_outs:
        yield Text(f"  {late_words(status.late_opt_outs, identity)}", style="yellow")
    if not status.lists_read and any(status.seen.states[state] for state in MAY_BE_DIALLED):
        # No advice to give the file where it was given: its lists could not be read.
        advice = "" if status.lists_problem else "; to read the lists now: runner status FILE"
        yield Text(f"  opt-outs as the last apply found them{advice}")


def _lines(status: CampaignStatus, identity: Identity) -> Iterator[Text]:
    seen = status.seen
    yield Text(seen.campaign, style="bold")
    if seen.pause_info:
        yield Text(f"  {pause_text(seen.pause_info)}", style="bold yellow")
    yield from _counts(seen)
    if seen.imported:
        yield Text(f"  imported: {count(seen.imported, 'contact')} that another tool queued")
    due = due_words(seen.next_due, seen.as_of) if seen.next_due is not None else "nothing"
    yield Text(f"  next due: {due}; queued in the last minute: {seen.queued_last_minute:,}")
    if seen.awaited or seen.learned_at is not None:
        yield Text(f"  {_results(seen)}")
        yield from _next_ask(status)
    yield Text(f"  being applied by {status.holder}" if status.holder else "  not being applied")
    if status.warning:
        yield Text(f"  warning: {status.warning}", style="yellow")
    yield from _late_lines(status, identity)
    for problem in seen.problems:
        yield Text.assemble(
            f"  {problem.state.value} {identity.label(problem.key)} ({problem.ref}) ",
            "acknowledged, " if problem.acknowledged else "",
            (f"sent {machine_time(problem.sent_at)} by {problem.sender}: ", "dim"),
            (reason_text(problem.reason), "dim"),
        )
    if seen.problems_left:
        yield Text(f"  and {seen.problems_left:,} more: runner history {seen.campaign} has every call")
    if seen.states[CallState.UNCERTAIN]:
        yield Text("  Check at Insight whether the uncertain calls are there, then record the result:")
        yield Text(f"  runner resolve {seen.campaign} CONTACT --as queued (or not-queued, abandoned)")


def _counts(seen: Overview) -> list[Text]:
    """Calls by state; where there are several rounds, also by round."""
    several = len(seen.rounds) > 1
    rows: list[tuple[str | Text, ...]] = []
    if several:
        rows.append(("", "all", *(f"round {number}" for number in seen.rounds)))
    for state, number in seen.states.items():
        if number:
            style = "yellow" if state in PROBLEMS else ""
            by_round = [counted.get(state, 0) for counted in seen.rounds.values()] if several else []
            cells = [Text(f"{each:,}", style=style) for each in (number, *by_round)]
            rows.append((f"  {state.value}", *cells))
    return columns(rows, right=range(1, len(seen.rounds) + 2))


def _next_ask(status: CampaignStatus) -> Iterator[Text]:
    seen = status.seen
    if seen.next_ask is None or seen.oldest_awaited is None:
        return
    ends = "ended" if seen.oldest_awaited <= seen.as_of else "ends"
    yield Text(
        f"  the next is due to be asked for {due_words(seen.next_ask, seen.as_of)}; "
        f"the oldest call {ends} {machine_time(seen.oldest_awaited)}"
    )
    if status.holder is None and seen.next_ask <= seen.as_of:
        yield Text(f"  no run asks for them; to ask Insight now: runner refresh {seen.campaign}")


def _results(seen: Overview) -> str:
    given_up = f", {seen.unknown:,} did not come in time" if seen.unknown else ""
    newest = "none yet" if seen.learned_at is None else machine_time(seen.learned_at)
    return f"results: {seen.awaited:,} awaited{given_up}; the newest: {newest}"
