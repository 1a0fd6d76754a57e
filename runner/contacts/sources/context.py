"""What a source is read with, apart from what the campaign file says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.contacts.sources.file import SourceFolder
from runner.errors import SettingsError


class Connection(NamedTuple):
    """Where a `connection` of the campaign file leads: settings of this machine."""

    name: str
    url: str
    """May hold a password: only the setting's name is shown."""
    token: str
    """Empty where none is set."""

    def __repr__(self) -> str:
        return f"Connection({self.name})"

    @property
    def setting(self) -> str:
        """The setting that holds its address."""
        return setting_of(self.name)


def setting_of(connection: str) -> str:
    return f"RUNNER_CONNECTION_{connection.upper().replace('-', '_')}"


Connections = Callable[[str], Connection]
"""Finds a connection by its name. Raises SettingsError where it is not set."""


def no_connections(name: str) -> Connection:
    raise SettingsError(f"{setting_of(name)} is not set")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContext:
    folder: SourceFolder
    """Where files may be."""
    used: frozenset[str] | None = None
    """The columns that the campaign reads; with None, it may read any."""
    connections: Connections = no_connections
    constants: Mapping[str, object] = field(default_factory=dict)
    """The campaign's `vars`."""
