"""What people do from pages and by the API. These are the acts of the commands, by the same services.

They read and write the ledger, so call them in a thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.serve import call_acts, campaign_acts, suppress_act
from runner.serve.acting import Acting, Done, Given, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """`asks` and `does` raise RunnerError, UsageError where something that was filled in cannot be used."""

    name: str
    """In addresses."""
    label: str
    """On its button."""
    asks: Callable[[Acting, Given], Question]
    does: Callable[[Acting, Given], Done]
    is_final: bool = False
    """Whether nothing takes it back."""


_ALL = (
    Act(name="pause", label="Pause", asks=campaign_acts.pause_question, does=campaign_acts.pause),
    Act(name="resume", label="Resume", asks=campaign_acts.resume_question, does=campaign_acts.resume),
    Act(
        name="cancel",
        label="Cancel the campaign",
        asks=campaign_acts.cancel_question,
        does=campaign_acts.cancel,
        is_final=True,
    ),
    Act(
        name="suppress",
        label="Suppress",
        asks=suppress_act.suppress_question,
        does=suppress_act.suppress,
    ),
    Act(
        name="resolve",
        label="Resolve",
        asks=call_acts.resolve_question,
        does=call_acts.resolve,
        is_final=True,
    ),
    Act(name="retry", label="Retry", asks=call_acts.retry_question, does=call_acts.retry),
    Act(
        name="acknowledge",
        label="Acknowledge",
        asks=call_acts.acknowledge_question,
        does=call_acts.acknowledge,
    ),
    Act(name="show-numbers", label="Show numbers", asks=call_acts.show_question, does=call_acts.show),
)
ACTS: Mapping[str, Act] = {act.name: act for act in _ALL}
