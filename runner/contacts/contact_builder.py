"""From rows to contacts: filter, key, number, in this order. Each row on its own. Pure."""

import math
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runner.calls import Reason
from runner.campaign.filters import truth
from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.campaign.template_language import Constants
from runner.campaign.templates import Template, TemplateRenderError, compile_condition, compile_template
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.phone import PhoneError, parse_main_number, parse_phone


def build_contacts(campaign: Campaign, rows: Iterable[tuple[Source, Row]]) -> Iterator[Contact | Exclusion]:
    """One contact or exclusion for each row, in order."""
    return _ContactBuilder(campaign).entries(rows)


_KEY = ("contacts", "key")
_LONGEST_KEY = 500
"""An index of PostgreSQL takes 2,704 bytes; in UTF-8 these are at most 2,000."""
_WHERE = ("contacts", "where")


class _ExcludedError(Exception):
    """Carries an exclusion out of the step that found it."""

    def __init__(self, reason: Reason, detail: str, key: str = "", template: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.key = key
        self.template = template
        self.phone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """The templates that turn the rows of one source into contacts."""

    where: Template | None
    phone: Template
    key: Template | None
    timezone: Template | None
    priority: Template | None
    not_before: Template | None
    not_after: Template | None


class _ContactBuilder:
    def __init__(self, campaign: Campaign) -> None:
        self._contacts = campaign.contacts
        self._lists_name_keys = any(declared.key is not None for declared in campaign.contacts.suppress)
        self._constants = Constants(campaign.vars)

    def entries(self, rows: Iterable[tuple[Source, Row]]) -> Iterator[Contact | Exclusion]:
        current: Source | None = None
        fields: _Fields | None = None
        for source, row in rows:
            if fields is None or source is not current:
                current, fields = source, self._fields(source)
            try:
                yield self._contact(row, fields)
            except _ExcludedError as excluded:
                yield Exclusion(
                    key=excluded.key,
                    reason=excluded.reason,
                    source=row.source,
                    line=row.line,
                    detail=excluded.detail,
                    template=excluded.template,
                    phone=excluded.phone,
                )

    def _fields(self, source: Source) -> _Fields:
        declared = self._contacts
        return _Fields(
            where=None if declared.where is None else compile_condition(declared.where),
            phone=compile_template(source.phone or declared.phone),
            key=_compile(source.key or declared.key),
            timezone=_compile(source.timezone or declared.timezone),
            priority=_compile(declared.priority),
            not_before=_compile(declared.not_before),
            not_after=_compile(declared.not_after),
        )

    def _contact(self, row: Row, fields: _Fields) -> Contact:
        try:
            self._check_filter(row, fields)
        except _ExcludedError as excluded:
            excluded.key, excluded.phone = self._key_and_phone_if_any(row, fields)
            raise
        phone, key = self._phone_and_key(row, fields)
        try:
            return self._filled_in(row, fields, key, phone)
        except _ExcludedError as excluded:
            excluded.phone = phone
            raise

    def _filled_in(self, row: Row, fields: _Fields, key: str, phone: str) -> Contact:
        return Contact(
            key=key,
            phone=phone,
            timezone=self._render("timezone", fields.timezone, row, key),
            priority=self._priority(row, fields, key),
            not_before=self._render("not_before", fields.not_before, row, key),
            not_after=self._render("not_after", fields.not_after, row, key),
            row=row,
        )

    def _check_filter(self, row: Row, fields: _Fields) -> None:
        if fields.where is None:
            return
        kept = truth(self._render("where", fields.where, row))
        if not kept:
            detail = "contacts.where is false" if kept is False else "contacts.where is neither yes nor no"
            raise _ExcludedError(Reason.FILTERED, detail, template=_WHERE if kept is None else ())

    def _key_and_phone_if_any(self, row: Row, fields: _Fields) -> tuple[str, str]:
        """Of a row that is not called. The key lets a planned call be withdrawn with this reason; a row
        without one has no such call. The number is not called for another row if a list names this key.
        """
        try:
            if fields.key is not None and not self._lists_name_keys:
                return self._key(row, fields.key), ""
            phone, key = self._phone_and_key(row, fields)
        except _ExcludedError as excluded:
            return excluded.key, excluded.phone
        else:
            return key, phone

    def _phone_and_key(self, row: Row, fields: _Fields) -> tuple[str, str]:
        key = "" if fields.key is None else self._key(row, fields.key)
        text = self._render("phone", fields.phone, row, key)
        try:
            phone = parse_phone(text, self._contacts.region)
        except PhoneError as error:
            unfit = _ExcludedError(Reason.INVALID_PHONE, str(error), key)
            unfit.phone = self._main_number(text)
            raise unfit from None
        return phone, key or phone

    def _main_number(self, text: str) -> str:
        """Of a number that cannot be called as written, such as one with an extension; else empty.

        As in the lists: who opted out is not called at it for another row.
        """
        try:
            return parse_main_number(text, self._contacts.region) if self._lists_name_keys else ""
        except PhoneError:
            return ""

    def _key(self, row: Row, template: Template) -> str:
        # One spelling, however the file composes accents.
        key = unicodedata.normalize("NFC", self._render("key", template, row))
        if not key:
            raise _ExcludedError(Reason.TEMPLATE_ERROR, "contacts.key: it is empty", template=_KEY)
        if len(key) > _LONGEST_KEY:
            raise _ExcludedError(
                Reason.TEMPLATE_ERROR,
                f"contacts.key: it is longer than {_LONGEST_KEY} characters",
                template=_KEY,
            )
        if not key.isprintable() and any(unicodedata.category(character) == "Cc" for character in key):
            raise _ExcludedError(
                Reason.TEMPLATE_ERROR, "contacts.key: it contains control characters", template=_KEY
            )
        return key

    def _priority(self, row: Row, fields: _Fields, key: str) -> float:
        text = self._render("priority", fields.priority, row, key)
        if not text:
            return 0.0
        try:
            priority = float(text)
        except ValueError:
            priority = math.nan
        if not math.isfinite(priority):
            raise _ExcludedError(
                Reason.TEMPLATE_ERROR,
                "contacts.priority: the result is not a number",
                key,
                ("contacts", "priority"),
            )
        return priority

    def _render(self, field: str, template: Template | None, row: Row, key: str = "") -> str:
        if template is None:
            return ""
        try:
            return template.render(row.values, self._constants).strip()
        except TemplateRenderError as error:
            raise _ExcludedError(
                Reason.TEMPLATE_ERROR,
                f"contacts.{field}, line {error.line}: {error.message}",
                key,
                ("contacts", field),
            ) from None


def _compile(source: str | None) -> Template | None:
    return None if source is None else compile_template(source)
