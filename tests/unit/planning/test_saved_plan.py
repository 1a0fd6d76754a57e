from dataclasses import replace

import pytest
from saved_plans import saved
from small_campaign import BOSTON, HOUR, NEW_YORK, NINE, NOW, campaign, people, person, plan_of, remembered

from runner.contacts.identity import Identity
from runner.planning.plan import Availability, DataVersions
from runner.planning.saved_plan import compare, made_with

MORE = 'metadata: {name: "{{ row.name }}"}'
FILTER = "  where: \"{{ row.consent != 'no' }}\""


def planned(*rows, loaded=None, **kwargs):
    loaded = loaded or campaign(contacts=FILTER, more=MORE)
    given = {name: kwargs.pop(name) for name in ("files", "ledger_knew") if name in kwargs}
    return saved(loaded, plan_of(loaded, rows, **kwargs), **given)


def compared(before, after, *, consumed=False):
    return compare(before, after, consumed=consumed)


ONE_TWO = [row | {"consent": ""} for row in people(1, 2)]


def test_the_same_plan_made_again_holds():
    found = compared(planned(*ONE_TWO), planned(*ONE_TWO))
    assert (found.faults, found.causes, found.notes) == ((), (), ())


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([*ONE_TWO, people(3)[0] | {"consent": ""}], "1 call is not in the plan: p3 (visits.csv:4)"),
        ([ONE_TWO[0] | {"name": "Bob"}, ONE_TWO[1]], "1 call is changed (metadata): p1 (visits.csv:2)"),
        ([ONE_TWO[0] | {"phone": NEW_YORK}, ONE_TWO[1]], "1 call is changed (phone): p1 (visits.csv:2)"),
        ([ONE_TWO[0] | {"tz": "America/Detroit"}, ONE_TWO[1]], "1 call is changed (timezone or dates): p1"),
        ([ONE_TWO[0] | {"phone": "nonsense"}, ONE_TWO[1]], "1 call is excluded now, as invalid_phone: p1"),
        ([ONE_TWO[0] | {"tz": "Nowhere/At_All"}, ONE_TWO[1]], "1 call is excluded now, as unknown_timezone"),
    ],
    ids=["new", "metadata", "number", "zone", "number that is none", "zone that is none"],
)
def test_calls_that_are_new_or_changed_make_it_stale(rows, fault):
    found = compared(planned(*ONE_TWO), planned(*rows, files={"visits.csv": "another"}))
    (fault_found,) = found.faults
    assert fault_found.startswith(fault)
    assert found.causes == ("visits.csv changed",)


@pytest.mark.parametrize(
    ("rows", "suppressed", "note"),
    [
        (ONE_TWO, {"p1"}, "1 call is excluded, as suppressed: p1 (visits.csv:2)"),
        ([ONE_TWO[0] | {"consent": "no"}, ONE_TWO[1]], (), "1 call is excluded, as filtered: p1"),
        (ONE_TWO[1:], (), "1 call is excluded, because no source has the contact any more: p1"),
    ],
    ids=["suppressed", "filtered", "gone"],
)
def test_calls_that_may_go_are_excluded_and_noted(rows, suppressed, note):
    before, after = planned(*ONE_TWO), planned(*rows, suppressed=suppressed)
    found = compared(before, after)
    assert found.faults == ()
    assert found.notes[0].startswith(note)


def test_a_call_queued_meanwhile_is_excluded_and_noted():
    before = planned(*ONE_TWO)
    loaded = campaign(contacts=FILTER, more=MORE)
    sent = remembered(plan_of(loaded, ONE_TWO[:1]), Availability.TAKEN, "queued")
    found = compared(before, planned(*ONE_TWO, history=sent, ledger_knew=True))
    assert found.faults == ()
    assert found.notes[0].startswith("1 call is excluded, as already_queued: p1")
    assert found.causes == ("the ledger changed",)


def test_other_times_inside_the_same_window_are_noted():
    loaded = campaign(more="pacing: {calls_per_minute: 1}")
    before = planned(*ONE_TWO, loaded=loaded)
    found = compared(before, planned(*ONE_TWO, loaded=loaded, now=NINE + HOUR))
    assert found.faults == ()
    assert found.notes == ("2 calls are up to 60 min from the planned time, inside the same windows",)


