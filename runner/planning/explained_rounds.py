"""The earlier rounds of one contact, and whether, when and at which hours it may be tried again. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runner.calls import CallState, Cause
from runner.campaign.document import Location
from runner.campaign.model import RetryPolicy
from runner.planning.rounds import NextRound, PastCall, SlotKind, next_round, slot_kind, untried_windows
from runner.planning.step import Step, count, moment
from runner.planning.windows import Window

_HOUR, _MINUTE = 3600, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The calls to one contact, or its number, that were sent or may have been; at least one.

    `home` is a zone of the contact: its own clock tells the kinds of slot.
    """

    past: Sequence[PastCall]
    policy: RetryPolicy
    home: str
    place: Callable[[Location], str]

    def following(self, planned_round: int | None) -> NextRound | Cause:
        """What may follow. `planned_round` is the round of the call that the plan has for it."""
        found = next_round(self.past, self.policy)
        if isinstance(found, Cause) or planned_round is None:
            return found
        return found._replace(round=planned_round)

    def untried(self, following: NextRound, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        """Those of `windows` that a plan prefers: at a kind of time at which it was not tried yet."""
        if not self.policy.varies_time:
            return ()
        return untried_windows(windows, following.tried_kinds(self.home), self.home)

    def steps(self, following: NextRound | Cause, windows: tuple[Window, ...]) -> Iterator[Step]:
        """`windows` are those of the following round; none are left where it gets no call."""
        if self.policy.rounds == 1 and all(call.result is None for call in self.past):
            return
        for call in sorted(self.past, key=lambda call: call.round):
            yield self._round(call)
        if isinstance(following, Cause):
            because, field = self._why_none(following)
            yield Step("next round", "none", because, self._place(field) if field else "")
            return
        yield self._next(following, windows)
        if windows and self.policy.varies_time:
            yield self._kinds(following, windows)

    def _round(self, call: PastCall) -> Step:
        name = f"round {call.round}"
        if call.result is None:
            uncertain = call.state == CallState.UNCERTAIN
            value = "uncertain" if uncertain else "result not known yet"
            until = f"may be dialled until {moment(call.end_timestamp, (self.home,))}"
            return Step(name, value, f"Insight may have queued it; {until}" if uncertain else until)
        kind = slot_kind(call.tried_at, self.home)
        tried = f"{moment(call.tried_at, (self.home,))} ({kind})"
        if call.dialled_at is not None:
            return Step(name, call.result, f"last dialled {tried}")
        until = moment(call.end_timestamp, (self.home,))
        because = f"Insight gave no time of a dial: it started {tried} and ended by {until}"
        return Step(name, call.result, because)

    def _next(self, following: NextRound, windows: tuple[Window, ...]) -> Step:
        not_before = moment(following.not_before, (self.home,))
        value = f"{following.round} of {self.policy.rounds}, from {not_before}"
        because = f"{_length(self.policy.round_gap)} after the last dial"
        if not windows:
            value, because = "none", f"no calling window is left from {not_before}, {because}"
        return Step("next round", value, because, self._place("round_gap"))

    def _kinds(self, following: NextRound, windows: tuple[Window, ...]) -> Step:
        tried = following.tried_kinds(self.home)
        untried = [kind for kind in SlotKind if kind not in tried]
        place = self._place("vary_time")
        if not untried:
            return Step("preferred time", "any", "every kind of time was tried", place)
        left = self.untried(following, windows)
        because = "not tried yet" if left else "not tried yet, but no such window is left: any other"
        return Step("preferred time", ", then ".join([" or ".join(untried), "any"]), because, place)

    def _why_none(self, cause: Cause) -> tuple[str, str]:
        """With the key of retry_policy that decides it."""
        last = max(self.past, key=lambda call: call.round)
        return {
            Cause.FINISHED: ("the contact was reached", ""),
            Cause.WAITING_FOR_RESULT: ("a round follows only a known result", ""),
            Cause.UNCERTAIN: ("nobody has settled yet whether the call was queued", ""),
            Cause.ROUNDS_USED: (f"tried in {last.round} of {count(self.policy.rounds, 'round')}", "rounds"),
            Cause.NOT_RETRIED: (
                f"only {' or '.join(self.policy.retry_on)} calls are tried again",
                "retry_on",
            ),
        }[cause]

    def _place(self, field: str) -> str:
        return self.place(("retry_policy", field))


def _length(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR)
    return f"{hours} h" if not rest else f"{hours} h {rest // _MINUTE} min"
