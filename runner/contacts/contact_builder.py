"""From rows to contacts: filter, key, number, in this order. Each row on its own. Pure."""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from runner.calls import Reason
from runner.campaign.filters import truth
from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.campaign.template_language import Constants
from runner.campaign.templates import Template, TemplateRenderError, compile_condition, compile_template
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.phone import PhoneError, parse_main_number, parse_phone

_LONGEST_KEY = 500
"""An index of PostgreSQL takes 2,704 bytes; in UTF-8 these are at most 2,000."""

_FIELDS = ("phone", "key", "timezone", "postal_code", "state", "priority", "not_before", "not_after")
"""What the templates of `contacts` give; a source may have its own for some."""

_Templates = Mapping[str, Template]
"""By field; without those that are not declared."""


def build_contacts(campaign: Campaign, rows: Iterable[tuple[Source, Row]]) -> Iterator[Contact | Exclusion]:
    """One contact or exclusion for each row, in order."""
    return _ContactBuilder(campaign).entries(rows)


class _ExcludedError(Exception):
    """Why the row gets no call. `field` is that whose template fails, else empty."""

    def __init__(self, reason: Reason, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.field = field


@dataclass(slots=True)
class _Known:
    """What is known of a row so far: of one that is not called, too.

    The key lets a planned call be withdrawn with the reason; a row without one has no such call. The number
    is not called for another row if a list names this key.
    """

    key: str = ""
    phone: str = ""


class _ContactBuilder:
    def __init__(self, campaign: Campaign) -> None:
        self._contacts = campaign.contacts
        self._lists_name_keys = any(declared.key is not None for declared in campaign.contacts.suppress)
        self._constants = Constants(campaign.vars)
        # Of the source that is read.
        self._filters: Mapping[str, Template] = {}
        self._region = campaign.contacts.region

    def entries(self, rows: Iterable[tuple[Source, Row]]) -> Iterator[Contact | Exclusion]:
        current: Source | None = None
        templates: _Templates = {}
        for source, row in rows:
            if source is not current:
                current, templates = source, self._templates(source)
                self._filters = self._filters_of(source)
                self._region = source.region or self._contacts.region
            known = _Known()
            try:
                yield self._contact(row, templates, known)
            except _ExcludedError as excluded:
                yield Exclusion(
                    key=known.key,
                    reason=excluded.reason,
                    source=row.source,
                    line=row.line,
                    detail=excluded.detail,
                    template=("contacts", excluded.field) if excluded.field else (),
                    phone=known.phone,
                )

    def _templates(self, source: Source) -> _Templates:
        texts = {name: getattr(source, name, None) or getattr(self._contacts, name) for name in _FIELDS}
        return {name: compile_template(text) for name, text in texts.items() if text is not None}

    def _filters_of(self, source: Source) -> Mapping[str, Template]:
        """Conditions that must all be true, by what messages call them."""
        declared = {"contacts.where": self._contacts.where, "where of its source": source.where}
        return {name: compile_condition(text) for name, text in declared.items() if text is not None}

    def _contact(self, row: Row, templates: _Templates, known: _Known) -> Contact:
        try:
            self._check_filters(row)
        except _ExcludedError:
            with suppress(_ExcludedError):
                self._identify(row, templates, known, key_is_enough=not self._lists_name_keys)
            raise
        self._identify(row, templates, known)
        return Contact(
            key=known.key,
            phone=known.phone,
            timezone=self._render("timezone", templates, row),
            postal_code=self._render("postal_code", templates, row),
            state=self._render("state", templates, row),
            priority=self._priority(row, templates),
            not_before=self._render("not_before", templates, row),
            not_after=self._render("not_after", templates, row),
            row=row,
        )

    def _check_filters(self, row: Row) -> None:
        for name, template in self._filters.items():
            try:
                kept = truth(template.render(row.values, self._constants).strip())
            except TemplateRenderError as error:
                detail = f"{name}, line {error.line}: {error.message}"
                raise _ExcludedError(Reason.TEMPLATE_ERROR, detail, "where") from None
            if kept is None:
                raise _ExcludedError(Reason.FILTERED, f"{name} is neither yes nor no", "where")
            if not kept:
                raise _ExcludedError(Reason.FILTERED, f"{name} is false")

    def _identify(
        self, row: Row, templates: _Templates, known: _Known, *, key_is_enough: bool = False
    ) -> None:
        """Adds key and number to what is known."""
        if "key" in templates:
            known.key = self._key(row, templates)
            if key_is_enough:
                return
        text = self._render("phone", templates, row)
        try:
            known.phone = parse_phone(text, self._region)
        except PhoneError as error:
            # As in the lists: who opted out is not called at a number with an extension for another row.
            with suppress(PhoneError):
                if self._lists_name_keys:
                    known.phone = parse_main_number(text, self._region)
            raise _ExcludedError(Reason.INVALID_PHONE, str(error)) from None
        known.key = known.key or known.phone

    def _key(self, row: Row, templates: _Templates) -> str:
        key = self._render("key", templates, row)
        if not key.isascii():
            # One spelling, however the file composes accents.
            key = unicodedata.normalize("NFC", key)
        problem = ""
        if not key:
            problem = "it is empty"
        elif len(key) > _LONGEST_KEY:
            problem = f"it is longer than {_LONGEST_KEY} characters"
        elif not key.isprintable() and any(unicodedata.category(character) == "Cc" for character in key):
            problem = "it contains control characters"
        if problem:
            raise _ExcludedError(Reason.TEMPLATE_ERROR, f"contacts.key: {problem}", "key")
        return key

    def _priority(self, row: Row, templates: _Templates) -> float:
        text = self._render("priority", templates, row)
        if not text:
            return 0.0
        try:
            priority = float(text)
        except ValueError:
            priority = math.nan
        if not math.isfinite(priority):
            detail = "contacts.priority: the result is not a number"
            raise _ExcludedError(Reason.TEMPLATE_ERROR, detail, "priority")
        return priority

    def _render(self, field: str, templates: _Templates, row: Row) -> str:
        template = templates.get(field)
        if template is None:
            return ""
        try:
            return template.render(row.values, self._constants).strip()
        except TemplateRenderError as error:
            detail = f"contacts.{field}, line {error.line}: {error.message}"
            raise _ExcludedError(Reason.TEMPLATE_ERROR, detail, field) from None
