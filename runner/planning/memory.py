"""What the ledger remembers, as the planner asks for it. Pure."""

from collections.abc import Iterable, Iterator

from runner.contacts.contact import Contact
from runner.planning.plan import History, KnownCall, Standing


class Memory:
    """The history of one campaign, by contact and by number."""

    def __init__(self, history: History) -> None:
        self._by_contact = {call.key: call for call in history.calls}
        self._taken_phones = {call.phone: call for call in history.calls if call.standing is Standing.TAKEN}

    def taken(self, contact: Contact) -> KnownCall | None:
        """The call that was, or may have been, queued for this contact or this number."""
        known = self._by_contact.get(contact.key)
        if known is not None and known.standing is Standing.TAKEN:
            return known
        return self._taken_phones.get(contact.phone)

    def refused(self, contact: Contact) -> KnownCall | None:
        return self._with_standing(contact.key, Standing.REFUSED)

    def planned(self, key: str) -> KnownCall | None:
        return self._with_standing(key, Standing.PLANNED)

    def earlier(self, key: str) -> KnownCall | None:
        """The last call for this contact, however it stands."""
        return self._by_contact.get(key)

    def waiting(self) -> Iterator[KnownCall]:
        """Every call that is planned and not sent."""
        return (call for call in self._by_contact.values() if call.standing is Standing.PLANNED)

    def sent_starts(self) -> Iterable[int]:
        """When the calls that were sent may start: they count against the pace."""
        return (call.start_timestamp for call in self._by_contact.values() if call.standing is Standing.TAKEN)

    def _with_standing(self, key: str, standing: Standing) -> KnownCall | None:
        known = self._by_contact.get(key)
        return known if known is not None and known.standing is standing else None
