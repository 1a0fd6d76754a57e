"""Rule sets in words: what they allow, what they cut from the windows of a campaign, where they come from."""

from collections.abc import Iterable, Iterator, Sequence

from runner.campaign.diagnostics import either
from runner.campaign.hours import WeeklyHours, clock_text, span_text
from runner.campaign.model import CONTACT
from runner.campaign.rules.rule_set import Cap, HolidayHours
from runner.planning.plan_view import RuleView
from runner.planning.rule_cuts import RuleCut
from runner.reports.times import DAYS

_DAY, _HOUR = 24 * 3600, 3600


def hours_words(weekly: WeeklyHours | None) -> str:
    """`mon-fri 09:00-21:30, sat-sun 10:00-18:00`."""
    return "any hour" if weekly is None else ", ".join(day_lines(weekly))


def day_lines(weekly: WeeklyHours) -> list[str]:
    """The days with the same hours together."""
    days: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day, spans in enumerate(weekly):
        days.setdefault(spans, []).append(day)
    return [f"{days_words(on)} {spans_words(spans)}" for spans, on in days.items()]


def holiday_words(declared: HolidayHours | None) -> str:
    if declared is None:
        return "as other days"
    place = declared.country + (f"-{declared.subdivision}" if declared.subdivision else "")
    return f"{spans_words(declared.hours)} on public holidays of {place}"


def cap_words(cap: Cap) -> str:
    """`at most 3 dials of a number in 24 h`."""
    return f"at most {cap.calls} dials of a number in {_period(cap.per_seconds)}"


def scope_words(purpose: Sequence[str], voice: Sequence[str]) -> str:
    """`research calls`; the voice where the rule was made for one kind alone."""
    if not purpose:
        return ""
    return f"{either(purpose)} calls" + (f" with a {voice[0]} voice" if len(voice) == 1 else "")


def cut_words(cut: RuleCut) -> str:
    """`mon-fri 18:00-20:30 to 20:00`."""
    window = f"{days_words(cut.days)} {span_text(cut.start, cut.end)}"
    match cut.left:
        case ():
            return f"all of {window}"
        case ((cut.start, end),):
            return f"{window} to {clock_text(end)}"
        case ((start, cut.end),):
            return f"{window} from {clock_text(start)}"
    return f"{window} to {spans_words(cut.left)}"


def effect_words(rule: RuleView, timezone: str) -> str:
    """What the rule set does to this campaign."""
    parts = [f"for contacts who may be in {', '.join(rule.states)}"] if rule.states else []
    if rule.cuts:
        parts.append(f"cuts {', '.join(map(cut_words, rule.cuts))}")
    elif rule.weekly is not None and timezone != CONTACT:
        parts.append(f"{hours_words(rule.weekly)} by the contact's own clock")
    elif rule.weekly is not None:
        parts.append("cuts no window")
    if rule.holidays is not None:
        parts.append(holiday_words(rule.holidays))
    return "; ".join([*parts, *map(cap_words, rule.caps)])


def origin_words(rule: RuleView) -> str:
    """Where it comes from: what a reader needs to judge it."""
    made_for = scope_words(rule.purpose, rule.voice)
    parts = [
        f"made for {made_for}" if made_for else "",
        rule.source,
        f"checked {rule.checked}" if rule.checked else "",
        f"confidence {rule.confidence}" if rule.confidence else "",
    ]
    return "; ".join(filter(None, parts))


def days_words(days: Iterable[int]) -> str:
    """`mon-fri`, `sat-sun`, `daily`; Monday is 0."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    if len(runs) == 1 and len(runs[0]) == len(DAYS):
        return "daily"
    return ",".join("-".join(dict.fromkeys((_day(run[0]), _day(run[-1])))) for run in runs)


def spans_words(spans: Iterable[tuple[int, int]]) -> str:
    return ", ".join(span_text(start, end) for start, end in spans) or "closed"


def closed_spans(cut: RuleCut) -> Iterator[tuple[int, int]]:
    """What the cut closes of its window."""
    begin = cut.start
    for start, end in (*cut.left, (cut.end, cut.end)):
        if begin < start:
            yield begin, start
        begin = end


def _day(day: int) -> str:
    return DAYS[day][:3].lower()


def _period(seconds: int | None) -> str:
    if seconds is None:
        return "the whole campaign"
    return f"{seconds // _DAY} days" if seconds % _DAY == 0 and seconds > _DAY else f"{seconds // _HOUR} h"
