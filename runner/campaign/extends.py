"""A campaign file and its base as one tree: mappings are merged, any other value of the campaign replaces the
base's. Pure.
"""

from collections.abc import Callable, Iterator

from runner.campaign.document import Mapping, Node, Place, Scalar, Sequence

EXTENDS = "extends"
NOT_IN_BASE = {
    EXTENDS: "a base file cannot extend another file",
    "name": "a base file cannot have a `name`: to the ledger all its campaigns would be one",
}
"""Keys that only a campaign file may have, and why."""

_LISTS = ("sources", "suppress")
"""Below `contacts`: their entries may name a file."""
_PATH_OF_NO_FILE = "http"
"""The `type` of an entry whose `path` is that of an address."""


def merged(own: Mapping, base: Mapping) -> Mapping:
    """The base, with what the campaign's own file says in its place."""
    values = dict(base.values)
    for key, value in own.values.items():
        inherited = values.get(key)
        if isinstance(value, Mapping) and isinstance(inherited, Mapping):
            values[key] = merged(value, inherited)
        else:
            values[key] = value
    return Mapping(own.place, values, base.keys | own.keys, own.spoiled or base.spoiled)


def mark_as_base(node: Node) -> None:
    """Notes at every value and key below the node that it is in the base file."""
    node.place = _in_base(node.place)
    match node:
        case Sequence():
            for item in node.items:
                mark_as_base(item)
        case Mapping():
            node.keys = {key: _in_base(place) for key, place in node.keys.items()}
            for value in node.values.values():
                mark_as_base(value)


def _in_base(place: Place) -> Place:
    return place._replace(in_base=True)


def move_paths(root: Mapping, moved: Callable[[str], str]) -> None:
    """Passes the path of every file that the tree names as a source or list through `moved`."""
    contacts = root.values.get("contacts")
    if isinstance(contacts, Mapping):
        for path in _paths(contacts):
            path.value = moved(path.written)


def _paths(contacts: Mapping) -> Iterator[Scalar]:
    for name in _LISTS:
        entries = contacts.values.get(name)
        for entry in entries.items if isinstance(entries, Sequence) else ():
            if isinstance(entry, Mapping):
                path, kind = entry.values.get("path"), entry.values.get("type")
                is_of_file = isinstance(kind, Scalar) and kind.value != _PATH_OF_NO_FILE
                if is_of_file and isinstance(path, Scalar) and path.value and isinstance(path.value, str):
                    yield path
