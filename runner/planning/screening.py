"""Computes what depends on one row alone: contact, time zones, own dates and rendered request. Pure.

Screening needs no other rows, suppression lists or ledger, so rows can be screened in parallel and in any
order. The planner combines the results.
"""

from collections.abc import Iterable, Iterator

from runner.calls import Reason
from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.contact_builder import build_contacts
from runner.contacts.identity import Identity
from runner.planning import contact_dates
from runner.planning.candidate import Candidate, fault_of, join_zones
from runner.planning.request import RequestTemplates, UnfitError
from runner.planning.zones import CONTACT, UnknownTimezoneError, own_zones, zones_for


class Screening:
    """The campaign's compiled templates and rules, for any number of rows."""

    def __init__(self, campaign: Campaign, identity: Identity) -> None:
        self._campaign = campaign
        self._calendar_zone = campaign.calling_windows.timezone
        self._identity = identity
        self._templates = RequestTemplates(campaign)

    def screen(self, rows: Iterable[tuple[Source, Row]]) -> Iterator[Candidate | Exclusion]:
        """One for each row, in their order."""
        for entry in build_contacts(self._campaign, rows):
            yield entry if isinstance(entry, Exclusion) else self._candidate(entry)

    def _candidate(self, contact: Contact) -> Candidate:
        zones: tuple[str, ...] = ()
        earliest = latest = None
        phone_number = metadata = result_url = fault = ""
        try:
            zones = zones_for(contact, self._calendar_zone).names
            earliest, latest = _own_dates(contact, zones)
            phone_number, metadata, result_url = self._templates.fill_in(contact)
        except UnknownTimezoneError as error:
            fault = fault_of(Reason.UNKNOWN_TIMEZONE, str(error), ())
        except UnfitError as error:
            fault = fault_of(Reason.TEMPLATE_ERROR, str(error), error.template)
        return Candidate(
            key=contact.key,
            phone=contact.phone,
            priority=contact.priority,
            source=contact.row.source,
            line=contact.row.line,
            zones=join_zones(zones),
            home="" if self._calendar_zone == CONTACT else join_zones(own_zones(contact)),
            earliest=earliest,
            latest=latest,
            phone_number=phone_number,
            metadata=metadata,
            result_url=result_url,
            ref=self._identity.ref(contact.key),
            fault=fault,
        )


def _own_dates(contact: Contact, zones: tuple[str, ...]) -> tuple[int | None, int | None]:
    if not contact.not_before and not contact.not_after:
        return None, None
    try:
        earliest = contact_dates.not_before(contact.not_before, zones)
    except contact_dates.WrongDateError as error:
        raise UnfitError(("contacts", "not_before"), f": {error}") from None
    try:
        return earliest, contact_dates.not_after(contact.not_after, zones)
    except contact_dates.WrongDateError as error:
        raise UnfitError(("contacts", "not_after"), f": {error}") from None
