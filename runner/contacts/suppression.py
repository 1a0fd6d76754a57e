"""People who are never called. A list that cannot be read stops everything; it never counts as empty."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

from runner.campaign.filters import truth
from runner.campaign.model import Campaign
from runner.campaign.source_models import Suppression
from runner.campaign.templates import Template, TemplateRenderError, compile_condition, compile_template
from runner.contacts.contact import Row, numbers_of_listed_keys, numbers_of_listed_others
from runner.contacts.identity import folded_key, is_rounded
from runner.contacts.phone import ROUNDED, PhoneError, parse_main_number
from runner.contacts.sources.file import BadLines
from runner.contacts.sources.reader import SourceReader
from runner.contacts.sources.source import HEADER_HINT, Version
from runner.errors import SourceContentError

_Watch = Callable[[Iterator[Row]], Iterator[Row]]


class ListSummary(NamedTuple):
    """What reading one list has shown. `position` counts in `contacts.suppress` from 0."""

    position: int
    name: str
    """The path as the campaign file writes it."""
    entries: int
    """Numbers and keys that it names."""
    changed_at: float | None
    """When its content last changed, in UTC Unix seconds; None where that is unknown."""
    skipped: BadLines
    """Rows that cannot be read, or not in full, and that `allow_invalid` allows."""


class ListTemplateError(SourceContentError):
    """A template of a list fails for every row, so the list names nobody. Usually a column is misspelt.

    `location` is that of the template in the campaign file.
    """

    def __init__(self, message: str, *, location: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.location = location


@dataclass(slots=True)
class _List:
    """Whom one list names, each with the line that does, and what is wrong with its other rows."""

    bad: BadLines
    phones: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    """Folded."""
    rows: int = 0
    failed_templates: int = 0
    """Rows for which a template fails."""
    first_failed: tuple[str, str] = ("", "")
    """The field, such as `phone`, and the message."""

    @property
    def entries(self) -> int:
        return len(self.phones) + len(self.keys)

    @property
    def names(self) -> tuple[AbstractSet[str], AbstractSet[str]]:
        return self.phones.keys(), self.keys.keys()

    def note_failed(self, field_name: str, message: str) -> None:
        self.failed_templates += 1
        self.first_failed = self.first_failed if self.first_failed[0] else (field_name, message)


class KeptList(Protocol):
    """One more list, which the ledger keeps: numbers in E.164 form and keys in any spelling."""

    @property
    def names_keys(self) -> bool: ...

    @property
    def revision(self) -> int:
        """Of the entries that `match` knows."""
        ...

    def match(self, key: str, phone: str) -> str | None:
        """Why this contact is not called, for people; None where the list does not name it."""
        ...

    def refresh(self) -> None:
        """Reads it again if it changed."""
        ...

    def as_of(self, now: float) -> "KeptList":
        """The same list, for a plan of this moment (UTC Unix seconds)."""
        ...


class _NobodyKept:
    names_keys, revision = False, 0

    def match(self, _key: str, _phone: str) -> str | None:
        return None

    def refresh(self) -> None:
        pass

    def as_of(self, _now: float) -> KeptList:
        return self


class _UnreadableError(ValueError):
    """A row gives an invalid number or key. The message says why, without the value."""


class SuppressionLists:
    """All lists of `contacts.suppress`, and the one that the ledger keeps. Construction reads the former; the
    rows pass through `watch` on their way.

    Raises SourceError for a list that cannot be read, SourceContentError for rows that name nobody.
    """

    def __init__(
        self,
        campaign: Campaign,
        reader: SourceReader,
        watch: _Watch = iter,
        kept: KeptList = _NobodyKept(),  # noqa: B008 - it has no state
    ) -> None:
        self._kept = kept
        self._kept_revision = kept.revision
        contacts = campaign.contacts
        self._declared: Sequence[Suppression] = contacts.suppress
        self._region = contacts.common_region
        self._constants = campaign.vars
        self._guard = campaign.guard
        keyless = [contacts.key is None and source.key is None for source in contacts.sources]
        self._every_key_is_a_number, self._some_are = all(keyless), any(keyless)
        self.several_numbers = contacts.gives_several_numbers
        """Whether contacts may have numbers that are not called."""
        self._declares_keys = any(declared.key is not None for declared in self._declared)
        self._reader = reader
        self._versions = self._current_versions()
        self._lists = self._read_all(watch)

    def as_of(self, now: float) -> Self:
        """The same lists, as they were last read, for a plan of this moment (UTC Unix seconds)."""
        other = copy(self)
        other._kept = self._kept.as_of(now)  # noqa: SLF001 - a copy of this
        return other

    @property
    def names_keys(self) -> bool:
        """Whether a list names people by their keys."""
        return self._declares_keys or self._kept.names_keys

    def match(self, key: str, phone: str) -> str | None:
        """Which list names this contact, for people; None when none does. `phone` is E.164, or empty where
        only the key is looked for.
        """
        folded = folded_key(key) if self._declares_keys else ""
        for each in self._lists:
            line = each.phones.get(phone)
            if line is None and folded:
                line = each.keys.get(folded)
            if line is not None:
                return f"on {each.bad.name}:{line}"
        return self._kept.match(key, phone)

    def summaries(self) -> Iterator[ListSummary]:
        """Of each list, as it was last read."""
        for position, (each, version) in enumerate(zip(self._lists, self._versions, strict=True)):
            changed_at = version and version.changed_at
            yield ListSummary(position, each.bad.name, each.entries, changed_at, each.bad)

    def refresh(self) -> bool:
        """Reads the lists again if one changed, and returns whether one did. Raises as construction does, and
        SourceContentError where one has lost more entries than the campaign's guard allows.
        """
        self._kept.refresh()
        # Others may have read it before: what counts is what was returned for here.
        kept_revision = self._kept.revision
        versions = self._current_versions()
        if (versions, kept_revision) == (self._versions, self._kept_revision):
            return False
        if versions != self._versions:
            newest = self._read_changed(versions)
            self._refuse_losses(newest)
        else:
            newest = self._lists
        # What is read over a connection is read at intervals, and is mostly the same.
        changed = kept_revision != self._kept_revision or any(
            before.names != now.names for before, now in zip(self._lists, newest, strict=True)
        )
        self._lists, self._versions, self._kept_revision = newest, versions, kept_revision
        return changed

    def _read_changed(self, versions: Sequence[Version | None]) -> list[_List]:
        """The lists, those read again whose version is another now."""
        return [
            read if before == now else self._read(declared, position, self._reader.rows(declared))
            for position, (declared, read, before, now) in enumerate(
                zip(self._declared, self._lists, self._versions, versions, strict=True)
            )
        ]

    def _refuse_losses(self, newest: Sequence[_List]) -> None:
        """Half a list must not have those called who are missing on it."""
        for before, now in zip(self._lists, newest, strict=True):
            if self._guard.stops_loss(before.entries, now.entries):
                raise SourceContentError(
                    f"{now.bad.name} has {now.entries:,} entries, and had {before.entries:,} when last "
                    f"read: guard.list_drop allows {self._guard.list_drop}% fewer; if they were removed on "
                    "purpose, stop this run and apply again with --allow list_drop"
                )

    def _current_versions(self) -> list[Version | None]:
        return [self._reader.source(declared).version() for declared in self._declared]

    def _read_all(self, watch: _Watch) -> list[_List]:
        return [
            self._read(declared, position, watch(self._reader.rows(declared)))
            for position, declared in enumerate(self._declared)
        ]

    def _read(self, declared: Suppression, position: int, rows: Iterator[Row]) -> _List:
        source = self._reader.source(declared)
        found = _List(BadLines(source.name))
        templates = {
            name: compile_template(text)
            for name, text in (("phone", declared.phone), ("key", declared.key))
            if text is not None
        }
        where = None if declared.where is None else compile_condition(declared.where)
        for row in rows:
            found.rows += 1
            if found.rows == 1 and source.has_header:
                _refuse_missing_header(row, templates.values())
            if where is None or self._is_listed(found, row, where):
                self._enter(found, row, templates, declared.region or self._region)
        if found.rows == 0 and not declared.allow_empty:
            raise SourceContentError(
                f"{source.name}: the suppression list is empty",
                hint="check that it is the right file; if it may be empty, set `allow_empty: true`",
            )
        _refuse_bad_rows(found, position, allow_invalid=declared.allow_invalid)
        return found

    def _is_listed(self, found: _List, row: Row, where: Template) -> bool:
        """Whether `where` is true for the row. Where that is not known, the row counts as invalid."""
        try:
            listed = truth(where.render(row.values, self._constants).strip())
        except TemplateRenderError as error:
            found.note_failed("where", error.message)
            found.bad.add(row.line, error.message)
            return False
        if listed is None:
            found.bad.add(row.line, "`where` is neither yes nor no")
        return bool(listed)

    def _enter(self, found: _List, row: Row, templates: Mapping[str, Template], region: str | None) -> None:
        """Adds whom the row names, or what is wrong with it.

        A number or key that it gives counts, even if the rest of it is invalid.
        """
        failed, unreadable, names_any = ("", ""), "", False
        for name, template in templates.items():
            read, named = (self._phones, found.phones) if name == "phone" else (self._keys, found.keys)
            try:
                entries = read(template.render(row.values, self._constants).strip(), region)
            except TemplateRenderError as error:
                failed = name, error.message
            except _UnreadableError as error:
                unreadable = unreadable or str(error)
            else:
                names_any = names_any or bool(entries)
                for entry in entries:
                    named.setdefault(entry, row.line)
        if failed[0]:
            found.note_failed(*failed)
        problem = failed[1] or unreadable or ("" if names_any else "it gives neither a number nor a key")
        if problem:
            found.bad.add(row.line, problem)

    def _phones(self, text: str, region: str | None) -> list[str]:
        """The number, if there is one, whatever extension it has. Raises _UnreadableError."""
        try:
            return [parse_main_number(text, region)] if text else []
        except PhoneError as error:
            raise _UnreadableError(f"its number cannot be read: {error}") from None

    def _keys(self, text: str, region: str | None) -> list[str]:
        """The key, folded, and the number that it is where a source has no other keys.

        Raises _UnreadableError where every key is a number and this is not one, and where digits are lost.
        """
        folded = folded_key(text)
        if not folded:
            return []
        if is_rounded(text):
            raise _UnreadableError(f"its key cannot be read: {ROUNDED}")
        if not self._some_are:
            return [folded]
        try:
            return [folded, folded_key(parse_main_number(text, region))]
        except PhoneError as error:
            if not self._every_key_is_a_number:
                return [folded]
            raise _UnreadableError(
                f"without contacts.key a key is a number, and this key cannot be read: {error}"
            ) from None


class Suppressed:
    """Who is not called: whom a list names, everybody whose number is that of a row whose key is listed, and
    everybody of whom another number is listed.

    `shared` gives key and number of the rows whose number another row has, too; `others` number and other
    numbers of the rows with several.
    """

    def __init__(
        self,
        lists: SuppressionLists,
        shared: Callable[[], Iterable[tuple[str, str]]],
        others: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        self._lists = lists
        self._shared = shared
        self._others = others
        self._numbers = self._look()

    def match(self, key: str, phone: str) -> str | None:
        """Why this contact is not called, for people; None where they may be called."""
        return self._lists.match(key, phone) or self._numbers.get(phone)

    def for_plan(
        self,
        shared: Callable[[], Iterable[tuple[str, str]]],
        others: Callable[[], Iterable[tuple[str, str]]],
        now: float,
    ) -> "Suppressed":
        """The same lists, for another plan of the campaign, of this moment (UTC Unix seconds)."""
        return Suppressed(self._lists.as_of(now), shared, others)

    def refresh(self) -> bool:
        """Reads the lists again if one changed, and returns whether one did. Raises as construction does."""
        if not self._lists.refresh():
            return False
        self._numbers = self._look()
        return True

    def _look(self) -> Mapping[str, str]:
        shared = self._shared() if self._lists.names_keys else ()
        others = self._others() if self._lists.several_numbers else ()
        return {
            **numbers_of_listed_others(self._lists.match, others),
            **numbers_of_listed_keys(self._lists.match, shared),
        }


def _refuse_missing_header(first: Row, templates: Iterable[Template]) -> None:
    """Without a header line, the first entry would count as the names of the columns and keep nobody from
    being called. Such a name has digits and has the same form as the value below it.
    """
    for name in frozenset[str]().union(*(template.columns_used for template in templates)):
        if any(map(str.isdigit, name)) and _form(name) == _form(str(first.values.get(name, ""))):
            raise SourceContentError(
                f"{first.source}: its first line looks like an entry, not like column names", hint=HEADER_HINT
            )


def _form(text: str) -> str:
    """The text with one sign for all digits and one for all letters."""
    return "".join("9" if each.isdigit() else "a" if each.isalpha() else each for each in text)


def _refuse_bad_rows(found: _List, position: int, *, allow_invalid: bool) -> None:
    if 0 < found.failed_templates == found.rows:
        field, message = found.first_failed
        raise ListTemplateError(
            f"this template fails for every row of {found.bad.name}: {message}",
            location=("contacts", "suppress", position, field),
        )
    if not allow_invalid:
        found.bad.raise_if_any(
            "check the file and the column: no row can be used"
            if found.bad.count == found.rows > 1
            else "correct the list, or set `allow_invalid: true` to skip such rows"
        )
