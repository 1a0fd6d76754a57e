"""What became of a campaign, as sections: dispositions, rates, when people answer, and who needs a person."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runner.calls import CallState
from runner.contacts.identity import Identity
from runner.ledger.overview import Overview
from runner.reports import definitions
from runner.reports.definitions import disposition_words, meaning
from runner.reports.notices import late_words
from runner.reports.plan_facts import count
from runner.reports.sections import Document, Grid, Section, Table, interval, number, percent
from runner.reports.state_reasons import reason_text
from runner.reports.times import DAYS, rfc3339
from runner.results.dispositions import CodingRules, Disposition
from runner.results.figures import Figures, quantile
from runner.results.rates import Share
from runner.results.survey_report import Visit, Visits

_MOST_ROWS = 20
_MOST_ATTEMPTS = 12
_WAITING = frozenset({CallState.PLANNED, CallState.SENDING, CallState.QUEUED, CallState.UNCERTAIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """`visits` is None where the survey's saved report is not used. `as_of` is in UTC Unix seconds."""

    campaign: str
    as_of: float
    rules: CodingRules
    figures: Figures
    overview: Overview
    visits: Visits | None
    identity: Identity
    is_declared: bool
    """Whether the campaign file was read, which declares how its calls are counted."""

    @property
    def contacts(self) -> int:
        return self.figures.contacts.total()

    @property
    def calls(self) -> int:
        return self.figures.calls.total()

    @property
    def completes(self) -> int:
        return self.figures.contacts[Disposition.COMPLETE]

    @property
    def eligibility(self) -> float:
        return self.figures.eligibility(self.rules)

    @property
    def waiting(self) -> int:
        """Calls that may still get a result, and so change the figures."""
        by_word: Counter[str] = Counter()
        for (word, _), calls in self.figures.calls.items():
            by_word[word] += calls
        return sum(by_word[state.value] for state in _WAITING)


def campaign_report(given: CampaignFigures) -> Document:
    return Document(
        campaign=given.campaign,
        title=f"{count(given.contacts, 'contact')}, {count(given.completes, 'complete interview')}",
        notes=tuple(_notes(given)),
        figures=tuple(_first_figures(given)),
        sections=tuple(_sections(given)),
    )


def _notes(given: CampaignFigures) -> Iterator[str]:
    yield f"As of {rfc3339(given.as_of)}. {definitions.completes(given.rules)}"
    if not given.is_declared:
        yield definitions.not_declared(given.campaign)
    if given.waiting:
        yield f"Calls without a result: {given.waiting:,}. The figures will change."


def _first_figures(given: CampaignFigures) -> Iterator[tuple[str, str]]:
    by_name = {rate.name: rate.value for rate in given.figures.rates(given.rules)}
    yield "Contacts", f"{given.contacts:,}"
    yield "Calls", f"{given.calls:,}"
    yield "Complete interviews", f"{given.completes:,}"
    yield "Response rate RR1", percent(by_name["RR1"])
    yield "Contact rate CON1", percent(by_name["CON1"])
    yield "Calls without a result", f"{given.waiting:,}"


def _sections(given: CampaignFigures) -> Iterator[Section]:
    figures = given.figures
    yield _dispositions(given)
    yield _rates(given)
    if figures.by_hour():
        yield answer_section(figures)
    if figures.by_round():
        yield round_section(figures)
    if figures.until_answered:
        yield _until_answered(figures)
    if figures.lags:
        yield _lags(figures)
    if given.visits is not None:
        yield _visits(given.visits)
    yield from _problems(given)


def _dispositions(given: CampaignFigures) -> Section:
    return Section(
        anchor="dispositions",
        title="Dispositions",
        notes=(
            definitions.CASES,
            definitions.CODES,
            definitions.NOT_REACHED,
            definitions.partials(given.rules),
        ),
        tables=(_contacts_by_code(given), _calls_by_word(given.figures)),
    )


