"""A plan that was saved for review, and whether it still holds. Pure.

A saved plan has no phone numbers, only fingerprints of its inputs and calls. `apply` plans again from the
campaign file and compares the two.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hmac import compare_digest

from runner.calls import Cause, Reason
from runner.contacts.identity import Identity
from runner.planning.inputs import CALL_PARTS, Inputs, key_fingerprint
from runner.planning.plan import Change
from runner.planning.plan_view import CallView, PlanView, SourceView

_MAY_GO = frozenset(
    {Reason.SUPPRESSED, Reason.FILTERED, Reason.ALREADY_QUEUED, Reason.REFUSED, Reason.CONTACT_LIMIT}
)
"""For these reasons a call of the plan may be left out. Any other means that the plan no longer fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    view: PlanView
    inputs: Inputs
    signature: str = ""
    """As `sign` made it when the file was written; empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A saved plan compared with what would be planned now."""

    faults: tuple[str, ...]
    """Why it must not be applied; empty if it may."""
    causes: tuple[str, ...]
    """What changed since it was made."""
    notes: tuple[str, ...]
    """Differences that are allowed: excluded calls, other times."""


def compare(saved: SavedPlan, now: SavedPlan, *, consumed: bool) -> Comparison:
    """Whether `saved` may be applied, given what would be planned `now`.

    `consumed`: the plan was entered into this ledger before. It then continues with its own calls, which may
    have moved to later windows as any late call does, but plans no new ones.
    """
    return _Comparer(saved, now, consumed=consumed).comparison()


def made_with(saved: SavedPlan, identity: Identity) -> bool:
    """Whether the plan was made with this privacy key; otherwise nothing can be compared."""
    return saved.inputs.key == key_fingerprint(identity)


def sign(checksum: str, identity: Identity) -> str:
    """The signature of a file with this checksum: the checksum, and a keyed hash of it. Everybody can compare
    the first half with the file; only who has the privacy key can make the second.
    """
    return f"{checksum}.{identity.digest(f'signature:{checksum}')}"


def is_signed(signature: str, checksum: str, identity: Identity | None) -> bool:
    """Whether a file with this checksum is as it was signed. Without `identity` only an edit that also
    corrected the checksum is not noticed.
    """
    if identity is None:
        return signature.partition(".")[0] == checksum
    return compare_digest(signature, sign(checksum, identity))


