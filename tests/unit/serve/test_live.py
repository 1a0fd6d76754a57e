"""Values that are made once for many people."""

import asyncio

import pytest

from runner.errors import RunnerError
from runner.serve.pages.live import LivePage
from runner.serve.shared import Shared


class Making:
    """Counts; `now` moves when a test says so."""

    def __init__(self):
        self.made = 0
        self.now = 100.0
        self.takes = 0.0

    async def make(self):
        await asyncio.sleep(0)
        self.made += 1
        self.now += self.takes
        return self.made

    def shared(self, **options):
        return Shared(self.make, now=lambda: self.now, **options)


@pytest.fixture
def making():
    return Making()


async def many(shared):
    return await asyncio.gather(*(shared.get() for _ in range(50)))


def test_fifty_people_get_one_value_that_was_made_once(making):
    assert set(asyncio.run(many(making.shared()))) == {1}


def test_a_value_that_is_older_is_given_while_a_new_one_is_made(making):
    async def ask():
        shared = making.shared()
        first = await shared.get()
        making.now += 2
        old = await shared.get()
        await asyncio.sleep(0.01)
        return first, old, await shared.get()

    assert asyncio.run(ask()) == (1, 1, 2)


def test_a_stream_waits_for_the_new_value(making):
    async def ask():
        shared = making.shared()
        await shared.get()
        making.now += 2
        return await shared.fresh()

    assert asyncio.run(ask()) == 2


def test_a_value_that_is_too_old_is_not_given(making):
    async def ask():
        shared = making.shared()
        await shared.get()
        making.now += 60
        return await shared.get()

    assert asyncio.run(ask()) == 2


def test_a_value_that_cannot_be_made_again_is_not_given():
    async def make():
        if failing:
            raise RunnerError("the ledger is gone")
        return 1

    async def ask():
        shared = Shared(make, now=lambda: 100.0 * len(failing))
        await shared.get()
        failing.append(True)
        with pytest.raises(RunnerError):
            await shared.fresh()
        with pytest.raises(RunnerError):
            await shared.get()

    failing = []
    asyncio.run(ask())


def test_a_value_is_kept_for_the_first_who_asks(making):
    async def ask():
        shared = making.shared(most_age=60)
        keeping = asyncio.create_task(shared.keep(0.001))
        while making.made < 3:
            making.now += 2
            await asyncio.sleep(0.001)
        keeping.cancel()
        return await shared.get()

    assert asyncio.run(ask()) == 3


def test_what_takes_long_is_made_rarely(making):
    async def ask():
        shared = making.shared(share=0.1)
        making.takes = 5
        await shared.get()
        making.now += 44
        return await shared.get(), making.made

    assert asyncio.run(ask()) == (1, 1)


def test_after_an_act_the_value_is_made_again(making):
    async def ask():
        shared = making.shared()
        await shared.get()
        shared.forget()
        return await shared.get()

    assert asyncio.run(ask()) == 2


def test_a_value_that_was_being_made_during_an_act_is_not_given(making):
    async def ask():
        shared = making.shared()
        asking = asyncio.create_task(shared.get())
        await asyncio.sleep(0)
        shared.forget()
        return await asking

    assert asyncio.run(ask()) == 2


def test_each_who_asks_sees_why_it_cannot_be_made():
    async def fail():
        raise RunnerError("the ledger is gone")

    async def ask():
        shared = Shared(fail)
        return await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["the ledger is gone"] * 2


def test_a_stream_sends_all_regions_first_and_then_those_that_changed(monkeypatch):
    monkeypatch.setattr("runner.serve.pages.live._LEAST_SECONDS", 0.0)
    pages = [{"a": "1", "b": "1"}, {"a": "1", "b": "2"}]

    async def ask():
        events = LivePage(lambda: give(pages.pop(0)), lambda: asyncio.sleep(0)).events()
        return [(await anext(events)).data for _ in range(2)]

    async def give(regions):
        return regions

    monkeypatch.setattr("runner.serve.pages.live.Shared", Unshared)
    assert asyncio.run(ask()) == ['{"a": "1", "b": "1"}', '{"b": "2"}']


class Unshared:
    def __init__(self, make):
        self.fresh = make
