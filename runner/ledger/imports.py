"""Contacts that another tool has queued already: entered once, and never called by this campaign."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Engine, insert, select

from runner.calls import CallState, ReasonCode, StateReason
from runner.contacts.identity import folded_key
from runner.ledger.operators import refuse_if_canceled
from runner.ledger.rows import reading
from runner.ledger.states import availability
from runner.ledger.tables import actions, calls, campaigns, imports
from runner.ledger.transitions import Transition, move_calls
from runner.planning.plan import Availability


class ImportedContact(NamedTuple):
    """One contact that another tool queued. Times are UTC Unix seconds; None for what is not known."""

    key: str
    """The number where no key is known."""
    ref: str
    phone: str
    """E.164; empty where only the key is known."""
    call_id: str | None
    queued_at: int | None
    start: int | None
    end: int | None


class Called(NamedTuple):
    """A contact that is not imported: this campaign has called it, or may have."""

    key: str
    ref: str
    state: CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    imported: int
    known: int
    """Contacts that were imported before, and were not changed."""
    called: Sequence[Called]
    withdrawn: int
    """Calls that were planned to contacts that are imported now."""


class ImportedContacts:
    """Finds imported contacts by their key, in any spelling, and by their number."""

    def __init__(self, found: Sequence[tuple[str, str]] = ()) -> None:
        """Of each contact its key and its number."""
        self._keys = {folded_key(key) for key, _ in found}
        self._phones = {phone for _, phone in found if phone}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def has(self, key: str, phone: str) -> bool:
        return bool(self._keys) and (phone in self._phones or folded_key(key) in self._keys)


def imported_contacts(engine: Engine, campaign: str) -> ImportedContacts:
    with reading(engine) as connection:
        return ImportedContacts(_names(connection, campaign))


def imported_rows(engine: Engine, campaign: str) -> Iterator[ImportedContact]:
    """In the order of the file that brought them."""
    query = select(
        imports.c.contact,
        imports.c.ref,
        imports.c.phone,
        imports.c.call_id,
        imports.c.queued_at,
        imports.c.start_timestamp,
        imports.c.end_timestamp,
    ).where(imports.c.campaign == campaign)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(imports.c.id)).all()
    return (ImportedContact(*row) for row in rows)


def enter_imports(
    engine: Engine, actor: str, campaign: str, contacts: Sequence[ImportedContact], source: str, now: float
) -> ImportSummary:
    """Enters those that are new, and withdraws the calls that are planned to them; all or none.

    Raises LedgerError when the campaign is canceled.
    """
    with engine.begin() as connection:
        # Runs claim and enter plans before or after this, not meanwhile.
        connection.execute(select(campaigns.c.name).where(campaigns.c.name == campaign).with_for_update())
        refuse_if_canceled(connection, campaign)
        earlier = ImportedContacts(_names(connection, campaign))
        unknown = [each for each in contacts if not earlier.has(each.key, each.phone)]
        called = _called(connection, campaign, unknown)
        taken = {contact for contact, _ in called}
        fresh = [each for each in unknown if each not in taken]
        if fresh:
            connection.execute(insert(imports), [_row(campaign, each, actor, now) for each in fresh])
            detail = f"{len(fresh):,} contact{'' if len(fresh) == 1 else 's'} of {source}"
            connection.execute(
                insert(actions).values(campaign=campaign, at=now, actor=actor, verb="import", detail=detail)
            )
        return ImportSummary(
            imported=len(fresh),
            known=len(contacts) - len(unknown),
            called=[each for _, each in called],
            withdrawn=_withdraw(connection, campaign, fresh, actor, now),
        )


def _names(connection: Connection, campaign: str) -> Sequence[tuple[str, str]]:
    query = select(imports.c.contact, imports.c.phone).where(imports.c.campaign == campaign)
    return [(row.contact, row.phone) for row in connection.execute(query)]


def _called(
    connection: Connection, campaign: str, contacts: Sequence[ImportedContact]
) -> list[tuple[ImportedContact, Called]]:
    """Those of the contacts with a call that Insight has or may have."""
    by_key = {folded_key(each.key): each for each in contacts}
    by_phone = {each.phone: each for each in contacts if each.phone}
    found: dict[ImportedContact, Called] = {}
    query = select(calls.c.contact, calls.c.ref, calls.c.phone, calls.c.state)
    for row in connection.execute(query.where(calls.c.campaign == campaign).order_by(calls.c.id)):
        state = CallState(row.state)
        contact = by_phone.get(row.phone) or by_key.get(folded_key(row.contact))
        if contact is not None and availability(state) is Availability.TAKEN:
            found[contact] = Called(row.contact, row.ref, state)
    return list(found.items())


def _withdraw(
    connection: Connection, campaign: str, fresh: Sequence[ImportedContact], actor: str, now: float
) -> int:
    """A running apply must not send what it has planned to them."""
    names = ImportedContacts([(each.key, each.phone) for each in fresh])
    unsent = select(calls.c.id, calls.c.run, calls.c.contact, calls.c.phone, calls.c.state).where(
        calls.c.campaign == campaign, calls.c.state.in_([CallState.PLANNED, CallState.REFUSED])
    )
    rows = connection.execute(unsent.with_for_update()).all()
    reason = StateReason.of(ReasonCode.IMPORTED, by=actor)
    return sum(
        move_calls(
            connection,
            [Transition(row.id, CallState(row.state), CallState.SKIPPED, reason)],
            run=row.run,
            at=now,
            actor=actor,
        )
        for row in rows
        if names.has(row.contact, row.phone)
    )


def _row(campaign: str, contact: ImportedContact, actor: str, now: float) -> dict[str, object]:
    return {
        "campaign": campaign,
        "contact": contact.key,
        "ref": contact.ref,
        "phone": contact.phone,
        "call_id": contact.call_id,
        "queued_at": contact.queued_at,
        "start_timestamp": contact.start,
        "end_timestamp": contact.end,
        "imported_at": now,
        "imported_by": actor,
    }
