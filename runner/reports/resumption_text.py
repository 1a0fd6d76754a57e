"""What is said in place of a plan where `apply` goes on with the one that the ledger holds."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from runner.campaign import diagnostics
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.silence import Silenced, in_a_line
from runner.ledger.resumption import Remainder
from runner.reports.lines import indented, tell
from runner.reports.times import rfc3339


def print_remainder(
    console: Console, left: Remainder, warnings: Sequence[Diagnostic], silenced: Sequence[Silenced]
) -> None:
    tell(
        console,
        [
            *_headline(left),
            *_warnings(warnings),
            *([Text(), Text(in_a_line(silenced), style="dim")] if silenced else []),
            Text(),
            Text(f"plan {left.plan_id}", style="dim"),
        ],
    )


def _headline(left: Remainder) -> list[Text]:
    what = "Going on" if left.planned else "Plan"
    lines = [
        Text(f"{what}: {left.planned:,} to call, {left.queued:,} already queued", style="bold"),
        Text(
            f"Nothing has changed since the plan of {rfc3339(left.entered_at)}: campaign, contacts, lists, "
            "settings and data are the same."
        ),
    ]
    if not left.planned:
        lines.insert(1, Text("Nothing to do: everybody who can be called is queued already."))
    if left.late:
        lines.append(
            Text(
                f"Of these, {left.late:,} should have started already: new starts are given at the "
                "campaign's pace, inside its windows, and what no longer fits is skipped."
            )
        )
    return lines


def _warnings(found: Sequence[Diagnostic]) -> list[Text]:
    if not found:
        return []
    lines = [Text(line) for each in found for line in diagnostics.render(each).split("\n")]
    return [Text(), Text("Warnings", style="bold"), *indented(lines)]
