"""How many numbers two campaigns share."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runner.services.shared_numbers import CalledNumbers

NUMBERS = st.sets(st.integers(1_617_555_0100, 1_617_555_0130).map("+{}".format))


@given(st.lists(NUMBERS, max_size=4))
def test_each_campaign_is_compared_with_all_before_it(campaigns):
    called = CalledNumbers()
    for position, numbers in enumerate(campaigns):
        shared = {
            Path(str(other)): len(numbers & campaigns[other])
            for other in range(position)
            if numbers & campaigns[other]
        }
        assert called.add(Path(str(position)), numbers) == shared
