"""The figures of a campaign's report, as the tests of its forms share them."""

from call_rows import CHICAGO, DAY, HOUR, NEW_YORK, START, answered, call, not_answered

from runner.calls import PROBLEMS, CallState, ReasonCode, ResultStatus, StateReason
from runner.contacts.identity import Identity
from runner.ledger.overview import Overview, Problem
from runner.reports.campaign_report import CampaignFigures
from runner.results.cases import cases
from runner.results.dispositions import CodingRules, CompletesFrom
from runner.results.figures import count
from runner.results.survey_report import Visits, read_visits

IDENTITY = Identity(b"a privacy key of 16")
NOW = START + 9 * DAY


def a_campaign():
    """120 contacts in two zones: a third answers in the first round, a third in the second, a third never."""
    for number in range(120):
        start, zones = START + (number % 4) * HOUR, CHICAGO if number % 5 else NEW_YORK
        if number % 3 == 0:
            yield answered(number, start=start, zones=zones)
            continue
        dials = (start, start + HOUR)
        yield not_answered(number, start=start, zones=zones, dials=dials, attempts=3)
        ended = answered if number % 3 == 1 else not_answered
        yield ended(number, round=2, start=start + 2 * DAY, zones=zones)
    yield call(997)
    yield call(998, ResultStatus.UNKNOWN)
    yield call(999, state=CallState.UNCERTAIN)


def visits_of(calls):
    """A saved report with a visit of each call that was answered, one more, and one that makes no sense."""
    lines = ["Phone Number,Start,Completed"]
    lines += [
        f"{each.phone},{each.dials[-1]},{'No' if number % 4 == 0 else 'Yes'}"
        for number, each in enumerate(calls)
        if each.result is ResultStatus.COMPLETED
    ]
    found = Visits()
    found.add(read_visits([*lines, f"2125550100,{START},Yes", "today,,"]))
    return found


def broke_off(problem):
    return StateReason.of(ReasonCode.UNCERTAIN, problem=problem)


def problem(**changed):
    given = {
        "key": "c999", "ref": "x4k9m2p7qa", "round": 1, "state": CallState.UNCERTAIN,
        "reason": broke_off("the connection broke"), "at": START, "sent_at": START, "attempt": 1,
        "http_status": None, "call_id": None, "sender": "process 1 on here",
        "acknowledged": False,
    }  # fmt: skip
    return Problem(**given | changed)


def overview(*problems, campaign="clinic-followup"):
    states = dict.fromkeys(CallState, 0)
    for each in problems:
        states[each.state] += 1
    return Overview(
        campaign=campaign, as_of=NOW, rounds={1: states}, next_due=None, queued_last_minute=0,
        awaited=0, learned_at=None,
        problems=problems, pause_info=None, origin="", account="", late_opt_outs=(),
        unacknowledged=sum(states[state] for state in PROBLEMS),
    )  # fmt: skip


def figures(calls=None, *, rules=None, with_visits=False, seen=None, **changed):
    calls = list(a_campaign()) if calls is None else list(calls)
    visits = visits_of(calls) if with_visits else None
    if rules is None:
        rules = CodingRules(CompletesFrom.REPORT if with_visits else CompletesFrom.INSIGHT)
    seen = overview(problem()) if seen is None else seen
    counted = count(cases(calls, rules, visits))
    given = {
        "campaign": seen.campaign, "as_of": NOW, "rules": rules, "figures": counted,
        "overview": seen, "visits": visits, "identity": IDENTITY, "is_declared": True,
    }  # fmt: skip
    return CampaignFigures(**given | changed)
