"""How an apply ended, and how to go on."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runner.calls import CallState
from runner.contacts.identity import Identity
from runner.dispatch.events import RunEnd
from runner.ledger.overview import Overview
from runner.reports.console import columns, indented, print_lines
from runner.reports.notices import late_words, pause_text
from runner.reports.plan_facts import count
from runner.reports.state_reasons import reason_text
from runner.reports.times import day, due_words

_ENDINGS = {
    RunEnd.DONE: "Done",
    RunEnd.IDLE: "Nothing is due within a minute",
    RunEnd.PAUSED: "The campaign is paused; `runner resume` continues it",
    RunEnd.INTERRUPTED: "Stopped on request; requests in progress were finished",
    None: "Stopped early",
}
_RESULTS = (CallState.COMPLETED, CallState.FAILED, CallState.CANCELED, CallState.REJECTED)
_SENT = (CallState.QUEUED, *_RESULTS)


def print_summary(  # noqa: PLR0913 - what the lines need, each by its name
    console: Console,
    seen: Overview,
    finish: RunEnd | None,
    identity: Identity,
    *,
    starts: Mapping[int, tuple[int, int]],
    queued_now: int,
    rehearsal: bool,
    where: str,
    path: Path,
) -> None:
    """Without a `finish` an error ended it. `starts` are the first and the last of each round's calls,
    `queued_now` is how many calls this run queued, `where` what people call the API that took them.
    """
    lines = [Text(), Text(f"{_ENDINGS[finish]}: {_queued(seen, queued_now, where)}.", style="bold")]
    lines += results_by_round(seen.rounds, starts)
    for state, words in (
        (CallState.PLANNED, "planned and not sent yet"),
        (CallState.SKIPPED, "skipped: no longer in the plan, or no window was left"),
        (CallState.REFUSED, "refused: not queued"),
        (CallState.UNCERTAIN, "uncertain: Insight may have queued them, so they are not sent again"),
    ):
        if seen.states[state]:
            lines.append(Text(f"  {seen.states[state]:,} {words}"))
    lines += [
        Text(
            f"  {problem.state.value} {identity.label(problem.key)} ({problem.ref}): "
            f"{reason_text(problem.reason)}"
        )
        for problem in seen.problems
        if not problem.acknowledged
    ]
    left = seen.unacknowledged - sum(not problem.acknowledged for problem in seen.problems)
    if left:
        rest = "" if rehearsal else f": runner status {seen.campaign} lists them"
        lines.append(Text(f"  and {left:,} more{rest}"))
    if seen.unacknowledged and not rehearsal:
        lines += [Text(f"  {words}") for words in _how_to_settle(seen)]
    if seen.late_opt_outs:
        lines.append(Text(f"  {late_words(seen.late_opt_outs, identity)}"))
    if rehearsal:
        lines.append(Text("This was a rehearsal: nobody was called, and its ledger is deleted."))
    elif seen.pause_info is not None:
        lines.append(Text(pause_text(seen.pause_info)))
    elif seen.next_due is not None:
        due = due_words(seen.next_due, seen.as_of)
        lines.append(Text(f"The next call is due {due}. To continue: runner apply {path}"))
    print_lines(console, lines)


def results_by_round(
    rounds: Mapping[int, Mapping[CallState, int]], starts: Mapping[int, tuple[int, int]]
) -> list[Text]:
    """A line for each round in which a call has ended, with the days of its calls, and how many completed in
    all; none before the first result.
    """
    shown = [state for state in _RESULTS if any(counted.get(state) for counted in rounds.values())]
    if not shown:
        return []
    rows = [["", "calls", *shown, "no result", "first call", "last call"]]
    for number, counted in rounds.items():
        ended = [counted.get(state, 0) for state in shown]
        waiting = counted.get(CallState.QUEUED, 0)
        if sum(ended) + waiting:
            cells = (sum(ended) + waiting, *ended, waiting)
            days = map(day, starts[number])
            rows.append([f"round {number}", *(f"{cell:,}" for cell in cells), *days])
    return indented([*columns(rows, right=range(1, len(shown) + 3)), *_completed(rounds)])


def _completed(rounds: Mapping[int, Mapping[CallState, int]]) -> Iterator[Text]:
    """Nobody completes twice, so of several rounds the sum is that of contacts."""
    if len(rounds) > 1:
        completed = sum(counted.get(CallState.COMPLETED, 0) for counted in rounds.values())
        contacts = sum(rounds.get(1, {}).get(state, 0) for state in _SENT)
        yield Text(f"{completed:,} of the {count(contacts, 'contact')} completed the survey", style="bold")


def _queued(seen: Overview, queued_now: int, where: str) -> str:
    in_all = sum(seen.states[state] for state in _SENT)
    calls = "1 call is" if in_all == 1 else f"{in_all:,} calls are"
    if queued_now == in_all:
        return f"{calls} queued at {where}"
    return f"this run queued {count(queued_now, 'call')}; {calls} queued at {where} in all"


def _how_to_settle(seen: Overview) -> Iterator[str]:
    """Names the commands that fit the calls there are."""
    if seen.states[CallState.REFUSED]:
        yield f"To plan refused calls again: runner retry {seen.campaign} --all"
    if seen.states[CallState.UNCERTAIN]:
        yield f"To settle an uncertain call: runner resolve {seen.campaign} CONTACT --as queued|not-queued"
    yield f"To leave them as they are: runner acknowledge {seen.campaign}"
