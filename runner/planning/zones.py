"""In which time zones a contact may be: a set, because a number alone often leaves several.

Of 455 North American area codes 36 lie in more than one zone, and a toll-free number in some 40. A postal
code and a state narrow the set. A call is allowed only when it is inside the window in every zone of the set,
so nothing is ever guessed. Pure.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple, NoReturn

from runner.campaign import timezones
from runner.campaign.model import CONTACT
from runner.campaign.timezones import usual_zone, zone, zone_hint
from runner.contacts.contact import Contact
from runner.contacts.phone import may_be_anywhere, zones_of
from runner.contacts.places import read_postal_code, read_state
from runner.errors import RunnerError

_FIRST_WEEK = datetime(2027, 1, 1)  # noqa: DTZ001 - local time
_WEEKS = 20 * 52
"""Zones whose offsets are equal in these weeks have the same clock."""


class ZoneOrigin(StrEnum):
    """What says in which zones a contact may be. The values are keys of `contacts`."""

    TIMEZONE = "timezone"
    POSTAL_CODE = "postal_code"
    STATE = "state"
    NUMBER = "phone"
    DEFAULT = "unknown_timezone"


class Evidence(NamedTuple):
    """What one value of a contact says about its zones. There is at least one."""

    origin: ZoneOrigin
    zones: tuple[str, ...]


class UnknownTimezoneError(RunnerError):
    """The time zone of the contact is unknown. The message becomes the detail of an exclusion."""


def zones_for(contact: Contact, calendar_zone: str, default: str | None = None) -> tuple[str, ...]:
    """The zones in which the campaign's hours hold for this contact: IANA names, sorted.

    `calendar_zone` is `calling_windows.timezone`: if it is not `contact`, it counts alone. `default` counts
    where nothing says where the contact is. Raises UnknownTimezoneError.
    """
    if calendar_zone != CONTACT:
        return (calendar_zone,)
    if contact.timezone or contact.postal_code or contact.state or default:
        return combined(tuple(each.zones for each in evidence(contact, default)))
    return zones_of(contact.phone) or _unknown_zone()


def own_zones(contact: Contact, default: str | None = None) -> tuple[str, ...]:
    """The contact's own zones, even if the campaign has one zone for all; empty if unknown."""
    try:
        return zones_for(contact, CONTACT, default)
    except UnknownTimezoneError:
        return ()


def evidence(contact: Contact, default: str | None) -> tuple[Evidence, ...]:
    """What the values of a contact say about its zones, the most exact first. The zone that the row declares
    counts alone. Raises UnknownTimezoneError.
    """
    declared = contact.timezone.strip()
    if declared:
        if declared not in timezones.names():
            raise UnknownTimezoneError(_unknown(declared))
        return (Evidence(ZoneOrigin.TIMEZONE, (declared,)),)
    found = [
        Evidence(origin, place.zones)
        for origin, place in (
            (ZoneOrigin.POSTAL_CODE, read_postal_code(contact.postal_code)),
            (ZoneOrigin.STATE, read_state(contact.state)),
        )
        if place is not None
    ]
    of_number = zones_of(contact.phone)
    if of_number and not (may_be_anywhere(contact.phone) and (found or default)):
        found.append(Evidence(ZoneOrigin.NUMBER, of_number))
    if not found and default:
        found.append(Evidence(ZoneOrigin.DEFAULT, (default,)))
    return tuple(found) or _unknown_zone()


@lru_cache(maxsize=4096)
def combined(found: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The zones that all of these sets share, else those of all: somebody who moved may have kept a number,
    and may be in either place. Zones with the same clock count as one, by its name in the first set.
    """
    if len(found) == 1:
        return tuple(sorted(found[0]))
    names = {_clock(name): name for zones in reversed(found) for name in zones}
    shared = _shared_clocks(found)
    return tuple(sorted(name for clock, name in names.items() if clock in shared or not shared))


def agree(found: tuple[tuple[str, ...], ...]) -> bool:
    """Whether all of these sets share a zone."""
    return bool(_shared_clocks(found))


def unread_places(contact: Contact) -> tuple[str, ...]:
    """The keys of `contacts` whose value for this contact is not a place that is known."""
    found = []
    if contact.postal_code and read_postal_code(contact.postal_code) is None:
        found.append(ZoneOrigin.POSTAL_CODE.value)
    if contact.state and read_state(contact.state) is None:
        found.append(ZoneOrigin.STATE.value)
    return tuple(found)


def westernmost(instant: int, zones: tuple[str, ...]) -> datetime:
    """The earliest local time of the zones: a contact who may be in several counts there."""
    return min(
        (datetime.fromtimestamp(instant, zone(name)) for name in zones),
        key=lambda local: local.replace(tzinfo=None),
    )


@cache
def _clock(name: str) -> tuple[timedelta | None, ...]:
    """What decides whether two zones have the same time: their offsets over many weeks."""
    offset = zone(name).utcoffset
    return tuple(offset(_FIRST_WEEK + timedelta(weeks=week)) for week in range(_WEEKS))


def _shared_clocks(found: tuple[tuple[str, ...], ...]) -> set[tuple[timedelta | None, ...]]:
    return set.intersection(*({_clock(name) for name in zones} for zones in found))


def _unknown_zone() -> NoReturn:
    raise UnknownTimezoneError(
        "the time zone of the number is unknown; set contacts.timezone or contacts.unknown_timezone"
    )


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
