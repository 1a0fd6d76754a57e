"""Computes what depends on one row alone: contact, time zones, own dates and rendered request. Pure.

Screening needs no other rows, suppression lists or ledger, so rows can be screened in parallel and in any
order. The planner combines the results.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from urllib.parse import urlsplit

from runner.calls import Reason
from runner.campaign.model import CONTACT, Campaign
from runner.campaign.source_models import Source
from runner.campaign.template_language import Constants
from runner.campaign.templates import Template, TemplateRenderError, compile_template
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.contact_builder import build_contacts
from runner.contacts.identity import Identity
from runner.contacts.phone import PhoneError, dial_string, is_abroad, parse_phone
from runner.contacts.places import possible_states
from runner.planning import contact_dates
from runner.planning.candidate import ABROAD, Candidate, fault_of, join_states, join_zones
from runner.planning.zones import UnknownTimezoneError, own_zones, unread_places, zones_for

# Most campaigns have one caller ID for all, some one for each of a few sites.
_parse_again = lru_cache(maxsize=256)(parse_phone)


class Screening:
    """The campaign's compiled templates and rules, for any number of rows. `by_state`: its rules depend on
    the contacts' states, and to find these out takes time in each row.
    """

    def __init__(self, campaign: Campaign, identity: Identity, *, by_state: bool = False) -> None:
        self._campaign = campaign
        self._calendar_zone = campaign.calling_windows.timezone
        self._default_zone = campaign.contacts.default_zone
        self._has_places = not (campaign.contacts.postal_code is None and campaign.contacts.state is None)
        self._by_state = by_state
        self._identity = identity
        self._templates = _RequestTemplates(campaign)

    def screen(self, rows: Iterable[tuple[Source, Row]]) -> Iterator[Candidate | Exclusion]:
        """One for each row, in their order."""
        for entry in build_contacts(self._campaign, rows):
            yield entry if isinstance(entry, Exclusion) else self._candidate(entry)

    def _candidate(self, contact: Contact) -> Candidate:
        zones: tuple[str, ...] = ()
        earliest = latest = None
        phone_number = metadata = result_url = fault = ""
        try:
            zones = zones_for(contact, self._calendar_zone, self._default_zone)
            earliest, latest = _own_dates(contact, zones)
            phone_number, metadata, result_url = self._templates.fill_in(contact)
        except UnknownTimezoneError as error:
            fault = fault_of(Reason.UNKNOWN_TIMEZONE, str(error), ())
        except _UnfitError as error:
            fault = fault_of(Reason.TEMPLATE_ERROR, str(error), error.template)
        return Candidate(
            key=contact.key,
            phone=contact.phone,
            others=" ".join(contact.others),
            priority=contact.priority,
            source=contact.row.source,
            line=contact.row.line,
            zones=join_zones(zones),
            home=home_of(contact, self._campaign),
            states=states_of(contact) if self._has_places or self._by_state else "",
            unread=" ".join(unread_places(contact)) if self._has_places else "",
            earliest=earliest,
            latest=latest,
            phone_number=phone_number,
            metadata=metadata,
            result_url=result_url,
            ref=self._identity.ref(contact.key),
            fault=fault,
        )


def home_of(contact: Contact, campaign: Campaign) -> str:
    """Its own zones as in a candidate: empty if they are the campaign's."""
    if campaign.calling_windows.timezone == CONTACT:
        return ""
    return join_zones(own_zones(contact, campaign.contacts.default_zone))


def states_of(contact: Contact) -> str:
    """Its states as in a candidate."""
    found = possible_states(contact.phone, contact.postal_code, contact.state)
    if not found and is_abroad(contact.phone):
        return ABROAD
    return join_states(found)


def _own_dates(contact: Contact, zones: tuple[str, ...]) -> tuple[int | None, int | None]:
    if not contact.not_before and not contact.not_after:
        return None, None
    try:
        earliest = contact_dates.not_before(contact.not_before, zones)
    except contact_dates.WrongDateError as error:
        raise _UnfitError(("contacts", "not_before"), f": {error}") from None
    try:
        return earliest, contact_dates.not_after(contact.not_after, zones)
    except contact_dates.WrongDateError as error:
        raise _UnfitError(("contacts", "not_after"), f": {error}") from None


class _UnfitError(Exception):
    """The request cannot be rendered. The message names the field and holds no data of the row.

    `template` is the path of that field in the campaign file.
    """

    def __init__(self, template: tuple[str, ...], message: str) -> None:
        super().__init__(f"{'.'.join(template)}{message}")
        self.template = template


class _RequestTemplates:
    """The campaign's templates, compiled once for all contacts."""

    def __init__(self, campaign: Campaign) -> None:
        self._region = campaign.contacts.common_region
        self._constants = Constants(campaign.vars)
        self._caller_id = _compile(campaign.caller_id)
        self._post_dial = _compile(campaign.post_dial)
        self._result_url = _compile(campaign.result_url)
        self._metadata = [
            (("metadata", name), encode_basestring_ascii(name), compile_template(source))
            for name, source in campaign.metadata.items()
        ]

    def fill_in(self, contact: Contact) -> tuple[str, str, str]:
        """The dial string, the metadata as a JSON object, and where results go.

        Raises _UnfitError if a template fails, or its result is invalid for Insight.
        """
        return (
            self._dial_string(contact),
            self._metadata_json(contact),
            self._checked_url(self._optional("result_url", self._result_url, contact)),
        )

    def _metadata_json(self, contact: Contact) -> str:
        """The same as `json.dumps`, in a quarter of the time: all values are strings."""
        members = [
            f"{name}: {encode_basestring_ascii(self._render(field, template, contact))}"
            for field, name, template in self._metadata
        ]
        return f"{{{', '.join(members)}}}"

    def _dial_string(self, contact: Contact) -> str:
        caller_id = self._optional("caller_id", self._caller_id, contact)
        post_dial = self._optional("post_dial", self._post_dial, contact)
        try:
            ani = _parse_again(caller_id, self._region) if caller_id else ""
        except PhoneError as error:
            raise _UnfitError(("caller_id",), f": {error}") from None
        try:
            return dial_string(contact.phone, ani, post_dial)
        except PhoneError as error:
            raise _UnfitError(("post_dial",), f": {error}") from None

    def _optional(self, field: str, template: Template | None, contact: Contact) -> str:
        return "" if template is None else self._render((field,), template, contact).strip()

    def _render(self, field: tuple[str, ...], template: Template, contact: Contact) -> str:
        try:
            return template.render(contact.row.values, self._constants)
        except TemplateRenderError as error:
            place = f" (line {error.line} of the template)" if "\n" in template.source else ""
            raise _UnfitError(field, f"{place}: {error.message}") from None

    @staticmethod
    def _checked_url(url: str) -> str:
        if not url:
            return ""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable or re.search(r"[\x00-\x20\x7f]", url):
            raise _UnfitError(("result_url",), ": the result is not an http or https URL")
        return url


def _compile(source: str | None) -> Template | None:
    return None if source is None else compile_template(source)
