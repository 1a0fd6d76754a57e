"""The planner's working set in a private temporary database.

SQLite keeps it in memory while it is small, and beyond that in an unnamed temporary file: readable only by
its owner and deleted when opened, so no personal data remain on disk, even after a crash.
"""
# ruff: noqa: S608 - queries are composed of names from this file; values are bound

import json
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from runner.calls import CallRequest, CallState, Cause, Metadata, Reason, metadata_json
from runner.contacts.contact import Exclusion
from runner.errors import RunnerError
from runner.planning.candidate import Assignment, Candidate, join_zones, split_zones
from runner.planning.plan import GONE, Availability, KnownCall, PlannedCall
from runner.planning.working_set import NeedsCheck

_T = TypeVar("_T")

_CACHE_KIB = 16_384
_ROWS_AT_ONCE = 1_000
"""Large enough to make the cost per batch small, small enough to take little memory."""

_TABLES = """
CREATE TABLE screened (
    number INTEGER PRIMARY KEY, key TEXT, phone TEXT, priority REAL, source TEXT, line INTEGER, zones TEXT,
    home TEXT, earliest INTEGER, latest INTEGER, phone_number TEXT, metadata TEXT, result_url TEXT, ref TEXT,
    fault TEXT
);
CREATE TABLE exclusion (
    number INTEGER PRIMARY KEY, key TEXT, reason TEXT, source TEXT, line INTEGER, detail TEXT, template TEXT,
    cause TEXT, phone TEXT
);
CREATE TABLE known (
    id INTEGER PRIMARY KEY, key TEXT, phone TEXT, round INTEGER, availability TEXT, zones TEXT, start INTEGER,
    "end" INTEGER, phone_number TEXT, max_attempts INTEGER, reattempt_wait INTEGER, metadata TEXT,
    result_url TEXT, state TEXT, is_newest INTEGER
);
CREATE TABLE earlier (
    number INTEGER PRIMARY KEY, known INTEGER, key TEXT, phone TEXT, round INTEGER, availability TEXT,
    zones TEXT, start INTEGER, "end" INTEGER, phone_number TEXT, max_attempts INTEGER, reattempt_wait INTEGER,
    metadata TEXT, result_url TEXT, state TEXT
);
CREATE TABLE needs_check (number INTEGER PRIMARY KEY, shares INTEGER);
CREATE TABLE still_planned (known INTEGER PRIMARY KEY);
CREATE TABLE assigned (
    number INTEGER PRIMARY KEY, rank INTEGER, queue_at INTEGER, start INTEGER, "end" INTEGER, change TEXT,
    reason TEXT, fields TEXT, start_before INTEGER
);
"""
_CANDIDATE_COLUMNS = len(Candidate._fields)
_KNOWN_COLUMNS = 13
_CANDIDATE = ", ".join(f"screened.{name}" for name in Candidate._fields)
_CALL = (
    'screened.key, screened.ref, ?, screened.phone, call.queue_at, call.start, call."end", '
    "screened.earliest, screened.latest, screened.zones, screened.phone_number, ?, ?, screened.metadata, "
    "screened.result_url, call.change, call.reason, call.fields, call.start_before, screened.source, "
    "screened.line"
)
"""As PlannedCall has them; the round and the attempts are the same for all."""
_KNOWN = (
    '{0}.key, {0}.phone, {0}.round, {0}.availability, {0}.zones, {0}.start, {0}."end", {0}.phone_number, '
    "{0}.max_attempts, {0}.reattempt_wait, {0}.metadata, {0}.result_url, {0}.state"
)
_EXCLUSION = ", ".join(
    f"exclusion.{name}"
    for name in ("key", "reason", "source", "line", "detail", "template", "cause", "phone")
)
_DUPLICATES_LAST = "reason IN ('duplicate_key', 'duplicate_phone')"
"""For a contact with several rows, the exclusion of the first row says more than those of its duplicates."""
_HAS_A_CALL = (Reason.ALREADY_QUEUED.value, Reason.REFUSED.value)
"""Reasons of contacts that get no new call because they have one."""
_TAKEN = "taken.id = (SELECT max(id) FROM known WHERE phone = screened.phone AND availability = 'taken')"