def test_another_window_makes_it_stale():
    found = compared(planned(*ONE_TWO), planned(*ONE_TWO, now=NINE + 4 * HOUR))
    assert found.faults == ("2 calls are in another calling window: p1 (visits.csv:2), p2 (visits.csv:3)",)


@pytest.mark.parametrize(
    ("change", "section"),
    [
        ({"hours": "09:00-12:05"}, "calling_windows"),
        ({"more": MORE + "\npacing: {queue_ahead: 4m}"}, "pacing"),
        ({"more": MORE + '\nvars: {site: "B"}'}, "vars"),
    ],
)
def test_a_changed_campaign_file_makes_it_stale(change, section):
    declared = {"contacts": FILTER, "more": MORE} | change
    found = compared(planned(*ONE_TWO), planned(*ONE_TWO, loaded=campaign(**declared)))
    assert f"the campaign file changed under `{section}`" in found.faults


def test_a_new_description_changes_nothing():
    described = campaign(contacts=FILTER, more=MORE + "\ndescription: other words")
    assert compared(planned(*ONE_TWO), planned(*ONE_TWO, loaded=described)).faults == ()


@pytest.mark.parametrize("name", ["tzdata", "phonenumbers", "holidays"])
def test_other_data_makes_it_stale(name):
    before, after = planned(*ONE_TWO), planned(*ONE_TWO)
    versions: DataVersions = replace(after.view.versions, **{name: "newer"})
    found = compared(before, replace(after, view=replace(after.view, versions=versions)))
    (fault,) = found.faults
    assert fault.startswith(f"{name} is newer here, but the plan was made with ")


def test_a_ledger_that_forgot_the_campaign_makes_it_stale():
    found = compared(planned(*ONE_TWO, ledger_knew=True), planned(*ONE_TWO, ledger_knew=False))
    assert found.faults == ("the plan was made with a ledger that knows this campaign; this ledger does not",)


# Once it was entered


def test_an_applied_plan_continues_with_its_own_calls_even_in_a_later_window():
    loaded = campaign(contacts=FILTER, more=MORE)
    first = plan_of(loaded, ONE_TWO)
    left = [remembered(first, Availability.TAKEN, "queued")[0], remembered(first)[1]]
    after = planned(*ONE_TWO, history=left, now=NINE + 4 * HOUR, ledger_knew=True)
    found = compared(planned(*ONE_TWO), after, consumed=True)
    assert found.faults == ()
    assert found.notes == ("1 call is up to 1,440 min from the planned time",)


def test_an_applied_plan_plans_no_new_call_though_it_was_made_for_an_empty_ledger():
    found = compared(planned(*ONE_TWO), planned(*ONE_TWO), consumed=True)
    (fault,) = found.faults
    assert fault.startswith("the plan was applied before, and 2 calls were skipped since: p1 (visits.csv:2)")


def test_an_applied_plan_may_lose_calls_that_missed_their_last_window():
    loaded = campaign(contacts=FILTER, more=MORE, to="2026-12-01")
    first = plan_of(loaded, ONE_TWO)
    late = {"history": remembered(first), "now": NINE + 4 * HOUR, "ledger_knew": True}
    found = compared(
        planned(*ONE_TWO, loaded=loaded), planned(*ONE_TWO, loaded=loaded, **late), consumed=True
    )
    assert found.faults == ()
    fresh = compared(planned(*ONE_TWO, loaded=loaded), planned(*ONE_TWO, loaded=loaded, **late))
    assert fresh.faults == ("2 calls are excluded now, as no_window: p1 (visits.csv:2), p2 (visits.csv:3)",)


# What it holds


def test_it_holds_no_number_no_metadata_and_no_hash_that_can_be_tried():
    row = person("p1", BOSTON, name="Canarina", consent="")
    written = repr(planned(row)) + repr(planned(row, key=b"another"))
    for canary in ("6175550100", "Canarina"):
        assert canary not in written
    ours, others = planned(row), saved(campaign(more=MORE), plan_of(campaign(more=MORE), [row]), key=b"other")
    assert made_with(ours, Identity(b"privacy"))
    assert not made_with(others, Identity(b"privacy"))
    assert set(ours.inputs.calls).isdisjoint(others.inputs.calls)


def test_two_contacts_with_the_same_request_have_different_fingerprints():
    loaded = campaign()
    plan = plan_of(loaded, [person("a", BOSTON), person("b", NEW_YORK)])
    assert len(set(saved(loaded, plan).inputs.calls)) == 2
    assert plan.as_of == NOW
