"""What every tool here is: a module with three functions, which run in processes of their own.

    enqueue()    hands all calls to the tool, durably; nothing is sent yet
    work()       the worker, with the settings that the tool's documentation recommends
    account()    what the tool says about its calls

They run in a folder in which setup.json and calls.json are. Each tool sends the same bytes with the same HTTP
client; a module decides only how its tool keeps, starts and repeats the calls.
"""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

Call = dict[str, Any]
"""`phone`, `due` (UTC Unix seconds), and the request: `url`, `headers`, `body`."""
USER, KEY = "me@example.org", "key"
CONNECTIONS_A_CLIENT = 8
# Requests are plain HTTP: loading certificates would only take time.
CLIENT = {"auth": (USER, KEY), "trust_env": False, "timeout": 30, "verify": False}


@dataclass(frozen=True)
class Setup:
    base_url: str
    database: str
    """The URL of an empty one, SQLite or PostgreSQL, as SQLAlchemy writes it."""
    in_flight: int
    """How many requests may be under way at once."""
    first_due: int
    due_each_second: int | None
    """None where all calls are due at once."""


@dataclass
class Account:
    """What a tool says about its calls, by their phone numbers. The others it has done with."""

    waiting: list[str] = field(default_factory=list)
    """It will still act on these by itself."""
    reported: list[str] = field(default_factory=list)
    """It shows these as failed or uncertain: a person decides."""


def setup() -> Setup:
    return Setup(**json.loads(Path("setup.json").read_text()))


def calls() -> list[Call]:
    return json.loads(Path("calls.json").read_text())


_own = threading.local()


def post(call: Call) -> None:
    """For tools that work in threads. A client for each thread: sharing one is slower."""
    if not hasattr(_own, "client"):
        _own.client = httpx.Client(**CLIENT)
    _own.client.post(call["url"], headers=call["headers"], content=call["body"]).raise_for_status()


class AsyncPosts:
    """For tools that work in an event loop. Eight connections to a client: more in one are slower."""

    def __init__(self, in_flight: int) -> None:
        clients = [httpx.AsyncClient(**CLIENT) for _ in range(0, in_flight, CONNECTIONS_A_CLIENT)]
        self._free = clients * CONNECTIONS_A_CLIENT

    async def post(self, call: Call) -> None:
        client = self._free.pop()
        try:
            response = await client.post(call["url"], headers=call["headers"], content=call["body"])
            response.raise_for_status()
        finally:
            self._free.append(client)
