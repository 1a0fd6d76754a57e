"""The rate limit, over instants that hypothesis makes up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.dispatch.rate_limit import RateLimit

RATES = st.sampled_from([0.2, 1.0, 5.0, 17.0, 50.0, 200.0, 1000.0])
SLACK = 1e-6


def burst_at(per_second):
    return max(1, int(per_second * 0.05))


def grain_at(per_second):
    """How many leave together where they are many."""
    return max(1, int(per_second * 0.02))


def run(per_second, waits, exclusion_check):
    """(instant, requests) of a sender that looks again after each of `waits` and wants `wishes` each time."""
    rate, now, sent = RateLimit(per_second), 1000.0, []
    for wait, wish in zip(waits, itertools.cycle(exclusion_check), strict=False):
        now += wait
        requests = min(wish, rate.available(now))
        rate.spend(now, requests)
        if requests:
            sent.append((now, requests))
    return sent


@given(
    RATES,
    st.lists(st.one_of(st.floats(0, 0.1), st.floats(0, 30)), max_size=60),
    st.lists(st.integers(0, 100), min_size=1, max_size=10),
)
def test_no_interval_holds_more_than_the_rate_and_one_burst(per_second, waits, exclusion_check):
    sent = run(per_second, waits, exclusion_check)
    for first in range(len(sent)):
        total = 0
        for now, requests in sent[first:]:
            total += requests
            assert total <= per_second * (now - sent[first][0]) + burst_at(per_second) + SLACK


@given(RATES, st.integers(1, 200))
def test_a_sender_that_waits_as_asked_keeps_the_average(per_second, requests):
    rate, now = RateLimit(per_second), 1000.0
    for _ in range(requests):
        now += rate.wait(now)
        assert rate.available(now) >= 1
        rate.spend(now, 1)
    assert abs((now - 1000.0) - (requests - 1) / per_second) <= burst_at(per_second) / per_second + SLACK


@given(st.sampled_from([50.0, 200.0, 1000.0]), st.floats(0, 0.9))
def test_waking_late_within_the_burst_costs_no_requests(per_second, lateness):
    rate, start, sent = RateLimit(per_second), 1000.0, 0
    now = start
    late = lateness * (burst_at(per_second) - grain_at(per_second)) / per_second
    for _ in range(50):
        now += rate.wait(now) + late
        requests = rate.available(now)
        rate.spend(now, requests)
        sent += requests
    assert sent >= per_second * (now - start - late)


@given(RATES, st.floats(0, 1e6))
def test_unused_time_is_not_saved_up(per_second, idle):
    rate = RateLimit(per_second)
    rate.spend(1000.0, 1)
    assert rate.available(1000.0 + idle) <= burst_at(per_second)


@given(st.sampled_from([0.2, 1.0, 5.0, 17.0, 50.0]), st.integers(1, 50))
def test_there_is_nothing_to_send_before_the_wait_is_over(per_second, requests):
    rate = RateLimit(per_second)
    rate.spend(1000.0, requests)
    wait = rate.wait(1000.0)
    if wait:
        assert rate.available(1000.0 + wait / 2) == 0


@given(st.sampled_from([50.0, 200.0, 1000.0]), st.integers(1, 50))
def test_at_high_rates_a_wait_ends_when_a_few_may_leave_together(per_second, bursts):
    rate = RateLimit(per_second)
    rate.spend(1000.0, bursts * burst_at(per_second))
    over = 1000.0 + rate.wait(1000.0) + SLACK
    assert rate.available(over) == grain_at(per_second)


def test_a_new_limit_lets_the_first_request_leave_at_once():
    rate = RateLimit(5)
    assert rate.wait(1000.0) == 0
    assert rate.available(1000.0) == 1


@given(RATES, st.integers(1, 5), st.integers(0, 5))
def test_the_runs_of_a_process_take_their_part_of_the_rate_together(per_second, own, others):
    rate = RateLimit(per_second)
    for _ in range(own):
        rate.join()
    rate.share(own + others)
    rate.spend(1000.0, 100)
    before = rate.wait(1000.0)
    rate.spend(1000.0, 1)
    assert rate.wait(1000.0) - before == pytest.approx((own + others) / own / per_second)


def test_requests_that_did_not_leave_are_given_back():
    rate = RateLimit(5)
    rate.spend(1000.0, 1)
    rate.give_back(1)
    assert rate.available(1000.0) == 1


@given(st.sampled_from([1.0, 5.0, 17.0]), st.integers(1, 50))
def test_a_request_that_yields_gets_no_turn_while_others_take_theirs(per_second, requests):
    rate, now = RateLimit(per_second), 1000.0
    for _ in range(requests):
        now += rate.wait(now)
        rate.spend(now, 1)
        assert rate.spare(now) > rate.wait(now)
    now += rate.wait(now)
    assert rate.spare(now) > 0
    assert rate.spare(now + 1 / per_second + SLACK) == 0
