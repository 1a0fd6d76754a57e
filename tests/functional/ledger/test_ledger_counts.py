"""What guards and a limit of calls in a day are compared with, in both databases."""

from dataclasses import replace

from ledger_values import THIS, begin, claim_all
from planned_calls import BINDING, CAMPAIGN, NOW, plan
from planned_calls import calls as people

from runner.planning.guards import Counted, Field
from runner.planning.pacing import day_of

VISITS, STOP = Counted(Field.SOURCES, "visits.csv"), Counted(Field.SUPPRESS, "stop.csv")


def test_the_counts_of_the_plan_that_was_entered_last_are_known(ledger):
    assert ledger.known_to_guards(CAMPAIGN).counts == {}
    for counts in ({VISITS: 3, STOP: 40}, {VISITS: 2}):
        revision = ledger.history(CAMPAIGN).revision
        run = ledger.begin_run(BINDING, plan(*people(2), revision=revision), THIS, NOW, counts=counts)
        ledger.end_run(run, "done", NOW)
        known = ledger.known_to_guards(CAMPAIGN)
        assert (known.planned, known.counts) == (2, counts)
    assert ledger.known_to_guards("another").counts == {}


def test_calls_that_join_a_run_never_lower_the_count_of_a_list(ledger):
    run = ledger.begin_run(BINDING, plan(), THIS, NOW, counts={VISITS: 2, STOP: 40})

    def joined(number, entries):
        counts = {VISITS: number, STOP: entries}
        list(ledger.extend_run(BINDING, run, plan(*people(number)), NOW, counts=counts))
        return ledger.known_to_guards(CAMPAIGN).counts

    assert joined(3, 38) == {VISITS: 3, STOP: 40}
    # Nothing is added.
    assert joined(2, 50) == {VISITS: 3, STOP: 40}
    assert joined(4, 50) == {VISITS: 4, STOP: 50}


def test_calls_of_a_day_are_those_of_other_campaigns_and_those_that_were_sent(ledger):
    _, queue = begin(ledger, *people(3))
    starts = {call.start_timestamp for call in ledger.history(CAMPAIGN).calls}
    (day,) = {day_of(start) for start in starts}
    assert ledger.starts_by_day(CAMPAIGN, day) == {}
    assert ledger.starts_by_day("another", day) == {day: 3}
    claim_all(queue, most=1)
    assert ledger.starts_by_day(CAMPAIGN, day) == {day: 1}
    assert ledger.starts_by_day("another", max(starts) + 1) == {}
    ledger.begin_run(replace(BINDING, campaign="another"), plan(*people(2)), THIS, NOW)
    assert ledger.starts_by_day(CAMPAIGN, day) == {day: 3}
    assert ledger.starts_by_day(CAMPAIGN, day, only_others=True) == {day: 2}


def test_calls_that_were_sent_earlier_today_count_against_the_day_when_others_are_moved(ledger):
    _, queue = begin(ledger, *people(3))
    claim_all(queue, most=2)
    later = max(call.start_timestamp for call in ledger.history(CAMPAIGN).calls) + 600
    ledger.begin_run(replace(BINDING, campaign="another"), plan(*people(2)), THIS, NOW)
    seen = []

    def reschedule(late, taken, now):
        others = ledger.starts_by_day(CAMPAIGN, day_of(now), only_others=True)
        seen.append((len(late), len(taken), list(others.values())))
        return {}

    queue.reschedule_late(later - 60, later, 100, reschedule)
    assert seen == [(1, 2, [2])]
