"""People who are never called. A list that cannot be read stops everything; it never counts as empty."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.campaign.model import Campaign
from runner.campaign.source_models import Suppression
from runner.campaign.templates import Template, TemplateRenderError, compile_template
from runner.contacts.contact import Row
from runner.contacts.folded_key import folded_key, is_rounded
from runner.contacts.phone import PhoneError, parse_main_number
from runner.contacts.shared_numbers import numbers_of_listed_keys
from runner.contacts.sources.reader import SourceReader
from runner.contacts.sources.source import Version
from runner.contacts.sources.text_file import SHOWN_LINES, BadLines
from runner.errors import SourceContentError

_Watch = Callable[[Iterator[Row]], Iterator[Row]]


class ExternalList(NamedTuple):
    """A list outside of the campaign file. `position` counts in `contacts.suppress` from 0."""

    position: int
    name: str
    """The path as the campaign file writes it."""
    entries: int
    """Numbers and keys that it names."""
    changed_at: float
    """When its content last changed; UTC Unix seconds."""


class PassedOver(NamedTuple):
    """Rows of a list that cannot be read, or not in full, and that `allow_invalid` lets pass."""

    position: int
    """Of the list, in `contacts.suppress` from 0."""
    name: str
    rows: int
    first_line: int
    first_problem: str


class ListTemplateError(SourceContentError):
    """A template of a list fails for every row, so the list names nobody. Usually a column is misspelt.

    `location` is that of the template in the campaign file.
    """

    def __init__(self, message: str, *, location: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.location = location


class _Fault(NamedTuple):
    """What is wrong with a row. `field` is that whose template failed, empty where the content is wrong."""

    line: int
    message: str
    field: str = ""


@dataclass(slots=True)
class _Faults:
    """What is wrong with the rows of one list: the first few, and how many there are."""

    count: int = 0
    first: list[_Fault] = field(default_factory=list)
    of_templates: int = 0
    first_of_template: _Fault | None = None

    def add(self, fault: _Fault) -> None:
        self.count += 1
        if len(self.first) < SHOWN_LINES:
            self.first.append(fault)
        if fault.field:
            self.of_templates += 1
            self.first_of_template = self.first_of_template or fault


@dataclass(slots=True)
class _ListedKeys:
    """Whom one list names, each with the line that does."""

    phones: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    """Folded."""
    faults: _Faults = field(default_factory=_Faults)


_ROUNDED = (
    "a spreadsheet turned it into a number like 6.17555E+09 and its digits are lost: "
    "format the column as text and export it again"
)


class _UnreadableError(ValueError):
    """A row gives an invalid number or key. The message says why, without the value."""


class SuppressionLists:
    """All lists of `contacts.suppress`. Construction reads them; the rows pass through `watch` on their way.

    Raises SourceError for a list that cannot be read, SourceContentError for rows that name nobody.
    """

    def __init__(
        self,
        campaign: Campaign,
        reader: SourceReader,
        watch: _Watch = iter,
    ) -> None:
        self._declared: Sequence[Suppression] = campaign.contacts.suppress
        self._region = campaign.contacts.region
        self._constants = campaign.vars
        contacts = campaign.contacts
        keyless = [contacts.key is None and source.key is None for source in contacts.sources]
        self._every_key_is_a_number, self._some_are = all(keyless), any(keyless)
        self.names_keys = any(declared.key is not None for declared in self._declared)
        self._reader = reader
        self._versions = self._current_versions()
        self._people = self._read_all(watch)

    def match(self, key: str, phone: str) -> str | None:
        """Which list names this contact, for people; None when none does. `phone` is E.164, or empty where
        only the key is looked for.
        """
        folded = folded_key(key) if self.names_keys else ""
        for declared, people in zip(self._declared, self._people, strict=True):
            line = people.phones.get(phone)
            if line is None and folded:
                line = people.keys.get(folded)
            if line is not None:
                return f"on {self._name(declared)}:{line}"
        return None

    def passed_over(self) -> Iterator[PassedOver]:
        """What `allow_invalid` lets pass, of each list that has such rows."""
        for position, (declared, people) in enumerate(zip(self._declared, self._people, strict=True)):
            if people.faults.count:
                first = people.faults.first[0]
                yield PassedOver(
                    position, self._name(declared), people.faults.count, first.line, first.message
                )

    def external(self) -> Iterator[ExternalList]:
        """What is known of each list outside of the campaign file, as it was last read."""
        for position, (declared, people) in enumerate(zip(self._declared, self._people, strict=True)):
            version = self._versions[position]
            if version is not None:
                entries = len(people.phones) + len(people.keys)
                yield ExternalList(position, self._name(declared), entries, version.changed_at)

    def refresh(self) -> bool:
        """Reads the lists again if one changed, and returns whether one did. Raises as construction does."""
        versions = self._current_versions()
        if versions == self._versions:
            return False
        self._people = self._read_all()
        self._versions = versions
        return True

    def _current_versions(self) -> list[Version | None]:
        return [self._reader.source(declared).version() for declared in self._declared]

    def _name(self, declared: Suppression) -> str:
        return self._reader.source(declared).name

    def _read_all(self, watch: _Watch = iter) -> list[_ListedKeys]:
        return [
            self._read(declared, position, watch(self._reader.rows(declared)))
            for position, declared in enumerate(self._declared)
        ]

    def _read(self, declared: Suppression, position: int, rows_of_list: Iterator[Row]) -> _ListedKeys:
        people, name = _ListedKeys(), self._name(declared)
        has_header = self._reader.source(declared).has_header
        phone, key = _compile(declared.phone), _compile(declared.key)
        rows = 0
        for row in rows_of_list:
            rows += 1
            if rows == 1 and has_header:
                _refuse_missing_header(row, (phone, key))
            fault = self._enter(people, row, phone, key)
            if fault is not None:
                people.faults.add(fault)
        if rows == 0 and not declared.allow_empty:
            raise SourceContentError(
                f"{name}: the suppression list is empty",
                hint="check that it is the right file; if it may be empty, set `allow_empty: true`",
            )
        _refuse_templates_that_always_fail(name, position, people.faults, rows)
        if not declared.allow_invalid:
            _refuse_faults(name, people.faults, rows)
        return people

    def _enter(
        self, people: _ListedKeys, row: Row, phone: Template | None, key: Template | None
    ) -> _Fault | None:
        """Adds whom the row names; returns what is wrong with it, or None.

        A number or key that it gives counts, even if the rest of it is invalid.
        """
        faults: list[_Fault] = []
        names_any = False
        for which, template, read, named in (
            ("phone", phone, self._phones, people.phones),
            ("key", key, self._keys, people.keys),
        ):
            try:
                found = read(template.render(row.values, self._constants)) if template else []
            except TemplateRenderError as error:
                # First: a template that fails for every row is reported as one error.
                faults.insert(0, _Fault(row.line, error.message, which))
            except _UnreadableError as error:
                faults.append(_Fault(row.line, str(error)))
            else:
                names_any = names_any or bool(found)
                for each in found:
                    named.setdefault(each, row.line)
        if not faults and not names_any:
            return _Fault(row.line, "it gives neither a number nor a key")
        return faults[0] if faults else None

    def _phones(self, text: str) -> list[str]:
        """The number, if there is one, whatever extension it has. Raises _UnreadableError."""
        if not text.strip():
            return []
        try:
            return [parse_main_number(text.strip(), self._region)]
        except PhoneError as error:
            raise _UnreadableError(f"its number cannot be read: {error}") from None

    def _keys(self, text: str) -> list[str]:
        """The key, folded, and the number that it is where a source has no other keys.

        Raises _UnreadableError where every key is a number and this is not one, and where digits are lost.
        """
        folded = folded_key(text)
        if not folded:
            return []
        if is_rounded(text):
            raise _UnreadableError(f"its key cannot be read: {_ROUNDED}")
        if not self._some_are:
            return [folded]
        try:
            return [folded, folded_key(parse_main_number(text.strip(), self._region))]
        except PhoneError as error:
            if self._every_key_is_a_number:
                raise _UnreadableError(
                    f"without contacts.key a key is a number, and this key cannot be read: {error}"
                ) from None
            return [folded]


class Suppressed:
    """Who is not called: whom a list names, and everybody whose number is that of a row whose key is listed.

    `shared` gives key and number of the rows whose number another row has, too.
    """

    def __init__(self, lists: SuppressionLists, shared: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._lists = lists
        self._shared = shared
        self._numbers = self._look()

    def match(self, key: str, phone: str) -> str | None:
        """Why this contact is not called, for people; None where they may be called."""
        return self._lists.match(key, phone) or self._numbers.get(phone)

    def refresh(self) -> bool:
        """Reads the lists again if one changed, and returns whether one did. Raises as construction does."""
        if not self._lists.refresh():
            return False
        self._numbers = self._look()
        return True

    def _look(self) -> Mapping[str, str]:
        return numbers_of_listed_keys(self._lists.match, self._shared()) if self._lists.names_keys else {}


def _refuse_missing_header(first: Row, templates: Iterable[Template | None]) -> None:
    """Without a header line, the first entry would count as the names of the columns and keep nobody from
    being called. Such a name has digits and has the same form as the value below it.
    """
    for template in templates:
        for name in template.columns_used if template else ():
            if _form(name) == _form(str(first.values.get(name, ""))) and any(map(str.isdigit, name)):
                raise SourceContentError(
                    f"{first.source}: its first line looks like an entry, not like column names",
                    hint="add a line above it that names the columns, such as `phone` or `id`",
                )


def _form(text: str) -> str:
    """The text with one sign for all digits and one for all letters."""
    return "".join("9" if each.isdigit() else "a" if each.isalpha() else each for each in text)


def _refuse_templates_that_always_fail(name: str, position: int, faults: _Faults, rows: int) -> None:
    first = faults.first_of_template
    if first is not None and faults.of_templates == rows:
        raise ListTemplateError(
            f"this template fails for every row of {name}: {first.message}",
            location=("contacts", "suppress", position, first.field),
        )


def _refuse_faults(name: str, faults: _Faults, rows: int) -> None:
    bad = BadLines(name)
    for fault in faults.first:
        bad.add(fault.line, fault.message)
    bad.leave_out(faults.count - len(faults.first))
    bad.raise_if_any(
        "check the file and the column: no row can be used"
        if faults.count == rows > 1
        else "correct the list, or set `allow_invalid: true` to skip such rows"
    )


def _compile(source: str | None) -> Template | None:
    return None if source is None else compile_template(source)
