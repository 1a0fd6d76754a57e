"""Numbers that rows share: who opted out by key is not called for another row with the same number. Pure."""

from collections.abc import Iterable, Mapping

from runner.contacts.contact import Match


def numbers_of_listed_keys(match: Match, rows: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The numbers of those rows (key, number) whose key is listed, each with the reason for people."""
    found: dict[str, str] = {}
    for key, phone in rows:
        listed = match(key, "")
        if listed is not None:
            found.setdefault(phone, f"{listed}, with the key of another contact that has this number")
    return found
