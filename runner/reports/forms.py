"""What the JSON forms of all outputs share. `schemas/outputs` describes each of them, generated from here."""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

FORMAT_VERSION = 1
"""Of every form. New keys may come under the same version; programs ignore those that they do not know."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Form(TypedDict):
    """A JSON object with these keys."""


class HistoryEntry(Form):
    at: int
    """When, in UTC Unix seconds."""
    kind: str
    """`change` of a call's state; `evidence`: something was said of a call and was not simply applied;
    `import`: another tool has queued the contact; `act` of a person on the whole campaign."""
    contact: str | None
    """The contact's key, or its ref where the key may tell who it is."""
    ref: str | None
    round: int | None
    """Of the call."""
    before: str | None
    """Of a change: the state before; null where the call is new."""
    after: str | None
    source: str | None
    """Of evidence: where it came from, such as `callback`."""
    status: str | None
    """Of evidence: how it says that the call ended."""
    act: str | None
    """Of an act: what was done, such as `pause`."""
    reason_code: str
    """Why, as a stable code; empty where nothing needs an explanation."""
    reason_values: dict[str, str]
    """What belongs to the code, such as `error` in Insight's words."""
    reason: str
    """The same in words."""
    detail: str
    """What an act was about; of evidence that cannot be read, its beginning."""
    dials: int | None
    """Of a result: how often Insight dialled."""
    last_dial: int | None
    """UTC Unix seconds."""
    by: str
    """The process or person."""


class History(Form):
    """Everything that happened to a campaign, oldest first. Each entry is on a line of its own, and a long
    history is written while it is read.
    """

    format_version: int
    campaign: str
    as_of: str
    """RFC 3339, UTC."""
    entries: list[HistoryEntry]


class DoctorCheck(Form):
    check: str
    """`ledger`, `time_zones`, `rules`, `credentials` or `insight`."""
    ok: bool
    finding: str
    hint: str
    """What to do about a problem."""


class Doctor(Form):
    """What a campaign depends on, on this machine. The exit status is 1 when a check found a problem."""

    format_version: int
    python: str
    """Its version."""
    packages: dict[str, str]
    """The versions of the packages that plans and calls depend on."""
    ok: bool
    checks: list[DoctorCheck]
