"""A plan after earlier runs: no contact twice, kept slots, and withdrawn calls."""

from datetime import UTC, datetime

import pytest
from small_campaign import (
    BOSTON,
    HOUR,
    NEW_YORK,
    NINE,
    NOW,
    campaign,
    change_reasons,
    changes,
    detail,
    people,
    person,
    plan_of,
    reasons,
    remembered,
    slots,
    withdrawn,
)

from runner.calls import CallState, Cause, Reason
from runner.planning.plan import Availability, Change, ChangeReason
from runner.planning.plan_input import History

# Another survey


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        (("48212", "3"), ("survey_id",)),
        (("48211", "4"), ("instance_id",)),
        (("48212", "4"), ("survey_id", "instance_id")),
    ],
)
def test_another_survey_changes_every_waiting_call_and_is_the_first_warning(before, fields):
    loaded = campaign(more="pacing: {calls_per_minute: 6000}")
    waiting = tuple(remembered(plan_of(loaded, people(1, 2))))
    plan = plan_of(loaded, people(1, 2), history=History(waiting, survey=before))
    assert [(call.change, call.changed) for call in plan.calls] == [(Change.CHANGED, fields)] * 2
    assert plan.diagnostics[0].code == "survey_changed"
    assert len(plan.diagnostics) > 1


def test_changes_other_than_the_survey_are_named_too():
    waiting = tuple(remembered(plan_of(campaign(), people(1))))
    plan = plan_of(campaign(), [person("p1", NEW_YORK)], history=History(waiting, survey=("48212", "3")))
    assert plan.calls[0].changed == ("survey_id", "phone")


def test_another_survey_is_warned_of_even_if_a_limit_excludes_its_calls():
    waiting = tuple(remembered(plan_of(campaign(), people(2))))
    history = History(waiting, survey=("48212", "3"))
    plan = plan_of(campaign(), people(1, 2), history=history, limit=1)
    assert changes(plan) == {"p1": Change.NEW}
    assert [found.code for found in plan.diagnostics][:1] == ["survey_changed"]


@pytest.mark.parametrize("survey", [None, ("48211", "3")])
def test_the_same_survey_changes_nothing(survey):
    waiting = tuple(remembered(plan_of(campaign(), people(1, 2))))
    plan = plan_of(campaign(), people(1, 2), history=History(waiting, survey=survey))
    assert set(changes(plan).values()) == {Change.UNCHANGED}
    assert "survey_changed" not in {found.code for found in plan.diagnostics}


def test_another_survey_is_not_warned_of_without_waiting_calls():
    skipped = tuple(remembered(plan_of(campaign(), people(1)), Availability.OPEN, "skipped"))
    plan = plan_of(campaign(), people(1, 2), history=History(skipped, survey=("48212", "3")))
    assert set(changes(plan).values()) == {Change.NEW}
    assert "survey_changed" not in {found.code for found in plan.diagnostics}


# Earlier runs


def test_each_step_that_grows_with_the_ledger_reports_progress():
    steps = {}

    def progress(what, total, items):
        steps[what] = total, list(items)
        return iter(steps[what][1])

    history = remembered(plan_of(campaign(), people(1, 2, 3)))
    plan_of(campaign(), people(1, 2, 4, 5), history=history, progress=progress)
    assert {what: (total, len(items)) for what, (total, items) in steps.items()} == {
        "checking contacts": (0, 0),
        # For two of the four, a slot is known.
        "keeping slots": (4, 2),
        "placing calls": (4, 4),
    }


def test_no_contact_is_planned_again_after_a_call_was_sent():
    history = remembered(plan_of(campaign(), [person("a")]), Availability.TAKEN, "uncertain")
    plan = plan_of(campaign(), [person("a", NEW_YORK)], history=history)
    assert reasons(plan) == {"a": Reason.ALREADY_QUEUED}
    assert detail(plan) == "a call to this contact is uncertain, to another number"
    assert plan.withdrawals == ()


def test_no_called_number_is_planned_again_in_any_row():
    history = remembered(plan_of(campaign(), [person("a")]), Availability.TAKEN, "queued")
    plan = plan_of(campaign(), [person("renamed")], history=history)
    assert reasons(plan) == {"renamed": Reason.ALREADY_QUEUED}
    assert detail(plan) == "a call to this number is queued"


