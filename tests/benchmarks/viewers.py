"""People who look at pages of `serve`: each loads a page, follows what it sends, and goes on to another."""

import asyncio
import random
import time
from contextlib import suppress

_LOOK_SECONDS = 5


async def looked_at(port: int, paths: list[str], viewers: int, seconds: float) -> list[float]:
    """How long each page took to load, in seconds, the shortest first."""
    took: list[float] = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(_look(port, paths, random.Random(each), until, took) for each in range(viewers)))
    return sorted(took)


async def _look(port: int, paths: list[str], chance: random.Random, until: float, took: list[float]) -> None:
    await asyncio.sleep(_LOOK_SECONDS * chance.random())
    while time.monotonic() < until:
        path = chance.choice(paths)
        began = time.monotonic()
        await _ask(port, path)
        took.append(time.monotonic() - began)
        stream, writer = await _open(port, f"{path.rstrip('/')}/events")
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                while await stream.read(65_536):
                    """Some regions changed."""
        writer.close()


async def _ask(port: int, path: str) -> None:
    answer, writer = await _open(port, path)
    whole = await answer.read()
    writer.close()
    assert whole.startswith(b"HTTP/1.1 200 "), whole[:200]
    assert whole.rstrip().endswith(b"</html>")


async def _open(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    return reader, writer