class _Comparer:
    def __init__(self, saved: SavedPlan, now: SavedPlan, *, consumed: bool) -> None:
        self._saved = saved
        self._now = now
        self._consumed = consumed
        self._written = dict(zip(saved.inputs.calls, saved.view.calls, strict=True))
        self._planned = dict(zip(now.inputs.calls, now.view.calls, strict=True))
        self._kept = [
            (self._written[fingerprint], call)
            for fingerprint, call in self._planned.items()
            if fingerprint in self._written
        ]

    def comparison(self) -> Comparison:
        gone = self._gone()
        return Comparison(
            faults=(*self._faults_of_the_whole(), *self._faulty_calls(), *self._wrongly_gone(gone)),
            causes=tuple(self._causes()),
            notes=tuple(self._notes(gone)),
        )

    def _faults_of_the_whole(self) -> Iterator[str]:
        sections = list(_differing(self._saved.inputs.sections, self._now.inputs.sections))
        if sections:
            yield f"the campaign file changed under {', '.join(f'`{name}`' for name in sections)}"
        before, after = asdict(self._saved.view.versions), asdict(self._now.view.versions)
        for name in _differing(before, after):
            yield f"{name} is {after[name]} here, but the plan was made with {before[name]}"
        if self._saved.inputs.ledger_knew and not self._now.inputs.ledger_knew:
            yield "the plan was made with a ledger that knows this campaign; this ledger does not"

    def _faulty_calls(self) -> Iterator[str]:
        written = {(call.ref, call.round): fingerprint for fingerprint, call in self._written.items()}
        beyond = [(key, call) for key, call in self._planned.items() if key not in self._written]
        changed = [(key, call) for key, call in beyond if (call.ref, call.round) in written]
        added = [call for _, call in beyond if (call.ref, call.round) not in written]
        if changed:
            what = Counter(_changed_parts(written[call.ref, call.round], key) for key, call in changed)
            parts = "; ".join(part for part, _ in what.most_common())
            yield f"{_are(len(changed))} changed ({parts}): {_places([call for _, call in changed])}"
        if added:
            yield f"{_are(len(added))} not in the plan: {_places(added)}"
        if self._consumed:
            skipped = [call for _, call in self._kept if call.change is Change.NEW]
            if skipped:
                were = "1 call was" if len(skipped) == 1 else f"{len(skipped):,} calls were"
                yield f"the plan was applied before, and {were} skipped since: {_places(skipped)}"
            return
        moved = [call for before, call in self._kept if before.end_timestamp != call.end_timestamp]
        if moved:
            yield f"{_are(len(moved))} in another calling window: {_places(moved)}"

    def _gone(self) -> Mapping[Reason | None, list[CallView]]:
        """The calls of the saved plan that would not be planned now, by reason."""
        reasons = {exclusion.ref: exclusion.reason for exclusion in reversed(self._now.view.exclusions)}
        for exclusion in self._now.view.exclusions:
            # Queued first and excluded then: the plan warns of these, and they are not missing.
            if exclusion.cause is Cause.EARLIER_CALL:
                reasons[exclusion.ref] = Reason.ALREADY_QUEUED
        present = {(call.ref, call.round) for call in self._planned.values()}
        gone: dict[Reason | None, list[CallView]] = {}
        for call in self._written.values():
            if (call.ref, call.round) not in present:
                gone.setdefault(reasons.get(call.ref), []).append(call)
        return gone

    def _wrongly_gone(self, gone: Mapping[Reason | None, list[CallView]]) -> Iterator[str]:
        for reason, calls in gone.items():
            # What an applied plan has left may have missed its last window.
            missed = self._consumed and reason is Reason.NO_WINDOW
            if reason and reason not in _MAY_GO and not missed:
                yield f"{_are(len(calls))} excluded now, as {reason}: {_places(calls)}"

    def _causes(self) -> Iterator[str]:
        before, after = self._saved.inputs, self._now.inputs
        yield from self._changed_sources()
        for path in _differing(before.files, after.files):
            yield f"{path} changed"
        if before.ledger_revision != after.ledger_revision:
            yield "the ledger changed"
        paces = self._saved.view.hours.calls_per_minute, self._now.view.hours.calls_per_minute
        if paces[0] != paces[1]:
            yield f"the pace is {paces[1]} calls a minute, it was {paces[0]}"

    def _changed_sources(self) -> Iterator[str]:
        before, after = (
            {each.place: each for each in plan.view.sources} for plan in (self._saved, self._now)
        )
        changed = {}
        for place in dict.fromkeys((*before, *after)):
            old, new = before.get(place), after.get(place)
            if old is None or new is None or old.digest != new.digest:
                # One file may be named more than once.
                either = new or old
                changed[either.name if either else ""] = _rows_words(old, new)
        return (f"{name} changed{words}" for name, words in changed.items())

    def _notes(self, gone: Mapping[Reason | None, list[CallView]]) -> Iterator[str]:
        for reason, calls in gone.items():
            # What an applied plan has queued is done, not missing.
            if not (self._consumed and reason is Reason.ALREADY_QUEUED):
                why = f"as {reason}" if reason else "because no source has the contact any more"
                yield f"{_are(len(calls))} excluded, {why}: {_places(calls)}"
        shifts = [abs(call.start_timestamp - before.start_timestamp) for before, call in self._kept]
        moved = sum(shift > 0 for shift in shifts)
        if moved:
            where = "" if self._consumed else ", inside the same windows"
            yield f"{_are(moved)} up to {_span(max(shifts))} from the planned time{where}"


def _rows_words(old: SourceView | None, new: SourceView | None) -> str:
    if old is None or new is None or old.rows == new.rows:
        return ""
    return f": {new.rows:,} rows, it had {old.rows:,}"


def _changed_parts(before: str, after: str) -> str:
    """In which parts the fingerprints of two calls differ, in words."""
    pairs = zip(CALL_PARTS, before.split("-"), after.split("-"), strict=False)
    names = [name for name, one, other in pairs if one != other]
    # The request contains the number too.
    return ", ".join(name for name in names if name != "request" or "phone" not in names)


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    return (name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name))


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60):,} min"  # noqa: PLR2004 - two minutes


def _are(number: int) -> str:
    return "1 call is" if number == 1 else f"{number:,} calls are"


def _places(calls: Sequence[CallView]) -> str:
    """The first of them, so that somebody can look."""
    first = ", ".join(f"{call.contact} ({call.source}:{call.row})" for call in calls[:3])
    return f"{first}{' …' if len(calls) > 3 else ''}"  # noqa: PLR2004 - the three that were named
