"""What operators do to the ledger's suppression list, and which calls Insight may still dial."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from runner.contacts.identity import Identity, is_rounded
from runner.contacts.kept_list import KeptEntries, KeptEntry
from runner.contacts.phone import (
    ROUNDED,
    PhoneError,
    is_region,
    looks_like_number,
    mask,
    parse_main_number,
)
from runner.errors import UsageError
from runner.ledger import late_opt_outs
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.ledger import Ledger
from runner.ledger.suppressions import LiveList, StoredEntry, SuppressionActs, Target, entries_in_force
from runner.services.campaigns import file_of, known_campaign, load
from runner.services.operators import guarded_ledger
from runner.services.planning import privacy_key
from runner.settings import Settings

_LAST_ZONE_HOURS = 12
"""In the last zone on Earth, UTC-12, a day ends so long after it does in UTC."""
_LONGEST_REASON = 200
_NUMBERS_IN_A_QUERY = 400


@dataclass(frozen=True, slots=True)
class SuppressionDesk:
    """The list of one ledger, and the person who changes it. `campaign` is None for all campaigns."""

    ledger: Ledger
    identity: Identity
    acts: SuppressionActs
    campaign: str | None

    def label(self, target: Target, *, show_contacts: bool = False) -> str:
        """What people read for this number or key."""
        if show_contacts:
            return target.phone or target.key
        return mask(target.phone) if target.phone else self.identity.label(target.key)

    def add(self, targets: Sequence[Target], until: float | None, reason: str) -> list[bool]:
        """Returns for each target whether it is new. Raises LedgerError."""
        labelled = [(each, self.label(each)) for each in targets]
        return self.acts.add(labelled, self.campaign, until, reason, time.time())

    def remove(self, targets: Sequence[Target]) -> list[tuple[int, list[StoredEntry]]]:
        """Returns for each target how many entries were removed, and which still name it."""
        labelled = [(each, self.label(each)) for each in targets]
        return self.acts.remove(labelled, self.campaign, time.time())

    def in_force(self) -> list[StoredEntry]:
        return entries_in_force(self.ledger.engine, self.campaign, time.time())

    def too_late(self, targets: Sequence[Target]) -> Iterator[tuple[str, Sequence[LateOptOut]]]:
        """For each campaign the calls to these targets that Insight has and may still dial. They are kept, so
        that `status` and `apply` show them, too.
        """
        now = time.time()
        named = KeptEntries(KeptEntry(phone=each.phone, key=each.key, since=now) for each in targets)
        # Numbers have an index; keys in any spelling do not.
        can_look_up = not named.names_keys and len(targets) <= _NUMBERS_IN_A_QUERY
        phones = [each.phone for each in targets] if can_look_up else None
        for campaign in self._campaigns():
            live = self.ledger.suppressions(campaign)
            live.refresh()

            def why(key: str, phone: str, live: LiveList = live) -> str | None:
                return live.entries.match(key, phone, now) if named.match(key, phone, now) else None

            late_opt_outs.note(self.ledger.engine, campaign, why, now, phones)
            found = late_opt_outs.named(self.ledger.engine, campaign, why, now, phones)
            if found:
                yield campaign, found

    def may_miss_calls(self, targets: Sequence[Target]) -> bool:
        """Whether one of these people may be dialled at another number: the ledger has that of each call
        alone, and only the contacts' rows say which others they have.
        """
        return any(each.phone for each in targets) and late_opt_outs.any_dialled(
            self.ledger.engine, self._campaigns(), time.time()
        )

    def _campaigns(self) -> Sequence[str]:
        return self.ledger.campaigns() if self.campaign is None else [self.campaign]


@contextmanager
def open_suppressions(campaign: str | None, actor: str, settings: Settings) -> Iterator[SuppressionDesk]:
    """`campaign` is a file, a name that the ledger knows, or None for all. Raises RunnerError."""
    with guarded_ledger(settings) as ledger:
        yield SuppressionDesk(
            ledger,
            Identity(privacy_key(settings, ledger)),
            SuppressionActs(ledger.engine, actor),
            None if campaign is None else _name(campaign, ledger),
        )


def _name(given: str, ledger: Ledger) -> str:
    """A file may name a campaign before its first apply. A name must be known: it may be misspelt."""
    file = file_of(given, ledger)
    return known_campaign(given, ledger) if file is None else load(file).campaign.name


def targets_of(texts: Sequence[str], region: str | None, *, are_keys: bool) -> list[Target]:
    """What each text names, each once: a number where it looks like one, else a key.

    Raises UsageError for a number that cannot be read, also where only its country is missing.
    """
    if region is not None and not is_region(region):
        raise UsageError(
            f"invalid --region {region}", hint="write the two letters of a country, such as --region US"
        )
    found = [_target(text.strip(), place, region, are_keys) for place, text in enumerate(texts, start=1)]
    return list(dict.fromkeys(found))


def _target(text: str, place: int, region: str | None, are_keys: bool) -> Target:  # noqa: FBT001 - as given
    if not text:
        raise UsageError(f"argument {place} is empty: it must be a number or a key")
    if is_rounded(text):
        raise UsageError(f"argument {place} cannot be read: {ROUNDED}")
    if are_keys or not looks_like_number(text):
        return Target("", text)
    try:
        return Target(parse_main_number(text, region), "")
    except PhoneError as error:
        why = "its country is missing" if region is None and "+" not in text else str(error)
        raise UsageError(
            f"argument {place} looks like a phone number and cannot be read as one: {why}",
            hint="write the number with + and its country code, or give its country with --region US; "
            "if it is a contact's key, add --key",
        ) from None


def until_of(text: str, now: float) -> float:
    """The end of this day in the last zone on Earth: the day is included wherever the contact is.

    Raises UsageError.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"invalid --until {text}: it must be a date", hint="write 2026-12-31") from None
    ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=_LAST_ZONE_HOURS)
    if ends.timestamp() <= now:
        raise UsageError(
            f"invalid --until {text}: this day is over", hint="leave out --until for an entry without an end"
        )
    return ends.timestamp()


def reason_of(text: str) -> str:
    """Raises UsageError for a reason that plans could not show."""
    reason = " ".join(text.split())
    if len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise UsageError(
            f"invalid --reason: it must be at most {_LONGEST_REASON} visible characters",
            hint="plans and the history show it: keep it short, and do not name people",
        )
    return reason