class WorkingFile:
    """A WorkingSet in SQLite. It exists as long as something reads from it."""

    def __init__(self) -> None:
        # Values that read from it may be freed in any thread.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        # Its content ends with the process, so it needs no protection against crashes.
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._do(f"PRAGMA {setting}")
        self._database.executescript(_TABLES)
        self._do("BEGIN")
        self._candidates = self._writer("screened", 1 + len(Candidate._fields))
        self._exclusions = self._writer("exclusion", 9)
        self._needing_check = self._writer("needs_check", 2)
        self._assigned = self._writer("assigned", 2 + len(Assignment._fields))
        self._ranks = 0
        self._remembers = False
        self._ranks_differ = False

    # --- writes

    def remember(self, calls: Iterable[KnownCall]) -> None:
        known = self._writer("known", 15)
        for call in calls:
            self._remembers = True
            known.add((None, *_known_row(call), 1))
        known.flush()
        self._do("CREATE INDEX known_key ON known (key)")
        self._do("CREATE INDEX known_phone ON known (phone) WHERE availability = 'taken'")
        self._do(
            "UPDATE known SET is_newest = 0 "
            "WHERE key IN (SELECT key FROM known GROUP BY key HAVING count(*) > 1) "
            "AND id < (SELECT max(id) FROM known AS newest WHERE newest.key = known.key)"
        )

    def add_candidate(self, number: int, candidate: Candidate, *, needing_check: bool) -> None:
        self._candidates.add((number, *candidate))
        self._ranks_differ = self._ranks_differ or candidate.priority != 0
        if needing_check:
            self._needing_check.add((number, False))

    def exclude(self, number: int, exclusion: Exclusion) -> None:
        self._exclusions.add(
            (
                number,
                exclusion.key,
                exclusion.reason.value,
                exclusion.source,
                exclusion.line,
                exclusion.detail,
                json.dumps(exclusion.template) if exclusion.template else "",
                exclusion.cause.value,
                exclusion.phone,
            )
        )

    def assign(self, number: int, assignment: Assignment) -> None:
        self._assigned.add((number, self._ranks, *assignment))
        self._ranks += 1

    # --- reads

    def earlier(self, key: str) -> KnownCall | None:
        if not self._remembers:
            return None
        query = f"SELECT {_KNOWN.format('known')} FROM known WHERE key = ? ORDER BY id DESC LIMIT 1"
        return next(map(_known, self._read(query, key)), None)

    def remembered(self) -> Iterator[KnownCall]:
        """All remembered calls, in their order."""
        return map(_known, self._ask(f"SELECT {_KNOWN.format('known')} FROM known ORDER BY id"))

    def taken_starts(self) -> Iterator[int]:
        rows = self._ask("SELECT start FROM known WHERE availability = 'taken' AND is_newest")
        return (start for (start,) in rows)

    def shared_numbers(self) -> Iterator[tuple[str, str]]:
        self._flush()
        self._do("CREATE INDEX IF NOT EXISTS screened_phone ON screened (phone)")
        return self._ask(
            "SELECT key, phone FROM screened "
            "WHERE phone IN (SELECT phone FROM screened GROUP BY phone HAVING count(*) > 1) "
            "UNION ALL SELECT exclusion.key, exclusion.phone FROM exclusion "
            "LEFT JOIN screened AS same ON same.number = exclusion.number "
            "WHERE same.number IS NULL AND exclusion.key <> '' "
            "AND exclusion.phone IN (SELECT phone FROM screened) "
            # Who was on the list of contacts earlier is known to the ledger alone.
            "UNION ALL SELECT known.key, known.phone FROM known "
            "JOIN screened ON screened.phone = known.phone WHERE screened.key <> known.key"
        )

    def needing_check(self) -> Sequence[NeedsCheck]:
        self._flush()
        for column in ("key", "phone"):
            self._do(f"CREATE INDEX IF NOT EXISTS screened_{column} ON screened ({column})")
            self._do(
                f"INSERT OR REPLACE INTO needs_check SELECT number, TRUE FROM screened WHERE {column} IN "
                f"(SELECT {column} FROM screened GROUP BY {column} HAVING count(*) > 1)"
            )
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM screened "
            "WHERE phone IN (SELECT phone FROM exclusion WHERE phone <> '')"
        )
        if self._remembers:
            self._join_history()
        self._do("CREATE TABLE to_check AS SELECT number, shares FROM needs_check ORDER BY number")
        return _Rows(
            self._ask,
            "to_check",
            f"SELECT to_check.number, shares, {_CANDIDATE}, {_KNOWN.format('earlier')}, "
            f"{_KNOWN.format('taken')} FROM to_check JOIN screened ON screened.number = to_check.number "
            "LEFT JOIN earlier ON earlier.number = to_check.number "
            f"LEFT JOIN known AS taken ON {_TAKEN} "
            "WHERE to_check.rowid BETWEEN ? AND ? ORDER BY to_check.rowid",
            _needs_check,
        )

    def _join_history(self) -> None:
        """Finds the newest call of each candidate, and the candidates that need a check because of calls."""
        # In the order of the candidates, so that later steps read both sequentially: the orders differ, and
        # a million rows do not fit into memory.
        self._do(
            f"INSERT INTO earlier SELECT screened.number, known.id, {_KNOWN.format('known')} "
            "FROM known JOIN screened ON screened.key = known.key WHERE known.is_newest "
            "ORDER BY screened.number"
        )
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT number, FALSE FROM earlier "
            "WHERE availability IN ('taken', 'refused')"
        )
        self._do(
            "INSERT OR IGNORE INTO needs_check SELECT screened.number, FALSE FROM known "
            "JOIN screened ON screened.phone = known.phone "
            "WHERE known.availability = 'taken' OR known.key <> screened.key"
        )

    def candidates(self) -> Iterator[tuple[int, Candidate, KnownCall | None]]:
        self._flush()
        # Without priorities, a million rows need no sort.
        precedence = "-screened.priority, " if self._ranks_differ else ""
        self._do(
            "CREATE TABLE IF NOT EXISTS candidate AS SELECT screened.number FROM screened "
            "LEFT JOIN exclusion ON exclusion.number = screened.number "
            f"WHERE exclusion.number IS NULL ORDER BY {precedence}screened.number"
        )
        if not self._remembers:
            for number, *candidate in self._ask(
                f"SELECT screened.number, {_CANDIDATE} FROM candidate "
                "JOIN screened ON screened.number = candidate.number ORDER BY candidate.rowid"
            ):
                yield number, Candidate._make(candidate), None
            return
        for number, *row in self._ask(
            f"SELECT screened.number, {_CANDIDATE}, {_KNOWN.format('earlier')} FROM candidate "
            "JOIN screened ON screened.number = candidate.number "
            "LEFT JOIN earlier ON earlier.number = screened.number ORDER BY candidate.rowid"
        ):
            yield number, Candidate._make(row[:_CANDIDATE_COLUMNS]), _known_if_any(row[_CANDIDATE_COLUMNS:])

    def with_history(self) -> Iterator[tuple[Candidate, KnownCall]]:
        if self._remembers:
            for _, candidate, earlier in self.candidates():
                if earlier is not None:
                    yield candidate, earlier

    def excluded_now(self) -> Iterator[tuple[KnownCall, Exclusion | None]]:
        if not self._remembers:
            return
        self._flush()
        self._do("CREATE INDEX IF NOT EXISTS exclusion_key ON exclusion (key)")
        self._do(
            "INSERT OR IGNORE INTO still_planned "
            "SELECT earlier.known FROM assigned JOIN earlier USING (number) ORDER BY earlier.known"
        )
        for row in self._ask(
            f"SELECT {_KNOWN.format('known')}, {_EXCLUSION} FROM known "
            "LEFT JOIN still_planned ON still_planned.known = known.id "
            "LEFT JOIN exclusion ON exclusion.number = (SELECT number FROM exclusion "
            f"WHERE key = known.key ORDER BY {_DUPLICATES_LAST}, number DESC LIMIT 1) "
            "WHERE known.availability = 'planned' AND known.is_newest AND still_planned.known IS NULL "
            "ORDER BY known.id"
        ):
            yield _known(row[:13]), None if row[13] is None else _exclusion(row[13:])

    def calls(self, round_: int, max_attempts: int, reattempt_wait: int | None) -> Sequence[PlannedCall]:
        self._flush()
        self._do(
            "CREATE TABLE IF NOT EXISTS call AS "
            'SELECT number, queue_at, start, "end", change, reason, fields, start_before FROM assigned '
            "ORDER BY start, rank"
        )
        return _Rows(
            self._ask,
            "call",
            f"SELECT {_CALL} FROM call JOIN screened ON screened.number = call.number "
            "WHERE call.rowid BETWEEN ? AND ? ORDER BY call.rowid",
            PlannedCall._make,
            (round_, max_attempts, reattempt_wait),
        )

    def exclusions(self) -> Sequence[Exclusion]:
        self._flush()
        self._do(f"CREATE TABLE IF NOT EXISTS excluded AS SELECT {_EXCLUSION} FROM exclusion ORDER BY number")
        # For `left_out`, which is called for each call before it is sent.
        self._do("CREATE INDEX IF NOT EXISTS exclusion_key ON exclusion (key)")
        return _Rows(
            self._ask,
            "excluded",
            "SELECT * FROM excluded WHERE rowid BETWEEN ? AND ? ORDER BY rowid",
            _exclusion,
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
        excluded = self._ask(
            f"SELECT {_EXCLUSION} FROM exclusion WHERE key = ? AND reason NOT IN (?, ?) "
            f"ORDER BY {_DUPLICATES_LAST}, number DESC LIMIT 1",
            key,
            *_HAS_A_CALL,
        )
        for exclusion in map(_exclusion, excluded):
            return f"{exclusion.reason}: {exclusion.detail}"
        known = any(self._ask("SELECT 1 FROM screened WHERE key = ? LIMIT 1", key))
        return "the contact has another number now" if known else GONE

    # --- database

    def _do(self, statement: str) -> None:
        with _storage_errors():
            self._database.execute(statement)

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

    def _writer(self, table: str, columns: int) -> "_Writer":
        return _Writer(self._database, f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})")

    def _flush(self) -> None:
        for writer in (self._candidates, self._exclusions, self._needing_check, self._assigned):
            writer.flush()


