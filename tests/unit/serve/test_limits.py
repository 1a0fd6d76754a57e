"""How often somebody may ask, within bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.serve import limits
from runner.serve.limits import RateLimit


def test_a_burst_passes_then_as_many_as_the_limit_allows():
    limit = RateLimit(per_second=2, burst=3)
    assert [limit.wait("ana", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.wait("ben", 0) == 0
    assert limit.wait("ana", 0.5) == 0
    assert limit.wait("ana", 0.5) == 0.5
    assert [limit.wait("ana", 100) for _ in range(4)] == [0, 0, 0, 0.5]


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_no_stretch_of_time_has_more_than_the_burst_and_what_the_limit_adds(times):
    limit = RateLimit(per_second=2, burst=3)
    passed = [at for at in sorted(times) if limit.wait("ana", at) == 0]
    for start in range(len(passed)):
        for end in range(start, len(passed)):
            assert end - start + 1 <= 3 + 2 * (passed[end] - passed[start]) + 1e-6


def test_many_keys_take_bounded_memory(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_KEYS", 10)
    limit = RateLimit(per_second=1, burst=1)
    for number in range(1000):
        limit.wait(number, 0)
    assert len(limit._whole_at) == 10  # noqa: SLF001 - memory is what it is about


@pytest.mark.parametrize("burst", [1, 100])
def test_a_request_beyond_the_limit_does_not_make_the_wait_longer(burst):
    limit = RateLimit(per_second=1, burst=burst)
    waits = [limit.wait("ana", 0) for _ in range(burst + 50)]
    assert set(waits[burst:]) == {1.0}