def test_a_planned_call_is_withdrawn_if_its_new_number_was_called():
    a, b = remembered(plan_of(campaign(), [person("a"), person("b", NEW_YORK)]))
    history = [a._replace(availability=Availability.TAKEN, state=CallState.QUEUED), b]
    plan = plan_of(campaign(), [person("b", BOSTON)], history=history)
    assert not plan.calls
    assert withdrawn(plan) == {"b": (Reason.ALREADY_QUEUED, "a call to this number is queued")}


def test_a_refused_call_is_planned_again_only_when_it_changed():
    loaded = campaign(more='metadata: {name: "{{ row.name }}"}')
    history = remembered(plan_of(loaded, people(1)), Availability.REFUSED, "refused")
    same = plan_of(loaded, people(1), history=history)
    assert reasons(same) == {"p1": Reason.REFUSED}
    assert "after `runner retry`" in detail(same)
    changed = plan_of(loaded, [people(1)[0] | {"name": "Bob"}], history=history)
    assert changes(changed) == {"p1": Change.NEW}
    assert change_reasons(changed) == {"p1": ChangeReason.REFUSED_REQUEST_CHANGED}
    other_number = plan_of(loaded, [person("p1", NEW_YORK, name="Ann p1")], history=history)
    assert changes(other_number) == {"p1": Change.NEW}


def test_a_skipped_call_may_be_planned_as_if_new():
    history = remembered(plan_of(campaign(), people(1)), Availability.OPEN, "skipped")
    plan = plan_of(campaign(), people(1), history=history)
    assert changes(plan) == {"p1": Change.NEW}
    assert change_reasons(plan) == {"p1": ChangeReason.SKIPPED_BEFORE}
    assert plan.withdrawals == ()


# Slots are stable


def test_planned_calls_keep_their_slots_and_new_calls_take_free_ones():
    loaded = campaign(contacts='  priority: "{{ row.risk or 0 }}"', more="pacing: {calls_per_minute: 1}")
    rows = [row | {"risk": ""} for row in people(1, 2, 3)]
    first = plan_of(loaded, rows)
    urgent = person("urgent", NEW_YORK, risk="9")
    second = plan_of(loaded, [rows[0], urgent, rows[2]], history=remembered(first))
    assert slots(second) == {
        "p1": slots(first)["p1"],
        "urgent": slots(first)["p2"],
        "p3": slots(first)["p3"],
    }
    assert changes(second) == {"p1": Change.UNCHANGED, "urgent": Change.NEW, "p3": Change.UNCHANGED}
    assert withdrawn(second) == {"p2": (None, "no source has this contact any more")}


@pytest.mark.parametrize("later", [1, HOUR, 2 * HOUR])
def test_a_later_plan_keeps_every_future_slot(later):
    loaded = campaign(more="pacing: {calls_per_minute: 1}")
    first = plan_of(loaded, people(*range(30)))
    second = plan_of(loaded, people(*range(30)), history=remembered(first), now=NOW + later)
    ahead = {key: slot for key, slot in slots(first).items() if slot[0] >= NOW + later}
    assert {key: slots(second)[key] for key in ahead} == ahead
    assert all(changes(second)[key] is Change.UNCHANGED for key in ahead)
    late = set(slots(first)) - set(ahead)
    assert all(changes(second)[key] is Change.MOVED for key in late)
    assert {change_reasons(second)[key] for key in late} <= {ChangeReason.START_PASSED}
    starts = [call.start_timestamp for call in second.calls]
    assert min(starts) >= NOW + later
    assert len(set(starts)) == 30


