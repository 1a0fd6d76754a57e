"""Rows of an export: what is known of each call or contact, with numbers and keys masked unless requested."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from runner.contacts.identity import may_tell_who_it_is
from runner.contacts.phone import mask
from runner.ledger.imports import ImportedContact
from runner.reports.definitions import disposition_words
from runner.reports.state_reasons import reason_text
from runner.results.cases import Case, CodedCall
from runner.results.dispositions import CompletesFrom

TIMES = frozenset({"queue_at", "start", "end", "first_dial", "last_attempt"})
"""Columns that hold UTC Unix seconds; `dials` holds several."""


class CallExport(NamedTuple):
    """One call. `aapor` is the code of its disposition, `group` the letters of AAPOR's formulas."""

    contact: str
    ref: str
    round: int
    state: str
    aapor: str
    call_id: str | None
    queue_at: int | None
    start: int | None
    end: int | None
    first_dial: int | None
    last_attempt: int | None
    attempts: int | None
    zone: str
    reason: str
    reason_code: str
    result: str | None
    disposition: str
    group: str
    survey: str | None
    """What the survey's saved report says: complete or partial."""
    dials: tuple[int, ...]
    """Every dial whose time is known. Where the result is `completed`, the last was answered."""
    phone: str


class ContactExport(NamedTuple):
    """One contact, with the final disposition that the outcome rates count."""

    contact: str
    ref: str
    rounds: int
    state: str
    aapor: str
    call_id: str | None
    """Of the call that decides the disposition, as `state`, `zone`, `reason`, `result` and `phone`."""
    first_dial: int | None
    last_attempt: int | None
    attempts: int
    attempts_until_answered: int | None
    zone: str
    reason: str
    reason_code: str
    result: str | None
    disposition: str
    group: str
    survey: str | None
    phone: str


class Exporter:
    def __init__(self, completes_from: CompletesFrom, *, show_contacts: bool) -> None:
        self._completes_from = completes_from
        self._show = show_contacts

    def calls(self, case: Case) -> Iterator[CallExport]:
        for coded in case.calls:
            yield self._call(coded)

    def contact(self, case: Case) -> ContactExport:
        deciding = self._call(case.deciding)
        dials = [dialled for coded in case.calls for dialled in coded.call.dials]
        return ContactExport(
            contact=deciding.contact,
            ref=deciding.ref,
            rounds=case.calls[-1].call.round,
            state=deciding.state,
            aapor=deciding.aapor,
            call_id=deciding.call_id,
            first_dial=min(dials, default=None),
            last_attempt=max(dials, default=None),
            attempts=case.attempts,
            attempts_until_answered=case.attempts_until_answered,
            zone=deciding.zone,
            reason=deciding.reason,
            reason_code=deciding.reason_code,
            result=deciding.result,
            disposition=deciding.disposition,
            group=deciding.group,
            survey=deciding.survey,
            phone=deciding.phone,
        )

    def imported_call(self, contact: ImportedContact) -> CallExport:
        """What another tool queued: in no round, and without a disposition."""
        return CallExport(
            **self._imported(contact),
            round=0,
            queue_at=contact.queued_at,
            start=contact.start,
            end=contact.end,
            attempts=None,
            dials=(),
        )

    def imported_contact(self, contact: ImportedContact) -> ContactExport:
        return ContactExport(**self._imported(contact), rounds=0, attempts=0, attempts_until_answered=None)

    def _imported(self, contact: ImportedContact) -> dict[str, Any]:
        shown = contact.phone if self._show or not contact.phone else mask(contact.phone)
        texts = dict.fromkeys(("aapor", "zone", "reason", "reason_code", "disposition", "group"), "")
        nothing = dict.fromkeys(("first_dial", "last_attempt", "result", "survey"))
        return {
            **texts,
            **nothing,
            "contact": self._name(contact.key, contact.ref),
            "ref": contact.ref,
            "state": "imported",
            "call_id": contact.call_id,
            "phone": shown,
        }

    def _name(self, key: str, ref: str) -> str:
        return ref if not self._show and may_tell_who_it_is(key) else key

    def _call(self, coded: CodedCall) -> CallExport:
        call, code = coded.call, coded.disposition
        return CallExport(
            contact=self._name(call.contact, call.ref),
            ref=call.ref,
            round=call.round,
            state=call.state.value,
            aapor=code.value,
            call_id=call.call_id,
            queue_at=call.queue_at,
            start=call.start,
            end=call.end,
            first_dial=call.dials[0] if call.dials else None,
            last_attempt=call.dials[-1] if call.dials else None,
            attempts=call.attempts,
            zone=" ".join(call.zones),
            reason=reason_text(call.reason),
            reason_code=call.reason.code.value,
            result=None if call.result is None else call.result.value,
            disposition=disposition_words(code, self._completes_from),
            group=code.group.value,
            survey=None if coded.answer is None else coded.answer.value,
            dials=call.dials,
            phone=call.phone if self._show else mask(call.phone),
        )
