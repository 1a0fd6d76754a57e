"""One call to a contact and one to a number: of rows that share either, the first that can be called wins.

Pure.
"""

from runner.calls import Reason
from runner.contacts.contact import Exclusion
from runner.planning.candidate import Candidate, exclusion_of


class Duplicates:
    """Asked about the candidates in the order of the rows: all that share a key or a number with another."""

    def __init__(self) -> None:
        self._first_by_key: dict[str, str] = {}
        self._first_by_phone: dict[str, str] = {}

    def check(self, candidate: Candidate) -> Exclusion | None:
        """Why it is left out: a row that was added has the same key or number. None where none has."""
        key, phone = candidate.key, candidate.phone
        first = self._first_by_key.get(key)
        # Where the key is the number, people look for the number.
        if first is not None and key != phone:
            return exclusion_of(candidate, Reason.DUPLICATE_KEY, f"the same contact as {first}")
        first = self._first_by_phone.get(phone)
        if first is not None:
            return exclusion_of(candidate, Reason.DUPLICATE_PHONE, f"the same number as {first}")
        return None

    def add(self, candidate: Candidate) -> None:
        """A row that keeps later ones out: it is called, or its call was sent."""
        row = f"{candidate.source}:{candidate.line}"
        self._first_by_key[candidate.key] = self._first_by_phone[candidate.phone] = row