@pytest.mark.parametrize("reason", ["retried", "resolved"])
def test_a_call_that_an_operator_planned_again_names_the_operator_s_decision(reason):
    rows = people(1)
    history = [call._replace(state_reason=reason) for call in remembered(plan_of(campaign(), rows))]
    assert change_reasons(plan_of(campaign(), rows, history=history)) == {"p1": ChangeReason.SLOT_KEPT}
    later = plan_of(campaign(), rows, history=history, now=NINE + 60)
    assert changes(later) == {"p1": Change.MOVED}
    assert change_reasons(later) == {"p1": ChangeReason(reason)}


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"name": "Bob"}, ("metadata[name]",)),
        ({"phone": NEW_YORK}, ("phone",)),
        ({"tz": "America/Chicago"}, ("timezone",)),
        ({"tz": "America/Detroit", "name": "Bob"}, ("timezone", "metadata[name]")),
    ],
    ids=["metadata", "number", "zone", "two, a zone with the same hours among them"],
)
def test_a_changed_call_gets_a_new_slot_and_names_the_changes(changed, fields):
    loaded = campaign(more='metadata: {name: "{{ row.name }}"}\npacing: {calls_per_minute: 1}')
    rows = people(1, 2)
    history = remembered(plan_of(loaded, rows))
    plan = plan_of(loaded, [rows[0] | changed, rows[1]], history=history)
    assert changes(plan) == {"p1": Change.CHANGED, "p2": Change.UNCHANGED}
    (first, second) = sorted(plan.calls, key=lambda call: call.key)
    assert first.changed == fields
    assert first.start_before == NINE
    assert second.changed == ()
    assert plan.withdrawals == ()


def test_a_window_that_moved_moves_its_calls():
    history = remembered(plan_of(campaign(), people(1)))
    plan = plan_of(campaign(hours="10:00-12:00"), people(1), history=history)
    assert changes(plan) == {"p1": Change.MOVED}
    assert change_reasons(plan) == {"p1": ChangeReason.WINDOW_CLOSED}
    assert slots(plan) == {"p1": (NINE + HOUR, NINE + 3 * HOUR - 300)}


def test_a_window_that_closes_earlier_moves_the_end_of_its_calls_alone():
    history = remembered(plan_of(campaign(), people(1)))
    plan = plan_of(campaign(hours="09:00-11:00"), people(1), history=history)
    assert changes(plan) == {"p1": Change.MOVED}
    assert change_reasons(plan) == {"p1": ChangeReason.WINDOW_END_CHANGED}
    assert slots(plan) == {"p1": (NINE, NINE + 2 * HOUR - 300)}


def test_calls_that_were_sent_count_against_the_pace():
    loaded = campaign(more="pacing: {calls_per_minute: 1}")
    history = remembered(plan_of(loaded, people(1, 2)), Availability.TAKEN, "queued")
    plan = plan_of(loaded, people(3), history=history)
    assert slots(plan)["p3"][0] == NINE + 120


# Withdrawn and limited


@pytest.mark.parametrize(
    ("changed", "suppressed", "reason", "detail"),
    [
        ({}, {"p1"}, Reason.SUPPRESSED, "on stop.csv:2"),
        ({"consent": "no"}, (), Reason.FILTERED, "contacts.where is false"),
        ({"phone": "nonsense"}, (), Reason.INVALID_PHONE, "it contains letters and no digits"),
    ],
)
def test_a_planned_call_that_is_no_longer_in_the_plan_is_withdrawn_with_the_reason(
    changed, suppressed, reason, detail
):
    loaded = campaign(contacts='  where: "{{ row.consent }}"')
    rows = [row | {"consent": "yes"} for row in people(1, 2)]
    history = remembered(plan_of(loaded, rows))
    plan = plan_of(loaded, [rows[0] | changed, rows[1]], history=history, suppressed=suppressed)
    assert withdrawn(plan) == {"p1": (reason, detail)}
    assert changes(plan) == {"p2": Change.UNCHANGED}


def test_a_limit_takes_the_first_and_withdraws_nothing():
    loaded = campaign(more="pacing: {calls_per_minute: 1}")
    history = remembered(plan_of(loaded, people(1, 2, 3)))
    plan = plan_of(loaded, people(1, 2, 3), history=history, limit=2)
    assert changes(plan) == {"p1": Change.UNCHANGED, "p2": Change.UNCHANGED}
    assert reasons(plan) == {"p3": Reason.CALL_LIMIT}
    assert plan.withdrawals == ()
    assert plan.rows == 3


