"""A YAML document as a tree of values with their places. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.characters import on_one_line

Location = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

_LONGEST_MESSAGE = 400


class Place(NamedTuple):
    """Line and column count from 1."""

    line: int
    col: int
    in_base: bool = False
    """Whether it is in the file that the campaign extends."""


class Style(Enum):
    PLAIN = "plain"
    QUOTED = "quoted"
    LITERAL = "literal"
    """A block scalar behind `|`: its lines follow its place, one for one."""
    FOLDED = "folded"


@dataclass(slots=True)
class Scalar:
    """One value. `written` is its text in the file, `value` what YAML makes of it."""

    place: Place
    written: str
    value: str | int | float | bool | None
    style: Style
    spoiled: bool = False
    """An error about it was reported already, so that what follows from it is not."""


@dataclass(slots=True)
class Sequence:
    place: Place
    items: "list[Node]" = field(default_factory=list)
    spoiled: bool = False


@dataclass(slots=True)
class Mapping:
    place: Place
    values: "dict[str, Node]" = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    spoiled: bool = False


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """The file `name` with its `lines` and the tree of its values.

    `private_lines` hold the content of inline rows: people's data, which no diagnostic shows.
    """

    name: str
    lines: tuple[str, ...]
    root: Node
    private_lines: frozenset[int]
    base: "Document | None" = None
    """The file that it extends: the tree holds the values of both."""

    def file_of(self, place: Place) -> "Document":
        """The file in which a value is."""
        return self.base if place.in_base and self.base else self

    def find(self, location: Location) -> tuple[Node, Location]:
        """The node at the location or, where that does not exist, the nearest one above it, and its own
        location.
        """
        node, found = self.root, list[str | int]()
        for part in location:
            child = _child(node, part)
            if child is None:
                break
            node = child
            found.append(part)
        return node, tuple(found)

    def key_place(self, location: Location) -> Place:
        """The place of the value's key, or of the value when it has no key."""
        parent, found = self.find(location[:-1])
        if isinstance(parent, Mapping) and location and found == location[:-1]:
            return parent.keys.get(str(location[-1]), parent.place)
        return self.find(location)[0].place

    def _diagnostic(
        self, severity: Severity, code: str, message: str, where: Location | Place, hint: str = ""
    ) -> Diagnostic:
        """A finding about the value at a location, or at a place of the text."""
        place = where if isinstance(where, Place) else self.find(where)[0].place
        file = self.file_of(place)
        shown = place.line <= len(file.lines) and place.line not in file.private_lines
        return Diagnostic(
            severity=severity,
            code=code,
            message=_shortened(message),
            file=file.name,
            line=place.line,
            col=place.col,
            hint=_shortened(hint),
            source_line=file.lines[place.line - 1] if shown else "",
        )

    def error(self, code: str, message: str, where: Location | Place, hint: str = "") -> Diagnostic:
        return self._diagnostic(Severity.ERROR, code, message, where, hint)

    def warning(self, code: str, message: str, where: Location | Place, hint: str = "") -> Diagnostic:
        return self._diagnostic(Severity.WARNING, code, message, where, hint)


def in_rows(location: Location) -> bool:
    """Whether the value belongs to an inline row, and so is somebody's data."""
    return location[:1] == ("contacts",) and location[3:4] == ("rows",) and len(location) > 4  # noqa: PLR2004 - contacts, sources, 0, rows, and further


def row_lines(root: Node) -> frozenset[int]:
    """The lines on which a value of an inline row begins."""
    return frozenset(value.place.line for location, value in scalars(root) if in_rows(location))


def scalars(node: Node, location: Location = ()) -> Iterator[tuple[Location, Scalar]]:
    """Every single value below the node, in file order."""
    match node:
        case Scalar():
            yield location, node
        case Sequence():
            for position, item in enumerate(node.items):
                yield from scalars(item, (*location, position))
        case Mapping():
            for key, value in node.values.items():
                yield from scalars(value, (*location, key))


def plain_data(node: Node) -> object:
    """The tree as Python's own dicts, lists and values."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain_data(item) for item in node.items]
        case Mapping():
            return {key: plain_data(value) for key, value in node.values.items()}


def _child(node: Node, part: str | int) -> Node | None:
    match node:
        case Mapping():
            return node.values.get(str(part))
        case Sequence() if isinstance(part, int) and 0 <= part < len(node.items):
            return node.items[part]
    return None


def _shortened(text: str) -> str:
    """On one line and not too long: keys and values of a file may hold anything."""
    return on_one_line(text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…")