def _contacts_by_code(given: CampaignFigures) -> Table:
    counted = given.figures.contacts
    return Table(
        caption="Contacts by final disposition",
        head=("AAPOR code", "Disposition", "Group", "Contacts", "Share"),
        rows=[
            (
                code.value,
                disposition_words(code, given.rules.completes_from),
                code.group.value,
                f"{counted[code]:,}",
                percent(Share(counted[code], given.contacts).value),
            )
            for code in Disposition
        ],
        right=frozenset({3, 4}),
    )


def _calls_by_word(figures: Figures) -> Table:
    return Table(
        caption="Calls by how they ended",
        head=("Insight's word or state", "AAPOR code", "Calls", "What it tells"),
        rows=[
            (word, code.value, f"{calls:,}", meaning(word))
            for (word, code), calls in sorted(figures.calls.items(), key=lambda item: (-item[1], item[0]))
        ],
        right=frozenset({2}),
    )


def _rates(given: CampaignFigures) -> Section:
    rows = [
        (
            rate.name,
            percent(rate.value),
            f"{number(rate.numerator)} / {number(rate.denominator)}",
            rate.formula,
        )
        for rate in given.figures.rates(given.rules)
    ]
    head = ("Rate", "Value", "Contacts", "Formula")
    return Section(
        anchor="rates",
        title="Outcome rates",
        notes=(
            definitions.completes(given.rules),
            definitions.eligibility(given.rules, given.eligibility),
            definitions.LETTERS,
            definitions.REFUSALS,
        ),
        tables=(Table(caption="AAPOR's outcome rates", head=head, rows=rows, right=frozenset({1, 2})),),
    )


def answer_section(figures: Figures) -> Section:
    """When people answer, by their own clocks."""
    hours = {f"{hour:02}:00": share for hour, share in figures.by_hour().items()}
    days = {DAYS[day]: share for day, share in figures.by_weekday().items()}
    notes = [definitions.DIALS, definitions.INTERVALS]
    if figures.dials_without_time:
        notes.append(f"Left out: {count(figures.dials_without_time, 'dial')} whose time is not known.")
    return Section(
        anchor="hours",
        title="When people answer",
        notes=notes,
        tables=(
            _shares("Contact rate by local hour", "Hour", "Dials", hours),
            _shares("Contact rate by local weekday", "Weekday", "Dials", days),
        ),
        bars=tuple(hours.items()),
        grid=_grid(figures),
    )


def _grid(figures: Figures) -> Grid:
    found = figures.by_weekday_and_hour()
    days, hours = sorted({day for day, _ in found}), sorted({hour for _, hour in found})
    return Grid(
        caption="Contact rate by local weekday and hour",
        columns=[f"{hour:02}" for hour in hours],
        rows=[(DAYS[day], [found.get((day, hour)) for hour in hours]) for day in days],
    )


def round_section(figures: Figures) -> Section:
    """How many are reached by round and by zone."""
    rounds = {f"{round_}": share for round_, share in figures.by_round().items()}
    zones = {" ".join(names): share for names, share in figures.by_zone().items()}
    return Section(
        anchor="rounds",
        title="Rounds and zones",
        notes=(definitions.CALLS, definitions.INTERVALS),
        tables=(
            _shares("Contact rate by round", "Round", "Calls", rounds),
            _shares("Contact rate by zone", "Zone", "Calls", _most(zones)),
        ),
    )


def _most(zones: Mapping[str, Share]) -> Mapping[str, Share]:
    """The zones with the most calls, and the others together."""
    names = list(zones)
    shown = {name: zones[name] for name in names[:_MOST_ROWS]}
    others = [zones[name] for name in names[_MOST_ROWS:]]
    if others:
        shown[count(len(others), "other")] = Share(
            sum(share.part for share in others), sum(share.whole for share in others)
        )
    return shown


def _shares(caption: str, what: str, tried: str, shares: Mapping[str, Share]) -> Table:
    return Table(
        caption=caption,
        head=(what, tried, "Answered", "Contact rate", "95% interval"),
        rows=[
            (name, f"{share.whole:,}", f"{share.part:,}", percent(share.value), interval(share))
            for name, share in shares.items()
        ],
        right=frozenset({1, 2, 3, 4}),
    )


