"""Runs `runner` and lets something happen to it at a commit.

    python crash_at.py kill-before commit:7 ARGUMENT...

What happens: kill (SIGKILL), stop (SIGSTOP), full (from then on no file of the process can be written, as
on a full disk), or cut (PostgreSQL ends the connection), before or after. Where: the n-th commit of all, of
those that hold an intent to send, or of those that hold a result. A run that comes to its end before that
commit fails with a traceback: it would prove nothing.
"""

import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from runner.cli import main

what, place = sys.argv[1].split("-"), sys.argv[2]
sys.argv = ["runner", *sys.argv[3:]]
commit = DefaultDialect.do_commit
seen: Counter[str] = Counter()


class Transaction(threading.local):
    """What the transaction of this thread holds: results are recorded in threads of their own."""

    def __init__(self) -> None:
        self.holds = {"commit"}


transaction = Transaction()


@event.listens_for(Engine, "after_cursor_execute")
def note_what_is_written(_connection: object, cursor: Any, statement: str, *_rest: object) -> None:
    # How many rows an INSERT with RETURNING wrote is known only when they are read; here it is never none.
    if statement.startswith("INSERT INTO attempts"):
        transaction.holds.add("intent")
    elif statement.startswith("UPDATE attempts") and cursor.rowcount:
        transaction.holds.add("result")


def happen(connection: Any) -> None:
    if what[0] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what[0] == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        # Another thread may take the signal: this one must not begin a transaction until all stand still.
        time.sleep(0.2)
    elif what[0] == "cut":
        mine = connection.driver_connection.info
        with psycopg.connect(host=mine.host, user=mine.user, dbname=mine.dbname, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [mine.backend_pid])
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def commit_and_crash(self: DefaultDialect, connection: Any) -> None:
    seen.update(transaction.holds)
    here = {f"{kind}:{seen[kind]}" for kind in transaction.holds}
    transaction.holds = {"commit"}
    if place in here and what[1] == "before":
        happen(connection)
    commit(self, connection)
    if place in here and what[1] == "after":
        happen(connection)


DefaultDialect.do_commit = commit_and_crash  # type: ignore[method-assign]  # that is the point
try:
    main()
finally:
    kind, _, number = place.partition(":")
    assert seen[kind] >= int(number), f"the run never came to {place}"
