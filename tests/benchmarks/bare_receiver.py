"""What the receiver is measured against: Starlette under uvicorn, with one commit for each callback.

It checks nothing and remembers no calls. `bare_receiver.py LEDGER_URL` prints its port. Its table is
in a file next to an SQLite ledger, or in the ledger's PostgreSQL database; its commits are as durable.
"""

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import psycopg
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.ledger.sqlite import journal_mode
from runner.serve.listening import Server, listener

TABLE = "CREATE TABLE callbacks (token TEXT, received_at FLOAT, status TEXT, attempts TEXT)"
Row = tuple[str, float, str, str]


def sqlite_app(path: str) -> Starlette:
    """Commits in the event loop: SQLite has one writer, and changing threads would only cost time."""
    database = sqlite3.connect(path, isolation_level=None)
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute(TABLE)

    async def write(row: Row) -> None:
        database.execute("INSERT INTO callbacks VALUES (?, ?, ?, ?)", row)

    return app(write)


def postgresql_app(conninfo: str) -> Starlette:
    """Commits in threads, each with a connection of its own, so that PostgreSQL commits several at once."""
    own = threading.local()
    with psycopg.connect(conninfo, autocommit=True) as database:
        database.execute(TABLE)

    def insert(row: Row) -> None:
        if not hasattr(own, "database"):
            own.database = psycopg.connect(conninfo, autocommit=True)
        own.database.execute("INSERT INTO callbacks VALUES (%s, %s, %s, %s)", row)

    async def write(row: Row) -> None:
        await run_in_threadpool(insert, row)

    return app(write)


def app(write: Callable) -> Starlette:
    async def take(request: Request) -> Response:
        said = parse_qs((await request.body()).decode())
        await write((request.path_params["token"], time.time(), said["status"][0], said["attempts"][0]))
        return Response()

    return Starlette(routes=[Route("/results/{token}", take, methods=["POST"])])


def app_on(ledger_url: str) -> Starlette:
    url = make_url(ledger_url)
    if url.drivername.startswith("sqlite"):
        return sqlite_app(f"{url.database}.bare")
    return postgresql_app(
        psycopg.conninfo.make_conninfo(host=url.query["host"], dbname=url.database, user=url.username)
    )


if __name__ == "__main__":
    with listener("127.0.0.1:0", "") as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - the benchmark reads it
        asyncio.run(Server(app_on(sys.argv[1]), most_connections=8_000).serve([listening]))