class _Writer:
    """Writes rows in batches."""

    def __init__(self, database: sqlite3.Connection, statement: str) -> None:
        self._database = database
        self._statement = statement
        self._rows: list[tuple[object, ...]] = []

    def add(self, row: tuple[object, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            with _storage_errors():
                self._database.executemany(self._statement, self._rows)
            self._rows.clear()


class _Rows(Sequence[_T]):
    """The rows of a table, numbered from 1, as values.

    `query` takes the values that all have in common, and the first and the last number.
    """

    def __init__(
        self,
        ask: Callable[..., Iterator[tuple[Any, ...]]],
        table: str,
        query: str,
        make: Callable[[tuple[Any, ...]], _T],
        in_common: tuple[object, ...] = (),
    ) -> None:
        self._ask = ask
        self._query = query
        self._make = make
        self._in_common = in_common
        (row,) = ask(f"SELECT count(*) FROM {table}")
        self._count = int(row[0])

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[_T]:
        return self._between(1, self._count)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | Sequence[_T]:
        if isinstance(index, slice):
            selected = range(*index.indices(self._count))
            if selected.step == 1:
                return tuple(self._between(selected.start + 1, selected.stop))
            return tuple(self[number] for number in selected)
        number = range(self._count)[index]
        (value,) = self._between(number + 1, number + 1)
        return value

    def _between(self, first: int, last: int) -> Iterator[_T]:
        return map(self._make, self._ask(self._query, *self._in_common, first, last))


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


def _needs_check(row: tuple[Any, ...]) -> NeedsCheck:
    number, shares, *rest = row
    candidate, earlier, taken = (
        rest[:_CANDIDATE_COLUMNS],
        rest[_CANDIDATE_COLUMNS:-_KNOWN_COLUMNS],
        rest[-_KNOWN_COLUMNS:],
    )
    return NeedsCheck(
        number, Candidate(*candidate), bool(shares), _known_if_any(earlier), _known_if_any(taken)
    )


def _known_row(call: KnownCall) -> tuple[object, ...]:
    request = call.request
    return (
        call.key,
        call.phone,
        call.round,
        call.availability.value,
        join_zones(call.timezones),
        call.start_timestamp,
        call.end_timestamp,
        request.phone_number,
        request.max_attempts,
        request.reattempt_wait,
        metadata_json(request.metadata),
        request.result_url,
        call.state.value,
    )


def _known_if_any(row: Sequence[Any]) -> KnownCall | None:
    return _known(row) if row and row[0] is not None else None


def _known(row: Sequence[Any]) -> KnownCall:
    key, phone, round_, availability, zones, start, end, dial, attempts, wait, metadata, url, state = row
    return KnownCall(
        key=key,
        phone=phone,
        round=round_,
        availability=Availability(availability),
        timezones=split_zones(zones),
        start_timestamp=start,
        end_timestamp=end,
        request=CallRequest(
            phone_number=dial,
            max_attempts=attempts,
            reattempt_wait=wait,
            metadata=Metadata(metadata),
            result_url=url,
        ),
        state=CallState(state),
    )


def _exclusion(row: Sequence[Any]) -> Exclusion:
    key, reason, source, line, detail, template, cause, phone = row
    return Exclusion(
        key=key,
        reason=Reason(reason),
        source=source,
        line=line,
        detail=detail,
        template=tuple(json.loads(template)) if template else (),
        cause=Cause(cause),
        phone=phone,
    )
