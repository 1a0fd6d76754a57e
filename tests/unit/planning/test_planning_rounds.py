"""Plans of further rounds: who is tried again and when, and who is not."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_campaign import (
    BOSTON,
    CHICAGO,
    DAY,
    HOUR,
    NEW_YORK,
    NINE,
    NOW,
    campaign,
    changes,
    detail,
    people,
    person,
    plan_of,
    reasons,
    remembered,
    withdrawn,
)

from runner.calls import CallState, Cause, Reason, ResultStatus
from runner.planning.plan import Availability, Change, ChangeReason

ROUNDS = "retry_policy: {rounds: 3}"


def a_campaign(more=ROUNDS, **changes):
    return campaign(more=more, **{"to": "2026-12-14", **changes})


def ended(calls, result=ResultStatus.FAILED, last_dial=None):
    """These calls as the ledger gives them back once their result is known."""
    return [
        call._replace(
            availability=Availability.TAKEN.value,
            state=CallState.QUEUED.value if result in {None, ResultStatus.UNKNOWN} else result.value,
            result=None if result is None else result.value,
            last_dial=last_dial or call.start_timestamp,
        )
        for call in calls
    ]


def after(loaded, rows, history, now=NOW + 8 * HOUR, **options):
    return plan_of(loaded, rows, history=history, now=now, **options)


def test_a_contact_that_nobody_answered_at_gets_a_second_round_after_the_gap():
    loaded = a_campaign()
    history = ended(remembered(plan_of(loaded, people(1))))
    plan = after(loaded, people(1), history)
    (call,) = plan.calls
    assert (call.round, call.change, call.reason) == (2, Change.NEW, ChangeReason.FURTHER_ROUND)
    assert call.start_timestamp >= history[0].last_dial + 20 * HOUR
    assert call.earliest == history[0].last_dial + 20 * HOUR
    assert plan.statistics.further_calls == 1


def test_a_planned_second_round_keeps_its_slot():
    loaded = a_campaign(hours="15:00-20:00")
    first = ended(remembered(plan_of(loaded, people(1))))
    second = after(loaded, people(1), first)
    again = after(loaded, people(1), first + remembered(second))
    assert changes(again) == {"p1": Change.UNCHANGED}
    assert [call.round for call in again.calls] == [2]


def test_a_second_round_prefers_a_kind_of_time_not_tried_yet():
    loaded = a_campaign(hours="15:00-20:00")
    history = ended(remembered(plan_of(loaded, people(1))))
    (call,) = after(loaded, people(1), history).calls
    local = datetime.fromtimestamp(call.start_timestamp, ZoneInfo("America/New_York"))
    assert local.hour == 17


def test_without_vary_time_a_second_round_starts_as_early_as_it_can():
    loaded = a_campaign("retry_policy: {rounds: 3, vary_time: false}", hours="15:00-20:00")
    history = ended(remembered(plan_of(loaded, people(1))))
    (call,) = after(loaded, people(1), history).calls
    assert call.start_timestamp == history[0].start_timestamp + DAY


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (ResultStatus.COMPLETED, Cause.FINISHED),
        (None, Cause.WAITING_FOR_RESULT),
        (ResultStatus.UNKNOWN, Cause.NOT_RETRIED),
        (ResultStatus.CANCELED, Cause.NOT_RETRIED),
    ],
)
def test_no_round_follows_a_call_that_ended_so(result, cause):
    loaded = a_campaign()
    history = ended(remembered(plan_of(loaded, people(1))), result)
    plan = after(loaded, people(1), history)
    (exclusion,) = plan.exclusions
    assert (exclusion.reason, exclusion.cause) == (Reason.ALREADY_QUEUED, cause)
    assert plan.withdrawals == ()


def test_no_round_follows_an_uncertain_call():
    loaded = a_campaign()
    history = remembered(plan_of(loaded, people(1)), Availability.TAKEN.value, CallState.UNCERTAIN.value)
    (exclusion,) = after(loaded, people(1), history).exclusions
    assert exclusion.cause is Cause.UNCERTAIN


def test_no_round_follows_the_last_one():
    loaded = a_campaign("retry_policy: {rounds: 2}")
    first = ended(remembered(plan_of(loaded, people(1))))
    second = ended(remembered(after(loaded, people(1), first)))
    plan = after(loaded, people(1), first + second, now=NOW + 5 * DAY)
    assert [exclusion.cause for exclusion in plan.exclusions] == [Cause.ROUNDS_USED]
    assert detail(plan) == "a call to this contact is failed"
    assert (plan.statistics.rounds, plan.statistics.further_calls) == ({}, 0)


def test_no_round_is_planned_after_the_last_date():
    loaded = a_campaign(to="2026-12-01")
    plan = after(loaded, people(1), ended(remembered(plan_of(loaded, people(1)))))
    assert [exclusion.cause for exclusion in plan.exclusions] == [Cause.DATES_OVER]
    assert [exclusion.reason for exclusion in plan.exclusions] == [Reason.ALREADY_QUEUED]


def test_a_planned_round_is_withdrawn_when_the_earlier_call_turns_out_completed():
    loaded = a_campaign()
    first = remembered(plan_of(loaded, people(1)))
    waiting = remembered(after(loaded, people(1), ended(first)))
    plan = after(loaded, people(1), ended(first, ResultStatus.COMPLETED) + waiting)
    assert withdrawn(plan) == {"p1": (Reason.ALREADY_QUEUED, "a call to this contact is completed")}


def test_a_planned_round_is_withdrawn_when_the_contact_opted_out():
    loaded = a_campaign()
    first = ended(remembered(plan_of(loaded, people(1))))
    waiting = remembered(after(loaded, people(1), first))
    plan = after(loaded, people(1), first + waiting, suppressed={"p1"})
    assert reasons(plan) == {"p1": Reason.SUPPRESSED}
    assert [withdrawal.round for withdrawal in plan.withdrawals] == [2]


def test_a_contact_whose_number_changed_is_tried_at_the_new_one():
    loaded = a_campaign()
    history = ended(remembered(plan_of(loaded, [person("a")])))
    (call,) = after(loaded, [person("a", NEW_YORK)], history).calls
    assert (call.round, call.phone) == (2, "+12125550100")


def test_a_new_number_that_another_contact_answered_at_is_not_called():
    loaded = a_campaign()
    a, b = remembered(plan_of(loaded, [person("a"), person("b", NEW_YORK)]))
    history = [*ended([a]), *ended([b], ResultStatus.COMPLETED)]
    plan = after(loaded, [person("a", NEW_YORK)], history)
    assert reasons(plan) == {"a": Reason.ALREADY_QUEUED}


def test_the_calls_to_a_number_count_for_whatever_contact_has_it():
    loaded = a_campaign()
    history = ended(remembered(plan_of(loaded, [person("a")])))
    (call,) = after(loaded, [person("renamed")], history).calls
    assert (call.key, call.round) == ("renamed", 2)


def test_a_planned_call_whose_number_was_called_in_its_round_is_withdrawn():
    loaded = a_campaign()
    a, b = remembered(plan_of(loaded, [person("a"), person("b", NEW_YORK)]))
    plan = after(loaded, [person("b", BOSTON)], [*ended([a]), b], now=NOW)
    assert set(withdrawn(plan)) == {"b"}
    assert not plan.calls


def test_new_contacts_and_further_rounds_share_the_pace_in_the_order_of_the_rows():
    loaded = a_campaign("retry_policy: {rounds: 2, vary_time: false}\npacing: {calls_per_minute: 1}")
    history = ended(remembered(plan_of(loaded, people(1))))
    plan = after(loaded, people(1, 2), history, now=NINE + DAY + HOUR)
    starts = {call.key: (call.round, call.start_timestamp - NINE - DAY) for call in plan.calls}
    assert starts == {"p1": (2, HOUR), "p2": (1, HOUR + 60)}


def test_a_round_that_was_skipped_may_be_planned_again():
    loaded = a_campaign()
    first = ended(remembered(plan_of(loaded, people(1))))
    skipped = remembered(after(loaded, people(1), first), Availability.OPEN.value, CallState.SKIPPED.value)
    plan = after(loaded, people(1), first + skipped)
    assert [(call.round, call.reason) for call in plan.calls] == [(2, ChangeReason.SKIPPED_BEFORE)]


def test_a_first_round_says_how_many_calls_may_follow():
    assert plan_of(a_campaign(), people(1, 2)).statistics.further_calls == 4
    assert plan_of(a_campaign(more=""), people(1, 2)).statistics.further_calls == 0


@pytest.mark.parametrize(
    ("result", "further"), [(None, 2), (ResultStatus.COMPLETED, 0), (ResultStatus.CANCELED, 0)]
)
def test_further_calls_include_those_after_a_call_whose_result_is_open(result, further):
    loaded = a_campaign()
    first, second = remembered(plan_of(loaded, people(1, 2)))
    history = ended([first]) + ended([second], result)
    statistics = after(loaded, people(1, 2), history).statistics
    assert statistics.rounds == {2: 1}
    assert statistics.further_calls == 1 + further


def test_further_calls_include_those_after_an_uncertain_call():
    loaded = a_campaign()
    history = remembered(plan_of(loaded, people(1)), Availability.TAKEN.value, CallState.UNCERTAIN.value)
    assert after(loaded, people(1), history).statistics.further_calls == 2


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (None, Cause.NONE),
        (ResultStatus.COMPLETED, Cause.FINISHED),
        (ResultStatus.FAILED, Cause.ROUNDS_USED),
        (ResultStatus.REJECTED, Cause.NOT_RETRIED),
    ],
)
def test_with_one_round_a_contact_without_a_result_waits_for_nothing(result, cause):
    loaded = a_campaign(more="")
    history = ended(remembered(plan_of(loaded, people(1))), result)
    (exclusion,) = after(loaded, people(1), history).exclusions
    assert (exclusion.reason, exclusion.cause) == (Reason.ALREADY_QUEUED, cause)


ZONE = {BOSTON: "America/New_York", NEW_YORK: "America/New_York", CHICAGO: "America/Chicago"}
FIRST, LAST = date(2026, 12, 1), date(2026, 12, 9)


@settings(deadline=None, max_examples=25)
@given(
    rounds=st.integers(1, 4),
    gap=st.integers(1, 60),
    retry_on=st.lists(
        st.sampled_from(["failed", "canceled", "rejected", "unknown"]), min_size=1, unique=True
    ),
    vary=st.booleans(),
    hours=st.sampled_from(["09:00-12:00", "08:30-18:15", "16:50-20:00"]),
    pace=st.sampled_from([1, 600]),
    random=st.randoms(use_true_random=False),
)
def test_no_campaign_ever_calls_too_often_too_soon_or_too_late(
    rounds, gap, retry_on, vary, hours, pace, random
):
    """Plays a whole campaign with random results, and checks every call by rules that share no code."""
    loaded = campaign(
        weekly=f'{{daily: "{hours}"}}',
        dates=f'{{from: "{FIRST}", to: "{LAST}"}}',
        more=f"retry_policy: {{rounds: {rounds}, round_gap: {gap}h, retry_on: {retry_on}, "
        f"vary_time: {str(vary).lower()}}}\npacing: {{calls_per_minute: {pace}}}",
    )
    rows = [person(phone[:3], phone) for phone in ZONE]
    sent, now = [], NOW
    while now < NOW + 12 * DAY:
        waiting = [call for call in sent if call.result is None and random.random() < 0.6]
        for call in waiting:
            sent[sent.index(call)] = with_random_result(call, random)
        plan = plan_of(loaded, rows, history=sent, now=now)
        now += random.randint(1, 40) * HOUR
        due = [call for call in remembered(plan) if call.start_timestamp < now]
        for call in due:
            check(call, sent, rounds=rounds, gap=gap * HOUR, retry_on=retry_on, hours=hours)
            state = random.choice([CallState.QUEUED] * 9 + [CallState.UNCERTAIN])
            sent.append(call._replace(availability=Availability.TAKEN.value, state=state.value))


def with_random_result(call, random):
    if call.state == CallState.UNCERTAIN:
        return call
    result = random.choice([*["failed"] * 4, "completed", "canceled", "rejected", "unknown"])
    dialled = random.choice([None, random.randint(call.start_timestamp, call.end_timestamp)])
    state = call.state if result == "unknown" else result
    return call._replace(result=result, state=state, last_dial=dialled)


def check(call, sent, *, rounds, gap, retry_on, hours):
    before = [other for other in sent if other.key == call.key]
    assert len(before) < rounds
    assert call.round == len(before) + 1
    for other in before:
        assert other.state != "uncertain"
        assert other.result in retry_on
        assert call.start_timestamp - (other.last_dial or other.end_timestamp) >= gap
    zone = ZoneInfo(next(zone for phone, zone in ZONE.items() if phone.startswith(call.key)))
    opens, closes = hours.split("-")
    for instant in (call.start_timestamp, call.end_timestamp):
        local = datetime.fromtimestamp(instant, zone)
        assert opens <= local.strftime("%H:%M") <= closes
        assert FIRST <= local.date() <= LAST
