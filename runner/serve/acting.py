"""A person who acts: what they are asked, what they fill in, and what they read after it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from runner.errors import UnknownCampaignError
from runner.ledger.contact_numbers import ShownNumber
from runner.ledger.overview import Overview, overview
from runner.services.environment import Environment
from runner.services.operators import Desk, environment_desk

Given = Mapping[str, str]
"""The fields that somebody filled in, by name. A field that is left out counts as empty."""


class FieldKind(StrEnum):
    TEXT = "text"
    DATE = "date"
    CHOICE = "choice"
    """One of `choices`."""
    CHECK = "check"
    """`yes`, or empty."""
    HIDDEN = "hidden"
    """Filled in already: it says what the person was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that an act needs to know."""

    name: str
    label: str = ""
    kind: FieldKind = FieldKind.TEXT
    value: str = ""
    hint: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What may be given, with its meaning."""
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What people read before they act, and what they fill in."""

    lines: Sequence[str]
    fields: Sequence[Field] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an act did. `warnings` are what somebody may have to do now."""

    lines: Sequence[str]
    warnings: Sequence[str] = ()
    numbers: Sequence[ShownNumber] = ()
    """Only ever of the act that shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """One person who acts on one campaign; on all of the ledger where `campaign` is None."""

    environment: Environment
    person: str
    """As the history shows it."""
    campaign: str | None

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Raises UnknownCampaignError for a campaign that the ledger does not know."""
        if self.campaign is None:
            raise UnknownCampaignError("no campaign is named", hint="open the campaign, and act there")
        with environment_desk(self.environment, self.campaign, self.person) as desk:
            yield desk

    def overview(self) -> Overview:
        """Without the calls that need a decision. Raises as `desk`."""
        with self.desk() as desk:
            return overview(desk.ledger.engine, desk.campaign, time.time(), 0)
