"""In which time zones a contact may be: a set, because a number alone often leaves several.

Of 455 North American area codes 36 lie in more than one zone, and a toll-free number in some 40. A call is
allowed only when it is inside the window in every zone of the set, so nothing is ever guessed. Pure.
"""

import re
from datetime import datetime
from functools import cache, lru_cache

from runner.campaign import timezones
from runner.campaign.timezones import usual_zone, zone, zone_hint
from runner.contacts.contact import Contact
from runner.contacts.phone import zones_of
from runner.errors import RunnerError

CONTACT = "contact"
"""The value of `calling_windows.timezone` that means each contact's own zones."""


class UnknownTimezoneError(RunnerError):
    """The time zone of the contact is unknown. The message becomes the detail of an exclusion."""


def zones_for(contact: Contact, calendar_zone: str) -> tuple[str, ...]:
    """The zones in which the campaign's hours hold for this contact: IANA names, sorted.

    `calendar_zone` is `calling_windows.timezone`: if it is `contact`, the zone that the row declares counts,
    or without one those of the number. Raises UnknownTimezoneError.
    """
    if calendar_zone != CONTACT:
        return (calendar_zone,)
    declared = contact.timezone.strip()
    if not declared:
        return _of_number(contact.phone)
    if declared not in timezones.names():
        raise UnknownTimezoneError(_unknown(declared))
    return (declared,)


def own_zones(contact: Contact) -> tuple[str, ...]:
    """The contact's own zones, even if the campaign has one zone for all; empty if unknown."""
    try:
        return zones_for(contact, CONTACT)
    except UnknownTimezoneError:
        return ()


def westernmost(instant: int, zones: tuple[str, ...]) -> datetime:
    """The earliest local time of the zones: a contact who may be in several counts there."""
    return min(
        (datetime.fromtimestamp(instant, zone(name)) for name in zones),
        key=lambda local: local.replace(tzinfo=None),
    )


def _of_number(phone: str) -> tuple[str, ...]:
    found = zones_of(phone)
    if not found:
        raise UnknownTimezoneError("the time zone of the number is unknown; set contacts.timezone")
    return found


# A wrong name is often in many rows, and the search for a similar one takes milliseconds.
@lru_cache(maxsize=1024)
def _unknown(name: str) -> str:
    hint = zone_hint(name) if "/" in name or usual_zone(name) else ""
    suggestion = f"; {hint}" if hint else ""
    # Only text of the form Area/City is shown: with shifted columns it may be personal data.
    if re.fullmatch(r"[A-Za-z]{2,20}(/[A-Za-z0-9_+-]{1,30}){1,2}", name) and (
        hint or name.partition("/")[0].lower() in _areas()
    ):
        return f"{name} is not the IANA time zone of a place{suggestion}"
    return f"the row's timezone is not an IANA name{suggestion or ', such as America/Chicago'}"


@cache
def _areas() -> frozenset[str]:
    return frozenset(name.partition("/")[0].lower() for name in timezones.names() if "/" in name)
