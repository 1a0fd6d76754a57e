"""How an apply ended, and how to go on."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from runner.calls import CallState
from runner.contacts.identity import Identity
from runner.dispatch.events import RunEnd
from runner.ledger.overview import Overview
from runner.reports.late_opt_outs import late_words
from runner.reports.lines import print_lines
from runner.reports.pause_text import pause_text
from runner.reports.times import due_words

_ENDINGS = {
    RunEnd.DONE: "Done",
    RunEnd.IDLE: "Nothing is due within a minute",
    RunEnd.PAUSED: "The campaign is paused; `runner resume` lets it go on",
    RunEnd.INTERRUPTED: "Stopped as asked; what was under way was finished",
    None: "Stopped early",
}
_SENT = (
    CallState.QUEUED,
    CallState.COMPLETED,
    CallState.FAILED,
    CallState.CANCELED,
    CallState.REJECTED,
)


def print_summary(
    console: Console,
    seen: Overview,
    finish: RunEnd | None,
    identity: Identity,
    *,
    rehearsal: bool,
    where: str,
    path: Path,
) -> None:
    """Without a `finish` an error ended it. `where` is what people call the API that took the calls."""
    queued = sum(seen.states[state] for state in _SENT)
    calls = "1 call is" if queued == 1 else f"{queued:,} calls are"
    lines = [Text(), Text(f"{_ENDINGS[finish]}: {calls} queued at {where}.", style="bold")]
    for state, words in (
        (CallState.PLANNED, "planned and not sent yet"),
        (CallState.SKIPPED, "skipped: no longer wanted, or no window was left"),
        (CallState.REFUSED, "refused by Insight: not queued"),
        (CallState.UNCERTAIN, "uncertain: Insight may have queued them, so they are not sent again"),
    ):
        if seen.states[state]:
            lines.append(Text(f"  {seen.states[state]:,} {words}"))
    lines += [
        Text(f"  {problem.state.value} {identity.label(problem.key)} ({problem.ref}): {problem.reason}")
        for problem in seen.problems
        if not problem.acknowledged
    ]
    left = seen.unacknowledged - sum(not problem.acknowledged for problem in seen.problems)
    if left:
        rest = "" if rehearsal else f": runner status {seen.campaign} lists them"
        lines.append(Text(f"  and {left:,} more{rest}"))
    if seen.unacknowledged and not rehearsal:
        lines.append(Text(f"  To settle them: runner resolve, retry or acknowledge {seen.campaign}"))
    if seen.late_opt_outs:
        lines.append(Text(f"  {late_words(seen.late_opt_outs, identity)}"))
    if rehearsal:
        lines.append(Text("This was a rehearsal: nobody was called, and its ledger is gone."))
    elif seen.pause_info is not None:
        lines.append(Text(pause_text(seen.pause_info)))
    elif seen.next_due is not None:
        due = due_words(seen.next_due, seen.as_of)
        lines.append(Text(f"The next call is due {due}. To go on: runner apply {path}"))
    print_lines(console, lines)
