"""Compares what the server accepted with what the ledger says: nobody twice, nobody lost, all explained."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import NullPool, create_engine, text

NEEDS_A_REASON = {"uncertain", "refused", "skipped", "abandoned"}
ACCEPTED_FOR_CERTAIN = {"queued", "completed", "failed", "canceled", "rejected"}
MAY_HAVE_BEEN_ACCEPTED = ACCEPTED_FOR_CERTAIN | {"uncertain", "abandoned"}


@dataclass(frozen=True, kw_only=True)
class Hours:
    """The windows that the campaign declares, and the zone of each number, found without runner's help."""

    windows: Sequence[tuple[time, time]]
    zone_of: Mapping[str, str]

    def contain(self, phone: str, start: int, end: int) -> bool:
        name = next((zone for prefix, zone in self.zone_of.items() if phone.startswith(prefix)), None)
        if name is None:
            return False
        opens, closes = (datetime.fromtimestamp(at, ZoneInfo(name)) for at in (start, end))
        return opens.date() == closes.date() and any(
            first <= opens.time() < closes.time() <= last for first, last in self.windows
        )


@dataclass(frozen=True, kw_only=True)
class Records:
    """What the ledger holds: the calls, the attempts at them, and where the last transition of each led."""

    calls: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    last_transition: Mapping[int, str]

    def attempts_at(self, call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [attempt for attempt in self.attempts if attempt["call"] == call["id"]]


@dataclass(kw_only=True)
class Reconciliation:
    accepted: int = 0
    twice: int = 0
    states: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert not self.twice, f"{self.twice} numbers were accepted twice"
        assert not self.unexplained, "\n".join(self.unexplained)


def read_books(ledger_url: str) -> Records:
    """As another process sees the ledger: only what is committed."""
    engine = create_engine(ledger_url, poolclass=NullPool)
    with engine.connect() as connection:
        calls = [dict(row) for row in connection.execute(text("SELECT * FROM calls ORDER BY id")).mappings()]
        attempts = [dict(row) for row in connection.execute(text("SELECT * FROM attempts")).mappings()]
        moves = connection.execute(text('SELECT "call", "after" FROM transitions ORDER BY id')).all()
    last_transition = dict((call, after) for call, after in moves)  # noqa: C402 - rows are no tuples to mypy
    return Records(calls=calls, attempts=attempts, last_transition=last_transition)


def reconcile(
    accepted: Sequence[Mapping[str, Any]], books: Records, hours: Hours, *, people: int
) -> Reconciliation:
    """Everything that is wrong, in words; an empty list when each call is where it should be."""
    answers = {(_number(call), str(call["call_id"])): call for call in accepted}
    numbers = Counter(_number(call) for call in accepted)
    found = Reconciliation(
        accepted=len(accepted),
        twice=sum(1 for times in numbers.values() if times > 1),
        states=Counter(call["state"] for call in books.calls),
    )
    found.unexplained += _contacts(books, people)
    for call in books.calls:
        found.unexplained += _call(call, numbers, books.last_transition)
        found.unexplained += _answer(call, answers)
        found.unexplained += _attempts(call, books.attempts_at(call), numbers)
    known = {call["phone"] for call in books.calls}
    found.unexplained += [
        f"{number}: accepted, and not in the ledger" for number in numbers if number not in known
    ]
    found.unexplained += [
        f"{_number(call)}: accepted for a time outside its windows"
        for call in accepted
        if not hours.contain(_number(call), int(call["start_timestamp"]), int(call["end_timestamp"]))
    ]
    return found


def _number(call: Mapping[str, Any]) -> str:
    return str(call["phone_number"]).removeprefix("tel:").partition(";")[0]


def _contacts(books: Records, people: int) -> Iterator[str]:
    contacts = Counter(call["contact"] for call in books.calls)
    if len(contacts) != people:
        yield f"{people} contacts were declared, {len(contacts)} are in the ledger"
    for contact, rows in contacts.items():
        if rows > 1:
            yield f"{contact}: has {rows} calls"


def _call(
    call: Mapping[str, Any],
    numbers: Mapping[str, int],
    last_transition: Mapping[int, str],
) -> Iterator[str]:
    who, state = call["contact"], call["state"]
    if state in {"planned", "sending"}:
        yield f"{who}: is still {state}"
    if state in NEEDS_A_REASON and not call["reason"]:
        yield f"{who}: is {state} without a reason"
    if call["phone"] in numbers and state not in MAY_HAVE_BEEN_ACCEPTED:
        yield f"{who}: was accepted, but the ledger says {state}"
    if last_transition.get(call["id"]) != state:
        yield f"{who}: is {state}, but its last transition led to {last_transition.get(call['id'])}"


def _answer(call: Mapping[str, Any], answers: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[str]:
    """Each call_id is the one that the server gave for that number, and for those times."""
    if call["state"] not in ACCEPTED_FOR_CERTAIN and call["call_id"] is None:
        return
    given = answers.get((call["phone"], str(call["call_id"])))
    if given is None:
        yield f"{call['contact']}: is {call['state']} as {call['call_id']}, which the server did not give"
    elif any(int(given[bound]) != call[bound] for bound in ("start_timestamp", "end_timestamp")):
        yield f"{call['contact']}: was accepted for other times than the ledger says"


def _attempts(
    call: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], numbers: Mapping[str, int]
) -> Iterator[str]:
    """Nothing leaves without an intent, and each intent has its end."""
    if len(attempts) < numbers.get(call["phone"], 0):
        yield f"{call['contact']}: was accepted without an intent in the ledger"
    if any(attempt["finished_at"] is None or attempt["outcome"] is None for attempt in attempts):
        yield f"{call['contact']}: has an attempt without an end"
