"""The planner's storage for rows, calls and intermediate results: there may be more than fit into memory.

It is a private temporary database. SQLite keeps it in memory while it is small, and beyond that in an unnamed
temporary file: readable only by its owner and deleted when opened, so no personal data remain on disk, even
after a crash. The same writes give the same reads, so the planner stays pure.

A plan that is made in another process is in a file that both open. It loses its name before anything is
written to it.
"""
# ruff: noqa: S608 - queries are composed of names from this file; values are bound

import json
import sqlite3
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from runner.calls import MAY_BE_DIALLED, Cause, Reason
from runner.contacts.contact import Exclusion
from runner.errors import RunnerError
from runner.planning.candidate import Assignment, Candidate
from runner.planning.contact_limits import Dials
from runner.planning.lazy_sequence import LazySequence
from runner.planning.plan import GONE, EarlierCall, KnownCall, PlannedCall, WaitingBefore
from runner.planning.rounds import NextRound, PastCall

_T = TypeVar("_T")

_CACHE_KIB = 16_384
_SETTLED_CACHE_KIB = 256
_ROWS_AT_ONCE = 1_000
"""Large enough to make the cost per batch small, small enough to take little memory."""

_EXCLUSION_COLUMNS = ("key", "reason", "source", "line", "detail", "template", "cause", "phone", "others")
_TABLES = f"""
CREATE TABLE IF NOT EXISTS screened (number INTEGER PRIMARY KEY, {", ".join(Candidate._fields)});
CREATE TABLE IF NOT EXISTS exclusion (number INTEGER PRIMARY KEY, {", ".join(_EXCLUSION_COLUMNS)});
CREATE TABLE IF NOT EXISTS known (
    id INTEGER PRIMARY KEY, {", ".join(KnownCall._fields)}, is_newest DEFAULT TRUE, is_only DEFAULT TRUE
);
CREATE TABLE IF NOT EXISTS earlier (number INTEGER PRIMARY KEY, {", ".join(EarlierCall._fields)});
CREATE TABLE IF NOT EXISTS dials (phone, {", ".join(Dials._fields)});
CREATE TABLE IF NOT EXISTS needs_check (number INTEGER PRIMARY KEY, shares);
CREATE TABLE IF NOT EXISTS following (number INTEGER PRIMARY KEY, {", ".join(NextRound._fields)});
CREATE TABLE IF NOT EXISTS still_planned (known INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS assigned (number INTEGER PRIMARY KEY, rank, {", ".join(Assignment._fields)});
"""
_CANDIDATE = ", ".join(f"screened.{name}" for name in Candidate._fields)
_KNOWN = ", ".join(f"known.{name}" for name in KnownCall._fields)
_EARLIER = ", ".join(f"earlier.{name}" for name in EarlierCall._fields)
_KNOWN_COLUMNS = len(KnownCall._fields)
_CANDIDATE_PART = slice(1, 1 + len(Candidate._fields))
_EARLIER_PART = slice(_CANDIDATE_PART.stop, _CANDIDATE_PART.stop + len(EarlierCall._fields))
_LAST_PART = slice(_EARLIER_PART.stop, None)
"""Of a row that holds a candidate after its number, then the newest call to it, then more."""
_EXCLUSION = ", ".join(f"exclusion.{name}" for name in _EXCLUSION_COLUMNS)
_FOLLOWING = ", ".join(f"following.{name}" for name in NextRound._fields)
_WAITING = ", ".join(
    f"{'earlier' if name in EarlierCall._fields else 'screened'}.{name}" for name in WaitingBefore._fields
)
_WAITING_COLUMNS = len(WaitingBefore._fields)
_SAME_FOR_ALL = ("max_attempts", "reattempt_wait")
_ASSIGNED = {"change_name": "change", "change_reason": "reason", "changed_fields": "fields"}
"""Fields of a planned call that an assignment calls otherwise."""
_DUPLICATES_LAST = "reason IN ('duplicate_key', 'duplicate_phone')"
"""For a contact with several rows, the exclusion of the first row says more than those of its duplicates."""
_HAS_A_CALL = (Reason.ALREADY_QUEUED.value, Reason.REFUSED.value)
"""Reasons of contacts that get no new call because they have one."""
_IS_ALL = "known.is_only AND known.availability = 'taken' AND known.phone = screened.phone"
"""The newest call to the contact is the only one to it and to its number: true of most contacts that were
called once, and for them nothing else has to be looked up.
"""
_SAME = ("phone", "zones", "phone_number", "metadata", "result_url")
_IS_SAME = (
    " AND ".join(f"known.{name} = screened.{name}" for name in _SAME)
    + " AND known.max_attempts = ? AND known.reattempt_wait IS ?"
)
_COMPARED = ", ".join(
    {"is_all": _IS_ALL, "is_same": _IS_SAME}.get(name, f"known.{name}") for name in EarlierCall._fields
)
_IS_PAST = (
    "availability = 'taken' AND id IN (SELECT id FROM known WHERE key = ? "
    "UNION SELECT id FROM known WHERE phone = ? AND availability = 'taken')"
)
"""A call that was sent, or may have been, to the contact or its number."""
_OTHERS = " UNION ALL ".join(
    f"SELECT {table}.key, other.value AS phone FROM {table}, "
    f"""json_each('["' || replace({table}.others, ' ', '","') || '"]') AS other """
    f"WHERE {table}.others <> '' AND {table}.key <> ''"
    for table in ("screened", "exclusion")
)
"""Key and number of each row, called or not, for each of its other numbers."""


