"""How the simulated people and the network behave: what each dial meets, and how callbacks arrive. Pure.

Chance depends on nothing but the seed, the number, how many times it was queued, and the attempt: however
often a test is interrupted and started again, the same people answer at the same dials.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from runner.insight.sandbox.mix import Mix, chance, parse_mix
from runner.insight.sandbox.simulation import DialOutcome

_NATIONAL_DIGITS = 10
_LATE_SECONDS = 3600


class Delivery(StrEnum):
    """How a callback arrives; `DELIVERY_MEANINGS` describes each."""

    ON_TIME = "on_time"
    LOST = "lost"
    DOUBLED = "doubled"
    LATE = "late"


OUTCOME_MEANINGS: Mapping[DialOutcome, str] = {
    DialOutcome.ANSWERED: "the call is completed",
    DialOutcome.NO_ANSWER: "dialled again after reattempt_wait, as often as max_attempts says",
    DialOutcome.BUSY: "the same, after a shorter dial",
    DialOutcome.REJECTED: "the call ends as rejected and is not dialled again",
    DialOutcome.CANCELED: "somebody canceled the call at Insight before this dial",
}
"""What each dial may meet, and what follows; what the shares leave is `no_answer`."""

DELIVERY_MEANINGS: Mapping[Delivery, str] = {
    Delivery.ON_TIME: "sent once, when the call has ended",
    Delivery.LOST: "never sent",
    Delivery.DOUBLED: "sent twice",
    Delivery.LATE: f"sent SECONDS after the call has ended (default {_LATE_SECONDS}): late:600=10%",
}
"""How each callback may arrive; what the shares leave is `on_time`."""

DEFAULT_OUTCOMES = "answered=35%,no_answer=45%,busy=18%,rejected=2%"
"""What dialling people is about like."""

_ALL_ANSWERED = Mix((), DialOutcome.ANSWERED)
_ALL_ON_TIME = Mix((), Delivery.ON_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """Unless it is said otherwise, everybody answers and every callback arrives once."""

    outcomes: Mix[DialOutcome] = _ALL_ANSWERED
    callbacks: Mix[Delivery] = _ALL_ON_TIME
    seed: int = 0

    def dials(self, number: str, time: int, attempts: int) -> tuple[DialOutcome, ...]:
        """What each of `attempts` dials meets when `number` was queued for the `time`th time."""
        return tuple(
            self.outcomes.pick(chance(self.seed, number, time, attempt)).kind
            for attempt in range(1, attempts + 1)
        )

    def delivery(self, number: str, time: int) -> tuple[Delivery, tuple[int, ...]]:
        """How the callback of that call arrives: each POST in seconds after the call has ended."""
        part = self.callbacks.pick(chance(self.seed, number, time, "callback"))
        late = _LATE_SECONDS if part.seconds is None else part.seconds
        posts = {Delivery.LOST: (), Delivery.DOUBLED: (0, 0), Delivery.LATE: (late,)}
        return part.kind, posts.get(part.kind, (0,))


EVERYBODY_ANSWERS = Behavior()


def parse_outcomes(text: str) -> Mix[DialOutcome]:
    """Raises UsageError."""
    return parse_mix(text, OUTCOME_MEANINGS, rest=DialOutcome.NO_ANSWER)


def parse_callbacks(text: str) -> Mix[Delivery]:
    """Raises UsageError."""
    return parse_mix(text, DELIVERY_MEANINGS, rest=Delivery.ON_TIME, timed=frozenset({Delivery.LATE}))


def parse_behavior(outcomes: str | None, callbacks: str | None, seed: int | None) -> Behavior:
    """From the options of a command; None where an option was not given. Raises UsageError."""
    return Behavior(
        outcomes=parse_outcomes(DEFAULT_OUTCOMES if outcomes is None else outcomes),
        callbacks=_ALL_ON_TIME if callbacks is None else parse_callbacks(callbacks),
        seed=seed or 0,
    )


def dialled_number(phone_number: str) -> str:
    """The digits that are dialled, the same for each way to write a US number."""
    digits = re.sub(r"[^0-9]", "", phone_number.partition(";")[0])
    return f"1{digits}" if len(digits) == _NATIONAL_DIGITS else digits
