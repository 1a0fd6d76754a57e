"""The suggested pace suffices, and one less does not."""

from hypothesis import given, settings
from hypothesis import strategies as st
from small_campaign import BOSTON, SAN_FRANCISCO, campaign, people, person, plan_of, remembered

from runner.calls import Reason
from runner.planning.plan import Availability


def too_slow(plan):
    return next((warning for warning in plan.diagnostics if warning.code == "pace_too_slow"), None)


def advised(plan):
    return int(too_slow(plan).hint.partition("calls_per_minute: ")[2].partition("`")[0])


def at_pace(pace, **declared):
    return campaign(more=f"pacing: {{calls_per_minute: {pace}}}", to="2026-12-01", **declared)


def test_the_suggested_pace_places_all_calls_and_one_less_does_not():
    rows = people(*range(250))
    slow = plan_of(at_pace(1), rows)
    assert len(slow.calls) == 171
    found = too_slow(slow)
    assert found.message.startswith("79 of 250 contacts get no call: at a pace of 1 a minute")
    assert found.source_line == "pacing: {calls_per_minute: 1}"
    enough = advised(slow)
    assert len(plan_of(at_pace(enough), rows).calls) == 250
    assert too_slow(plan_of(at_pace(enough), rows)) is None
    assert len(plan_of(at_pace(enough - 1), rows).calls) < 250


def test_no_pace_is_suggested_if_all_calls_fit():
    assert too_slow(plan_of(at_pace(1), people(*range(171)))) is None


@settings(max_examples=30, deadline=None)
@given(
    pace=st.integers(1, 3),
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    spread=st.sampled_from(["front", "even"]),
    hours=st.sampled_from(["09:00-09:20", "09:07-09:40", "11:00-13:00"]),
    sent=st.integers(0, 10),
)
def test_the_suggested_pace_places_all_calls(pace, counts, spread, hours, sent):
    here, there = counts
    rows = [person(f"b{n}", f"{BOSTON[:8]}{n:04}") for n in range(here)]
    rows += [person(f"s{n}", f"{SAN_FRANCISCO[:8]}{n:04}") for n in range(there)]

    def plan_at(pace, history=()):
        more = f"pacing: {{calls_per_minute: {pace}, spread: {spread}}}"
        return plan_of(campaign(hours=hours, to="2026-12-01", more=more), rows, history=history)

    history = remembered(plan_at(pace), Availability.TAKEN, "queued")[:sent]
    slow = plan_at(pace, history)
    if too_slow(slow) is None:
        assert all(exclusion.reason is not Reason.NO_WINDOW for exclusion in slow.exclusions)
    else:
        assert len(plan_at(advised(slow), history).calls) == here + there - len(history)


def test_if_the_request_rate_is_the_limit_a_rate_is_suggested_too():
    rows = people(*range(3400))
    loaded = campaign(hours="09:00-09:20", to="2026-12-01")
    slow = plan_of(loaded, rows)
    assert len(slow.calls) == 3005
    found = too_slow(slow)
    assert found.source_line.startswith("  weekly:")
    enough = advised(slow)
    assert 300 < enough <= 360
    assert "RUNNER_REQUESTS_PER_SECOND=6 " in found.hint
    faster = campaign(hours="09:00-09:20", to="2026-12-01", more=f"pacing: {{calls_per_minute: {enough}}}")
    assert len(plan_of(faster, rows, requests_per_second=6).calls) == 3400


def test_if_no_pace_suffices_longer_windows_are_suggested():
    """All are left with the one last second in which a call may start, and a second has 1,000 slots."""
    rows = [
        person(f"p{n}", f"617 55{n // 10000} {n % 10000:04}", on="2026-12-01T14:55:00Z") for n in range(1002)
    ]
    loaded = campaign(
        hours="09:00-10:05",
        to="2026-12-01",
        contacts='  not_before: "{{ row.on }}"',
        more="pacing: {calls_per_minute: 60}",
    )
    plan = plan_of(loaded, rows)
    assert len(plan.calls) == 1
    assert "no pace up to 60,000 calls a minute is enough" in too_slow(plan).hint