class KnownCalls(Protocol):
    """Calls in the ledger, oldest first."""

    def copy_to(self, database: sqlite3.Connection, insert: str) -> None:
        """Has `insert`, a statement without its values, store the fields of each KnownCall."""

    def __iter__(self) -> Iterator[KnownCall]: ...


class WorkingFile:
    """The result for each row, step by step. Rows are identified by their number, counted from 0 in the order
    in which they were read. Reads include all earlier writes. It exists as long as something reads from it.
    """

    def __init__(self, path: str = "") -> None:
        """With a path, a file that another process opens, too."""
        # Values that read from it may be freed in any thread.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        # Its content ends with the process, so it needs no protection against crashes.
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._do(f"PRAGMA {setting}")
        self._database.executescript(_TABLES)
        # In a file without a name nothing is ever committed.
        self._do("BEGIN")
        self._pending: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
        self._ranks = 0
        self._remembers = False
        self._has_dials = False
        self._ranks_differ = False
        self._has_others = False

    # --- writes

    def hand_over(self) -> None:
        """Lets the other process read what was written."""
        self._flush()
        self._do("COMMIT")
        self._do("BEGIN")

    def settle(self) -> None:
        """When all is written: keeps almost none of it in memory. It needs a file with a path."""
        self.hand_over()
        self._do(f"PRAGMA cache_size=-{_SETTLED_CACHE_KIB}")
        self._do("PRAGMA shrink_memory")

    def remember(self, calls: KnownCalls) -> None:
        """Stores the campaign's calls in the ledger."""
        # Not in one transaction: it would keep others from writing to a ledger that is a file.
        self._do("COMMIT")
        with _storage_errors():
            calls.copy_to(self._database, f"INSERT INTO known ({', '.join(KnownCall._fields)})")
        self._do("BEGIN")
        self._remembers = any(self._read("SELECT 1 FROM known LIMIT 1"))
        self._do("CREATE INDEX known_key ON known (key)")
        self._do("CREATE INDEX known_phone ON known (phone, key, availability)")
        self._do(
            "UPDATE known SET is_newest = 0 "
            "WHERE key IN (SELECT key FROM known GROUP BY key HAVING count(*) > 1) "
            "AND id < (SELECT max(id) FROM known AS newest WHERE newest.key = known.key)"
        )
        self._do(
            "UPDATE known SET is_only = 0 "
            "WHERE key IN (SELECT key FROM known GROUP BY key HAVING count(*) > 1)"
        )
        self._do(
            "UPDATE known SET is_only = 0 WHERE availability = 'taken' AND phone IN "
            "(SELECT phone FROM known WHERE availability = 'taken' GROUP BY phone HAVING count(*) > 1)"
        )

    def remember_dials(self, dials: Iterable[tuple[str, Dials]]) -> None:
        """Stores what other calls may dial or have dialled, by number."""
        for phone, each in dials:
            self._has_dials = True
            self._add("dials", (phone, *each))
        self._flush()
        self._do("CREATE INDEX dials_phone ON dials (phone)")
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM screened "
            "WHERE phone IN (SELECT phone FROM dials)"
        )

    def add_candidate(self, number: int, candidate: Candidate, *, needing_check: bool) -> None:
        """A row that may be called; `needing_check` if its own values may exclude it."""
        self._add("screened", (number, *candidate))
        self._ranks_differ = self._ranks_differ or candidate.priority != 0
        self._has_others = self._has_others or candidate.others != ""
        if needing_check:
            self._add("needs_check", (number, False))

    def exclude(self, number: int, exclusion: Exclusion) -> None:
        """A row that is not called, and no longer a candidate."""
        *values, template, cause = exclusion.plain()
        path = json.dumps(template) if template else ""
        self._add("exclusion", (number, *values, path, cause, exclusion.phone, exclusion.others))
        self._has_others = self._has_others or exclusion.others != ""

    def follow(self, number: int, following: NextRound) -> None:
        """A candidate that was called in earlier rounds, and may be called in this one."""
        tried_at = " ".join(map(str, following.tried_at))
        self._add("following", (number, following.round, following.not_before, tried_at))

    def assign(self, number: int, assignment: Assignment) -> None:
        """A candidate that is called. Calls come in the order of precedence."""
        self._add("assigned", (number, self._ranks, *assignment))
        self._ranks += 1

    # --- reads

    def numbers(self) -> Iterator[str]:
        """Those of all candidates, each once."""
        return (phone for (phone,) in self._ask("SELECT DISTINCT phone FROM screened"))

    def dials_of(self, phone: str) -> tuple[Dials, ...]:
        """What other calls may dial or have dialled of this number."""
        if not self._has_dials:
            return ()
        found = self._read(f"SELECT {', '.join(Dials._fields)} FROM dials WHERE phone = ?", phone)
        return tuple(map(Dials._make, found))

    def earlier(self, key: str) -> KnownCall | None:
        """The newest stored call for this contact."""
        if not self._remembers:
            return None
        return next(self._known("key = ? ORDER BY id DESC LIMIT 1", key), None)

    def known(self, id_: int) -> KnownCall:
        """The stored call with this id."""
        return next(self._known("id = ?", id_))

    def dialled_until(self) -> int:
        """When the last stored call ends that may be dialled yet, in UTC Unix seconds; 0 without one."""
        states = ", ".join(f"'{state.value}'" for state in MAY_BE_DIALLED)
        ((until,),) = self._read(f"SELECT max(end_timestamp) FROM known WHERE state IN ({states})")
        return until or 0

    def newest_taken(self, phone: str) -> KnownCall | None:
        """The newest stored call to this number that was sent or may have been."""
        taken = self._known("phone = ? AND availability = 'taken' ORDER BY id DESC LIMIT 1", phone)
        return next(taken, None)

    def past(self, key: str, phone: str) -> Sequence[PastCall]:
        """Every stored call to the contact or its number that was sent or may have been, oldest first."""
        if not self._remembers:
            return ()
        query = f"SELECT {', '.join(PastCall._fields)} FROM known WHERE {_IS_PAST} ORDER BY id"
        return tuple(map(PastCall._make, self._read(query, key, phone)))

    def remembered(self) -> Iterator[KnownCall]:
        """All stored calls, in their order."""
        return self._known("TRUE ORDER BY id")

    def _known(self, which: str, *values: object) -> Iterator[KnownCall]:
        return map(KnownCall._make, self._read(f"SELECT {_KNOWN} FROM known WHERE {which}", *values))

    def taken_starts(self, after: int) -> Iterator[int]:
        """When the calls that were sent, or may have been, start, as far as that is after this second: UTC
        Unix seconds.
        """
        rows = self._ask(
            "SELECT start_timestamp FROM known "
            "WHERE start_timestamp > ? AND availability = 'taken' AND is_newest",
            after,
        )
        return (start for (start,) in rows)

    def shared_numbers(self) -> Iterator[tuple[str, str]]:
        """Key and number of each row, called or not, and of each call that the ledger holds, whose number a
        candidate of another row has, too. Of a row with several numbers, for each of them.
        """
        self._flush()
        self._index_phones()
        return self._ask(
            "SELECT key, phone FROM screened "
            "WHERE phone IN (SELECT phone FROM screened GROUP BY phone HAVING count(*) > 1) "
            "UNION ALL SELECT exclusion.key, exclusion.phone FROM exclusion "
            "LEFT JOIN screened AS same ON same.number = exclusion.number "
            "WHERE same.number IS NULL AND exclusion.key <> '' "
            "AND exclusion.phone IN (SELECT phone FROM screened) "
            # Who was on the list of contacts earlier is known to the ledger alone.
            "UNION ALL SELECT known.key, known.phone FROM known "
            "JOIN screened ON screened.phone = known.phone WHERE screened.key <> known.key "
            f"UNION ALL SELECT key, phone FROM ({_OTHERS}) WHERE phone IN (SELECT phone FROM screened)"
        )

    def _index_phones(self) -> None:
        self._do("CREATE INDEX IF NOT EXISTS screened_phone ON screened (phone, key)")

    def other_numbers(self) -> Iterator[tuple[str, str]]:
        """Number and other numbers, with blanks between, of each candidate with several."""
        return self._ask("SELECT phone, others FROM screened WHERE others <> ''")

    def needing_check(
        self, max_attempts: int, reattempt_wait: int | None
    ) -> Sequence[tuple[int, Candidate, EarlierCall | None, bool]]:
        """The candidates that may have to be excluded, in the order of the rows: those added as such, those
        that share a key or a number with another, those whose number an excluded row has or another row has
        as one of several, and those with a call (to the contact or the number) that was sent, possibly sent,
        or refused. Each with the newest call for this contact, and whether it shares its key or number. Can
        be called once.

        The attempts are those of all calls of the plan.
        """
        self._flush()
        self._do("CREATE INDEX screened_key ON screened (key)")
        self._index_phones()
        for column in ("key", "phone"):
            self._do(
                f"INSERT OR REPLACE INTO needs_check SELECT number, TRUE FROM screened WHERE {column} IN "
                f"(SELECT {column} FROM screened GROUP BY {column} HAVING count(*) > 1)"
            )
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM screened "
            "WHERE phone IN (SELECT phone FROM exclusion WHERE phone <> '')"
        )
        if self._has_others:
            self._do(
                "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM screened "
                f"WHERE phone IN (SELECT phone FROM ({_OTHERS}))"
            )
        if self._remembers:
            self._join_history(max_attempts, reattempt_wait)
        self._do("CREATE TABLE to_check AS SELECT number, shares FROM needs_check ORDER BY number")
        return self._sequence(
            "to_check",
            f"SELECT to_check.number, {_CANDIDATE}, {_EARLIER}, shares "
            "FROM to_check JOIN screened ON screened.number = to_check.number "
            "LEFT JOIN earlier ON earlier.number = to_check.number "
            "WHERE to_check.rowid BETWEEN ? AND ? ORDER BY to_check.rowid",
            _needs_check,
        )

    def _join_history(self, *attempts: int | None) -> None:
        """Compares each candidate with its newest call, and finds those that calls make need a check."""
        # In the order of the candidates, so that later steps read both sequentially: the orders differ, and
        # a million rows do not fit into memory.
        self._do(
            f"INSERT INTO earlier SELECT screened.number, {_COMPARED} "
            "FROM known JOIN screened ON screened.key = known.key WHERE known.is_newest "
            "ORDER BY screened.number",
            *attempts,
        )
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM earlier "
            "WHERE availability IN ('taken', 'refused')"
        )
        # Of the newest call alone it cannot be seen that an earlier round was sent.
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT screened.number, FALSE FROM known "
            "JOIN screened ON screened.key = known.key "
            "WHERE NOT known.is_newest AND known.availability IN ('taken', 'refused')"
        )
        # In the order of the numbers, from two indexes that hold all of it.
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT screened.number, FALSE "
            "FROM known INDEXED BY known_phone CROSS JOIN screened INDEXED BY screened_phone "
            "ON screened.phone = known.phone WHERE screened.key <> known.key"
        )

    def candidates(self) -> Iterator[tuple[int, Candidate, EarlierCall | None, NextRound | None]]:
        """The candidates that were not excluded at the first call of this, in the order of precedence: by
        priority, then by row. Each with the newest call for this contact, unless that was sent, and with its
        round where that is not the first.
        """
        # Without a history, a million rows need no join.
        history = f", {_EARLIER}, {_FOLLOWING}" if self._remembers else ""
        for row in self._ranked(f"screened.number, {_CANDIDATE}{history}"):
            yield row[0], Candidate._make(row[_CANDIDATE_PART]), _earlier(row), _next_round(row[_LAST_PART])

    def _ranked(self, columns: str, which: str = "TRUE") -> Iterator[tuple[Any, ...]]:
        """Columns of the candidates in the order of precedence; `which` is a condition in SQL."""
        self._flush()
        # Without priorities, a million rows need no sort.
        precedence = "-screened.priority, " if self._ranks_differ else ""
        self._do(
            "CREATE TABLE IF NOT EXISTS candidate AS SELECT screened.number FROM screened "
            "LEFT JOIN exclusion ON exclusion.number = screened.number "
            f"WHERE exclusion.number IS NULL ORDER BY {precedence}screened.number"
        )
        history = (
            "LEFT JOIN earlier ON earlier.number = screened.number AND earlier.availability <> 'taken' "
            "LEFT JOIN following ON following.number = screened.number "
        )
        return self._ask(
            f"SELECT {columns} FROM candidate JOIN screened ON screened.number = candidate.number "
            f"{history if self._remembers else ''}WHERE {which} ORDER BY candidate.rowid"
        )

    def waiting_before(self) -> Iterator[tuple[WaitingBefore, NextRound | None]]:
        """The candidates whose newest call waits in the ledger, in the order of precedence, each with its
        round where that is not the first.
        """
        if self._remembers:
            for row in self._ranked(_WAITING, "earlier.availability = 'planned'"):
                yield WaitingBefore._make(row[:_WAITING_COLUMNS]), _next_round(row[_WAITING_COLUMNS:])

    def candidate(self, number: int) -> Candidate:
        """The candidate with this number."""
        query = f"SELECT {_CANDIDATE} FROM screened WHERE number = ?"
        return Candidate._make(next(self._read(query, number)))

    def excluded_now(self) -> Iterator[tuple[KnownCall, Exclusion | None]]:
        """The newest call of each contact that nothing is assigned to, where it is planned and not sent; with
        the exclusion of that contact.
        """
        if not self._remembers:
            return
        self._flush()
        self._do("CREATE INDEX IF NOT EXISTS exclusion_key ON exclusion (key)")
        self._do(
            "INSERT OR IGNORE INTO still_planned "
            "SELECT earlier.id FROM assigned JOIN earlier USING (number) "
            "WHERE earlier.availability = 'planned' ORDER BY earlier.id"
        )
        for row in self._ask(
            f"SELECT {_KNOWN}, {_EXCLUSION} FROM known "
            "LEFT JOIN still_planned ON still_planned.known = known.id "
            "LEFT JOIN exclusion ON exclusion.number = (SELECT number FROM exclusion "
            f"WHERE key = known.key ORDER BY {_DUPLICATES_LAST}, number DESC LIMIT 1) "
            "WHERE known.availability = 'planned' AND known.is_newest AND still_planned.known IS NULL "
            "ORDER BY known.id"
        ):
            known, exclusion = KnownCall._make(row[:_KNOWN_COLUMNS]), row[_KNOWN_COLUMNS:]
            yield known, None if exclusion[0] is None else _exclusion(exclusion)

    def calls(self, max_attempts: int, reattempt_wait: int | None) -> Sequence[PlannedCall]:
        """What was assigned, in the order in which it starts, equal starts in the order of precedence. The
        attempts are the same for all.
        """
        self._flush()
        self._do(
            f"CREATE TABLE IF NOT EXISTS call AS SELECT number, {', '.join(Assignment._fields)} "
            "FROM assigned ORDER BY start_timestamp, rank"
        )
        return self._sequence(
            "call",
            f"SELECT {', '.join(map(_call_column, PlannedCall._fields))} FROM call "
            "JOIN screened ON screened.number = call.number "
            "WHERE call.rowid BETWEEN ? AND ? ORDER BY call.rowid",
            PlannedCall._make,
            (max_attempts, reattempt_wait),
        )

    def exclusions(self) -> Sequence[Exclusion]:
        """In the order of the rows."""
        self._flush()
        self._do(f"CREATE TABLE IF NOT EXISTS excluded AS SELECT {_EXCLUSION} FROM exclusion ORDER BY number")
        # For `left_out`, which is called for each call before it is sent.
        self._do("CREATE INDEX IF NOT EXISTS exclusion_key ON exclusion (key)")
        return self._sequence(
            "excluded", "SELECT * FROM excluded WHERE rowid BETWEEN ? AND ? ORDER BY rowid", _exclusion
        )

    def left_out(self, key: str, phone: str) -> str | None:
        """Why the plan has no call for this contact at this number. None if it has one, or one was queued or
        refused earlier, which an operator may have planned again since.
        """
        held = self._ask(
            "SELECT 1 FROM screened LEFT JOIN assigned USING (number) LEFT JOIN exclusion USING (number) "
            "WHERE screened.key = ? AND screened.phone = ? "
            "AND (assigned.number IS NOT NULL OR exclusion.reason IN (?, ?)) LIMIT 1",
            key,
            phone,
            *_HAS_A_CALL,
        )
        if any(held):
            return None
        for reason, detail in self._ask(
            "SELECT reason, detail FROM exclusion WHERE key = ? AND reason NOT IN (?, ?) "
            f"ORDER BY {_DUPLICATES_LAST}, number DESC LIMIT 1",
            key,
            *_HAS_A_CALL,
        ):
            return f"{reason}: {detail}"
        known = any(self._ask("SELECT 1 FROM screened WHERE key = ? LIMIT 1", key))
        return "the contact has another number now" if known else GONE

    # --- database

    def _do(self, statement: str, *values: object) -> None:
        with _storage_errors():
            self._database.execute(statement, values)

    def _ask(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        self._flush()
        return self._read(query, *values)

    def _read(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Does not flush pending rows first: `known` has none, and it is read while rows are added."""
        with _storage_errors():
            cursor = self._database.execute(query, values)
            cursor.arraysize = _ROWS_AT_ONCE
            while rows := cursor.fetchmany():
                yield from rows

    def _sequence(
        self, table: str, query: str, make: Callable[[tuple[Any, ...]], _T], values: tuple[object, ...] = ()
    ) -> LazySequence[_T]:
        """The rows of a table. `query` takes these values, and the first and the last rowid."""
        ((count,),) = self._ask(f"SELECT count(*) FROM {table}")
        return LazySequence(count, partial(self._between, query, make, values))

    def _between(
        self,
        query: str,
        make: Callable[[tuple[Any, ...]], _T],
        values: tuple[object, ...],
        first: int,
        last: int,
    ) -> Iterator[_T]:
        return map(make, self._ask(query, *values, first + 1, last))

    def _add(self, table: str, row: tuple[object, ...]) -> None:
        """Adds a row, in batches."""
        rows = self._pending[table]
        rows.append(row)
        if len(rows) >= _ROWS_AT_ONCE:
            self._write(table, rows)

    def _flush(self) -> None:
        for table, rows in self._pending.items():
            if rows:
                self._write(table, rows)

    def _write(self, table: str, rows: list[tuple[object, ...]]) -> None:
        with _storage_errors():
            self._database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        rows.clear()


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turns SQLite's errors, such as a full disk, into a message with a hint."""
    try:
        yield
    except sqlite3.Error as error:
        raise RunnerError(
            f"cannot make the plan: its temporary file failed ({error}); nothing was changed",
            hint="free disk space for temporary files, or set TMPDIR to a folder with more space",
        ) from None


def _call_column(name: str) -> str:
    """The column with this field of a planned call."""
    if name in _SAME_FOR_ALL:
        return "?"
    name = _ASSIGNED.get(name, name)
    return f"call.{name}" if name in Assignment._fields else f"screened.{name}"


def _needs_check(row: tuple[Any, ...]) -> tuple[int, Candidate, EarlierCall | None, bool]:
    return row[0], Candidate._make(row[_CANDIDATE_PART]), _earlier(row), row[-1]


def _earlier(row: tuple[Any, ...]) -> EarlierCall | None:
    call = row[_EARLIER_PART]
    return EarlierCall._make(call) if call and call[0] is not None else None


def _next_round(following: tuple[Any, ...]) -> NextRound | None:
    if not following or following[0] is None:
        return None
    round_, not_before, tried_at = following
    return NextRound(round_, not_before, tuple(map(int, tried_at.split())))


def _exclusion(row: Sequence[Any]) -> Exclusion:
    key, reason, source, line, detail, template, cause, phone, others = row
    return Exclusion(
        key=key,
        reason=Reason(reason),
        source=source,
        line=line,
        detail=detail,
        template=tuple(json.loads(template)) if template else (),
        cause=Cause(cause),
        phone=phone,
        others=others,
    )
