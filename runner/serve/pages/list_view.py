"""What the list of campaigns shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runner.ledger.operators import CampaignState
from runner.ledger.totals import Totals
from runner.reports.plan_facts import count, totals
from runner.serve.pages.moments import Moment, optional_moment
from runner.serve.pages.progress_bar import ProgressBar, progress_bar
from runner.serve.pages.status_words import StatusWords, Tone, ledger_words, served_words
from runner.serve.served import ServedCampaign, ServeStatus

_FIRST = (Tone.ASKS, Tone.WRONG, Tone.GOES, Tone.RESTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    name: str
    has_page: bool
    """A file that never was valid enough to name its campaign has none."""
    status: StatusWords
    plan: str
    """What its plan would do, where somebody has to approve it."""
    problem: str
    hint: str
    progress: ProgressBar
    next_due: Moment | None
    undecided: int
    """Refused and uncertain calls that nobody has seen to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    title: str
    rows: Sequence[CampaignRow]
    is_operator: bool


def list_view(
    served: Iterable[ServedCampaign], known: Mapping[str, Totals], *, is_operator: bool
) -> ListView:
    """Those that wait for a person come first, then those with a problem."""
    rows = sorted(_rows(served, known), key=_place)
    asking = sum(row.status.tone is Tone.ASKS for row in rows)
    wrong = sum(row.status.tone is Tone.WRONG for row in rows)
    parts = [count(len(rows), "campaign")]
    parts += [f"{asking:,} waiting for approval"] if asking else []
    parts += [f"{wrong:,} with a problem"] if wrong else []
    return ListView(title=", ".join(parts), rows=rows, is_operator=is_operator)


def _place(row: CampaignRow) -> tuple[int, bool, str]:
    return _FIRST.index(row.status.tone), not row.undecided, row.name


def _rows(served: Iterable[ServedCampaign], known: Mapping[str, Totals]) -> Iterator[CampaignRow]:
    here = {found.name: found for found in served}
    for name, found in here.items():
        yield _served_row(found, known.get(name))
    for name, summary in known.items():
        if name not in here:
            yield _row(name, ledger_words(summary), summary)


def _served_row(found: ServedCampaign, summary: Totals | None) -> CampaignRow:
    waits = found.status is ServeStatus.WAITING_FOR_APPROVAL
    return _row(
        found.name,
        served_words(found.status, CampaignState.ACTIVE if summary is None else summary.state),
        summary,
        has_page=found.name != str(found.path),
        plan=totals(found.plan) if waits and found.plan is not None else "",
        problem="" if found.problem is None else found.problem.message,
        hint="" if found.problem is None else found.problem.hint,
    )


def _row(
    name: str,
    status: StatusWords,
    summary: Totals | None,
    *,
    has_page: bool = True,
    plan: str = "",
    problem: str = "",
    hint: str = "",
) -> CampaignRow:
    return CampaignRow(
        name=name,
        has_page=has_page,
        status=status,
        plan=plan,
        problem=problem,
        hint=hint,
        progress=progress_bar({} if summary is None else summary.states),
        next_due=None if summary is None else optional_moment(summary.next_due),
        undecided=0 if summary is None else summary.unacknowledged,
    )
