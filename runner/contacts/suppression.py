"""People who are never called. A list that cannot be read stops everything; it never counts as empty."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from runner.campaign.model import Campaign, InlineSuppression, Suppression
from runner.campaign.templates import Template, TemplateRenderError, compile_template
from runner.contacts.contact import Row
from runner.contacts.phone import PhoneError, parse_phone
from runner.contacts.roster import normal_key
from runner.contacts.sources import SourceReader
from runner.contacts.text_file import BadLines
from runner.errors import SourceContentError, SourceError

_WHOLE_NUMBER = re.compile(r"^(\d+)\.0+$")
_Watch = Callable[[Iterator[Row]], Iterator[Row]]


class _Fingerprint(NamedTuple):
    """Changes when somebody writes to the file or puts another in its place."""

    inode: int
    size: int
    changed_ns: int
    status_changed_ns: int


class ListFile(NamedTuple):
    """A list that is a file. `position` counts in `contacts.suppress` from 0."""

    position: int
    name: str
    """The path as the campaign file writes it."""
    entries: int
    """Numbers and keys that it names."""
    changed_at: float
    """When the file was last written to; UTC Unix seconds."""


@dataclass(slots=True)
class _People:
    """Whom one list names, each with the line that does."""

    phones: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    """Folded."""


class ListTemplateError(SourceContentError):
    """A template of a list fails for every row, so the list names nobody: mostly a column is misspelt.

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


_UNREADABLE = {
    "phone": "its number cannot be read",
    "key": "without contacts.key a key is a number, and this key cannot be read",
}


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
        self._reader = reader
        self._fingerprints = self._look()
        self._people = self._read_all(watch)

    def match(self, key: str, phone: str) -> str | None:
        """Which list names this contact, for people; None when none does. `phone` is E.164."""
        for declared, people in zip(self._declared, self._people, strict=True):
            line = people.phones.get(phone)
            if line is None and people.keys:
                line = people.keys.get(_folded(key))
            if line is not None:
                return f"on {_name(declared)}:{line}"
        return None

    def files(self) -> Iterator[ListFile]:
        """What is known of each list that is a file, as it was read last."""
        for position, (declared, people) in enumerate(zip(self._declared, self._people, strict=True)):
            if not isinstance(declared, InlineSuppression):
                changed = self._fingerprints[declared.path].changed_ns
                yield ListFile(
                    position, declared.path, len(people.phones) + len(people.keys), changed / 10**9
                )

    def refresh(self) -> bool:
        """Reads the file lists again if one changed, and tells whether. Raises as construction does."""
        fingerprints = self._look()
        if fingerprints == self._fingerprints:
            return False
        self._people = self._read_all()
        self._fingerprints = fingerprints
        return True

    def _look(self) -> Mapping[str, _Fingerprint]:
        return {
            declared.path: _fingerprint(self._reader.folder.find(declared.path), declared.path)
            for declared in self._declared
            if not isinstance(declared, InlineSuppression)
        }

    def _read_all(self, watch: _Watch = iter) -> list[_People]:
        return [
            self._read(declared, position, watch(self._reader.rows(declared)))
            for position, declared in enumerate(self._declared)
        ]

    def _read(self, declared: Suppression, position: int, rows_of_list: Iterator[Row]) -> _People:
        people = _People()
        faults: list[_Fault] = []
        phone, key = _compile(declared.phone), _compile(declared.key)
        rows = 0
        for row in rows_of_list:
            rows += 1
            fault = self._enter(people, row, phone, key)
            if fault is not None:
                faults.append(fault)
        if rows == 0 and not declared.allow_empty:
            raise SourceContentError(
                f"{_name(declared)}: the suppression list is empty",
                hint="is it the right file? Say `allow_empty: true` if it may be",
            )
        _refuse_templates_that_always_fail(declared, position, faults, rows)
        if not declared.allow_invalid:
            _refuse_faults(declared, faults, rows)
        return people

    def _enter(
        self, people: _People, row: Row, phone: Template | None, key: Template | None
    ) -> _Fault | None:
        """Adds whom the row names; returns what is wrong with it, or None.

        Whoever it names counts, whatever else is wrong with it.
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
                # First: a template that fails for every row is more than a row's fault.
                faults.insert(0, _Fault(row.line, error.message, which))
            except PhoneError as error:
                faults.append(_Fault(row.line, f"{_UNREADABLE[which]}: {error}"))
            else:
                names_any = names_any or bool(found)
                for each in found:
                    named.setdefault(each, row.line)
        if not faults and not names_any:
            return _Fault(row.line, "it gives neither a number nor a key")
        return faults[0] if faults else None

    def _phones(self, text: str) -> list[str]:
        """The number, if there is one. Raises PhoneError."""
        return [parse_phone(text.strip(), self._region)] if text.strip() else []

    def _keys(self, text: str) -> list[str]:
        """The key, folded, and the number that it is where a source has no other keys.

        Raises PhoneError where every key is a number and this is none.
        """
        key = normal_key(text)
        if not key:
            return []
        if not self._some_are:
            return [_folded(key)]
        try:
            return [_folded(key), parse_phone(key, self._region)]
        except PhoneError:
            if self._every_key_is_a_number:
                raise
            return [_folded(key)]


def _folded(key: str) -> str:
    """A key as far as a person tells it from others: whoever may be meant by a list is not called.

    Lists come from other programs: they change the case, leave invisible characters or write 1001 as 1001.0.
    """
    if not key.isascii():
        # Full-width letters and blanks that do not break are others' ways of writing the usual ones.
        key = unicodedata.normalize("NFKC", key)
        key = "".join(character for character in key if unicodedata.category(character) != "Cf")
    return _WHOLE_NUMBER.sub(r"\1", key.strip().casefold())


def _refuse_templates_that_always_fail(
    declared: Suppression, position: int, faults: Sequence[_Fault], rows: int
) -> None:
    failed = [fault for fault in faults if fault.field]
    if rows and len(failed) == rows:
        first = failed[0]
        raise ListTemplateError(
            f"no row of {_name(declared)} gets through this template: {first.message}",
            location=("contacts", "suppress", position, first.field),
        )


def _refuse_faults(declared: Suppression, faults: Sequence[_Fault], rows: int) -> None:
    bad = BadLines(_name(declared))
    for fault in faults:
        bad.add(fault.line, fault.message)
    bad.raise_if_any(
        "is it the right file and the right column? Not one row can be used"
        if len(faults) == rows > 1
        else "correct the list, or say `allow_invalid: true` to skip such rows"
    )


def _compile(source: str | None) -> Template | None:
    return None if source is None else compile_template(source)


def _name(declared: Suppression) -> str:
    return "contacts.suppress" if isinstance(declared, InlineSuppression) else declared.path


def _fingerprint(path: Path, name: str) -> _Fingerprint:
    try:
        found = path.stat()
    except OSError as error:
        raise SourceError(f"{name}: it cannot be read ({error.strerror})") from None
    return _Fingerprint(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
