"""A loop over the calls: what there is without any tool. It remembers nothing, so a restart begins again."""

import asyncio
import time

from peer import Account, AsyncPosts, calls, setup


def enqueue() -> None:
    """There is nowhere to put them."""


def work() -> None:
    asyncio.run(send_all())


async def send_all() -> None:
    in_flight = setup().in_flight
    posts, left = AsyncPosts(in_flight), iter(calls())

    async def send() -> None:
        for call in left:
            await asyncio.sleep(max(0, call["due"] - time.time()))
            await posts.post(call)

    await asyncio.gather(*[send() for _ in range(in_flight)])


def account() -> Account:
    return Account()
