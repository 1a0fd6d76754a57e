"""From rows to contacts: filter, key, number, in this order. Each row on its own. Pure."""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from runner.calls import Reason
from runner.campaign.filters import truth
from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.campaign.template_language import Constants
from runner.campaign.templates import Template, TemplateRenderError, compile_condition, compile_template
from runner.campaign.values import country_written
from runner.contacts.contact import Contact, Exclusion, Row
from runner.contacts.numbers import NoNumberError, NumberRules
from runner.contacts.phone import PhoneError, parse_main_number

_LONGEST_KEY = 500
"""An index of PostgreSQL takes 2,704 bytes; in UTF-8 these are at most 2,000."""

_FIELDS = ("key", "timezone", "postal_code", "state", "priority", "not_before", "not_after")
"""What the templates of `contacts` give, next to numbers; a source may have its own for some."""


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
    is not called for another row if a list names this key: now, or while the calls are made.
    """

    key: str = ""
    phone: str = ""
    others: tuple[str, ...] = ()


class _Templates(NamedTuple):
    """Those of one source, compiled."""

    phones: Sequence[Template]
    region: Template | None
    """Where it depends on the row."""
    common_region: str | None
    filters: Mapping[str, Template]
    """Conditions that must all be true, by what messages call them."""
    fields: Mapping[str, Template]
    """The others, by field; without those that are not declared."""


class _ContactBuilder:
    def __init__(self, campaign: Campaign) -> None:
        self._contacts = campaign.contacts
        self._constants = Constants(campaign.vars)
        self._numbers = NumberRules(campaign.contacts)

    def entries(self, rows: Iterable[tuple[Source, Row]]) -> Iterator[Contact | Exclusion]:
        current: Source | None = None
        for source, row in rows:
            if source is not current:
                current, templates = source, self._templates(source)
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
                    others=" ".join(known.others),
                )

    def _templates(self, source: Source) -> _Templates:
        texts = {name: getattr(source, name, None) or getattr(self._contacts, name) for name in _FIELDS}
        region = source.region or self._contacts.region
        compiled = None if region is None else compile_template(region)
        is_common = compiled is None or compiled.is_constant
        return _Templates(
            phones=[compile_template(text) for text in source.phone or self._contacts.phone],
            region=None if is_common else compiled,
            common_region=region if is_common else None,
            filters=self._filters_of(source),
            fields={name: compile_template(text) for name, text in texts.items() if text is not None},
        )

    def _filters_of(self, source: Source) -> Mapping[str, Template]:
        declared = {"contacts.where": self._contacts.where, "where of its source": source.where}
        return {name: compile_condition(text) for name, text in declared.items() if text is not None}

    def _contact(self, row: Row, templates: _Templates, known: _Known) -> Contact:
        try:
            self._check_filters(row, templates.filters)
        except _ExcludedError:
            with suppress(_ExcludedError):
                self._identify(row, templates, known)
            raise
        self._identify(row, templates, known)
        return Contact(
            key=known.key,
            phone=known.phone,
            others=known.others,
            timezone=self._render("timezone", templates, row),
            postal_code=self._render("postal_code", templates, row),
            state=self._render("state", templates, row),
            priority=self._priority(row, templates),
            not_before=self._render("not_before", templates, row),
            not_after=self._render("not_after", templates, row),
            row=row,
        )

    def _check_filters(self, row: Row, filters: Mapping[str, Template]) -> None:
        for name, template in filters.items():
            try:
                kept = truth(template.render(row.values, self._constants).strip())
            except TemplateRenderError as error:
                detail = f"{name}, line {error.line}: {error.message}"
                raise _ExcludedError(Reason.TEMPLATE_ERROR, detail, "where") from None
            if kept is None:
                raise _ExcludedError(Reason.FILTERED, f"{name} is neither yes nor no", "where")
            if not kept:
                raise _ExcludedError(Reason.FILTERED, f"{name} is false")

    def _identify(self, row: Row, templates: _Templates, known: _Known) -> None:
        """Adds key and number to what is known."""
        if "key" in templates.fields:
            known.key = self._key(row, templates)
        texts = [self._filled_in("phone", template, row) for template in templates.phones]
        region = self._region(templates, row)
        try:
            known.phone, known.others = self._numbers.choose(texts, region)
        except NoNumberError as error:
            # As in the lists: who opted out is not called at a number with an extension for another row.
            with suppress(PhoneError):
                known.phone, *others = error.numbers or [parse_main_number(texts[0], region)]
                known.others = tuple(others)
            raise _ExcludedError(error.reason, str(error)) from None
        known.key = known.key or known.phone

    def _region(self, templates: _Templates, row: Row) -> str | None:
        if templates.region is None:
            return templates.common_region
        written = self._filled_in("region", templates.region, row)
        region = country_written(written)
        if written and region is None:
            detail = "contacts.region is not a country code such as US for this row"
            raise _ExcludedError(Reason.INVALID_PHONE, detail)
        return region

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
        template = templates.fields.get(field)
        return "" if template is None else self._filled_in(field, template, row)

    def _filled_in(self, field: str, template: Template, row: Row) -> str:
        try:
            return template.render(row.values, self._constants).strip()
        except TemplateRenderError as error:
            detail = f"contacts.{field}, line {error.line}: {error.message}"
            raise _ExcludedError(Reason.TEMPLATE_ERROR, detail, field) from None