def test_the_slot_of_a_call_beyond_the_limit_stays_reserved():
    loaded = campaign(contacts='  priority: "{{ row.risk }}"', more="pacing: {calls_per_minute: 1}")
    rows = [row | {"risk": "0"} for row in people(1, 2)]
    first = plan_of(loaded, rows)
    urgent = person("urgent", NEW_YORK, risk="9")
    plan = plan_of(loaded, [*rows, urgent], history=remembered(first), limit=1)
    assert list(slots(plan)) == ["urgent"]
    assert slots(plan)["urgent"] not in slots(first).values()


def test_the_limit_counts_by_priority():
    loaded = campaign(contacts='  priority: "{{ row.risk }}"')
    rows = [person("a", risk="1"), person("b", NEW_YORK, risk="2")]
    assert list(slots(plan_of(loaded, rows, limit=1))) == ["b"]


# Late opt-outs


@pytest.mark.parametrize(
    ("rows", "suppressed", "state", "detail"),
    [
        (people(1), {"p1"}, "queued", "on stop.csv:2, but an earlier call to it is queued"),
        (people(1), {"p1"}, "uncertain", "on stop.csv:2, but an earlier call to it is uncertain"),
        (
            [people(1)[0] | {"phone": NEW_YORK}],
            (),
            "queued",
            "a call to this contact is queued, to another number",
        ),
    ],
    ids=["opted out", "uncertain", "another number"],
)
def test_a_waiting_call_of_an_excluded_contact_is_warned_of(rows, suppressed, state, detail):
    history = remembered(plan_of(campaign(), people(1)), Availability.TAKEN, state)
    plan = plan_of(campaign(), rows, history=history, suppressed=suppressed)
    (exclusion,) = plan.exclusions
    assert exclusion.detail == detail
    (warning,) = [found for found in plan.diagnostics if found.code == "still_dialled"]
    until = datetime.fromtimestamp(history[0].end_timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert warning.message.endswith(f"an earlier call that Insight may still dial: p1 until {until}")
    assert "--pending-at-insight" in warning.hint


@pytest.mark.parametrize(
    ("state", "now"),
    [("completed", NOW), ("queued", NINE + 24 * HOUR), ("planned", NOW)],
    ids=["over", "past", "ours"],
)
def test_a_call_that_can_no_longer_be_dialled_is_not_warned_of(state, now):
    availability = Availability.PLANNED if state == "planned" else Availability.TAKEN
    history = remembered(plan_of(campaign(), people(1)), availability, state)
    plan = plan_of(campaign(), people(1), history=history, suppressed={"p1"}, now=now)
    assert "still_dialled" not in {found.code for found in plan.diagnostics}


def test_calls_keep_starts_beyond_a_lowered_pace_with_a_warning():
    everybody = people(*range(1, 301))
    history = remembered(plan_of(campaign(more="pacing: {calls_per_minute: 300}"), everybody))
    plan = plan_of(campaign(more="pacing: {calls_per_minute: 5}"), everybody, history=history)
    assert set(changes(plan).values()) == {Change.UNCHANGED}
    (warning,) = [each for each in plan.diagnostics if each.code == "pace_lowered"]
    # All start in one minute; that and the next one have room for ten.
    assert warning.message.startswith("290 calls keep starts from an earlier plan")
    assert "runner pause" in warning.hint


@pytest.mark.parametrize("pace", ["pacing: {calls_per_minute: 30}", "pacing: {calls_per_minute: 600}", ""])
def test_a_pace_with_room_for_all_calls_is_not_warned_of(pace):
    everybody = people(*range(1, 301))
    history = remembered(plan_of(campaign(more="pacing: {calls_per_minute: 30}"), everybody))
    plan = plan_of(campaign(more=pace), everybody, history=history)
    assert "pace_lowered" not in {each.code for each in plan.diagnostics}


@pytest.mark.parametrize("phone", [BOSTON, NEW_YORK])
def test_a_call_whose_record_may_have_been_added_waits_for_a_person_though_its_request_changed(phone):
    loaded = campaign()
    refused = remembered(plan_of(loaded, [person("p1")]), Availability.REFUSED, "refused")
    history = tuple(call._replace(state_reason="record_uncertain") for call in refused)
    plan = plan_of(loaded, [person("p1", phone)], history=history)
    assert reasons(plan) == {"p1": Reason.REFUSED}
    assert plan.exclusions[0].cause is Cause.RECORD_UNCERTAIN
    assert "its record may be in the metadatabase or not" in detail(plan)