def _until_answered(figures: Figures) -> Section:
    counted, total = figures.until_answered, figures.until_answered.total()
    rows, so_far = [], 0
    for attempts in sorted(counted)[:_MOST_ATTEMPTS]:
        so_far += counted[attempts]
        rows.append(_answered_row(f"{attempts}", counted[attempts], so_far, total))
    if so_far < total:
        rows.append(_answered_row("more", total - so_far, total, total))
    head = ("Attempts", "Contacts", "Share", "Share up to here")
    title = "Attempts until answered"
    return Section(
        anchor="attempts",
        title=title,
        notes=(definitions.UNTIL_ANSWERED,),
        tables=(Table(caption=title, head=head, rows=rows, right=frozenset(range(4))),),
    )


def _answered_row(attempts: str, contacts: int, so_far: int, total: int) -> tuple[str, str, str, str]:
    return attempts, f"{contacts:,}", percent(contacts / total), percent(so_far / total)


def _lags(figures: Figures) -> Section:
    quantiles = (f"{quantile(figures.lags, share):,} min" for share in (0.5, 0.9, 0.99, 1.0))
    head = ("Calls", "Half within", "90% within", "99% within", "Longest")
    title = "Lag from start to first dial"
    rows = [(f"{figures.lags.total():,}", *quantiles)]
    return Section(
        anchor="lag",
        title=title,
        notes=(definitions.LAG,),
        tables=(Table(caption=title, head=head, rows=rows, right=frozenset(range(5))),),
    )


def _visits(visits: Visits) -> Section:
    unmatched, unreadable = visits.unmatched(), visits.unreadable
    numbers = (
        visits.total,
        visits.total - len(unmatched) - unreadable,
        len(unmatched),
        unreadable,
    )
    counted = Table(
        caption="Rows of the saved report",
        head=("Rows", "Matched", "Unmatched", "Unreadable"),
        rows=[tuple(f"{rows:,}" for rows in numbers)],
        right=frozenset(range(4)),
    )
    rows = (_unmatched(unmatched),) if unmatched else ()
    return Section(
        anchor="survey-report",
        title="The survey's saved report",
        notes=(definitions.VISITS,),
        tables=(counted, *rows),
    )


def _unmatched(unmatched: Sequence[Visit]) -> Table:
    first = f", the first {_MOST_ROWS}" if len(unmatched) > _MOST_ROWS else ""
    return Table(
        caption=f"Rows that belong to no call{first}",
        head=("Row", "Numbers", "Start", "Interview"),
        rows=[
            (
                f"{visit.row:,}",
                " ".join(f"…{digits[-3:]}" for digits in visit.numbers),
                rfc3339(visit.start),
                visit.answer.value,
            )
            for visit in unmatched[:_MOST_ROWS]
        ],
        right=frozenset({0}),
    )


def _problems(given: CampaignFigures) -> Iterator[Section]:
    notes = tuple(_advice(given))
    if not notes:
        return
    rows = [
        (
            given.identity.label(problem.key),
            problem.ref,
            problem.state.value,
            rfc3339(problem.sent_at),
            reason_text(problem.reason),
        )
        for problem in given.overview.problems
    ]
    head = ("Contact", "Ref", "State", "Sent", "Why")
    tables = (Table(caption="Calls that need a person", head=head, rows=rows),) if rows else ()
    yield Section(anchor="problems", title="Who needs a person", notes=notes, tables=tables)


def _advice(given: CampaignFigures) -> Iterator[str]:
    seen = given.overview
    uncertain, refused = seen.states[CallState.UNCERTAIN], seen.states[CallState.REFUSED]
    if uncertain:
        yield (
            f"Uncertain: {count(uncertain, 'call')}. Insight may or may not have queued them. Find out "
            f"there, then run: runner resolve {seen.campaign} CONTACT --as queued (or not-queued, abandoned)"
        )
    if refused:
        yield (
            f"Refused: {count(refused, 'call')}. Correct what Insight names, or run: "
            f"runner retry {seen.campaign} CONTACT"
        )
    if seen.problems_left:
        yield f"Not listed: {count(seen.problems_left, 'call')}. All are in: runner history {seen.campaign}"
    if seen.late_opt_outs:
        yield late_words(seen.late_opt_outs, given.identity, rfc3339)
