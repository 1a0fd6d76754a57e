"""One test call to the operator's own phone: it is in the history, and in nothing that is counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from runner.calls import CallRequest, Metadata
from runner.campaign.loader import LoadedCampaign
from runner.contacts.identity import Identity
from runner.contacts.phone import PhoneError, dial_string, mask, parse_phone, zones_of
from runner.dispatch.redaction import redacted
from runner.errors import LedgerError, RunnerError, UsageError
from runner.insight.outcome import (
    Accepted,
    CampaignBlocked,
    NotSent,
    Outcome,
    Refused,
    Uncertain,
    classify,
)
from runner.insight.protocol import call_now_request
from runner.ledger.operators import Operators, PauseInfo
from runner.planning.candidate import Candidate
from runner.planning.screening import Screening
from runner.planning.zones import westernmost
from runner.services.binding import binding_of
from runner.services.campaigns import static_region
from runner.services.environment import Environment
from runner.services.planning import privacy_key, source_reader, suppression_now
from runner.services.policy import check_survey, load_policy

_DAY_HOURS = range(8, 21)
"""Hours in which a test call needs no warning: from 8:00 until 21:00."""
VERB = "test-call"


@dataclass(frozen=True, slots=True)
class CallNow:
    """What is to be sent, and as whom. `label` is the contact for people."""

    to: str
    label: str
    request: CallRequest

    @property
    def masked(self) -> str:
        return mask(self.to)


def number_of(text: str, loaded: LoadedCampaign) -> str:
    """The number to call, in E.164 form. Raises UsageError."""
    region = static_region(loaded)
    try:
        return parse_phone(text, region)
    except PhoneError as error:
        missing = region is None and "+" not in text
        why = "its country is missing" if missing else str(error)
        raise UsageError(
            f"--to cannot be read as a phone number: {why}", hint="write it as +16175550100"
        ) from None


def local_warning(to: str, now: float) -> str:
    """A warning about the time of the call; empty where it is day in each zone of the number."""
    zones = zones_of(to)
    if not zones:
        return "the time zone of this number is unknown"
    night = [name for name in zones if westernmost(int(now), (name,)).hour not in _DAY_HOURS]
    if not night:
        return ""
    local = westernmost(int(now), (night[0],))
    return f"it is {local:%H:%M} in {night[0]}, where this number may be"


class CallingNow:
    """Of one campaign: `check`, `prepare`, `send`."""

    def __init__(self, loaded: LoadedCampaign, environment: Environment, actor: str) -> None:
        self._loaded = loaded
        self._environment = environment
        self._identity = Identity(privacy_key(environment.settings, environment.ledger))
        self._operators = Operators(environment.ledger.engine, actor)
        self._reader = source_reader(loaded, environment.settings, environment.ledger, loaded.columns_used())

    def check(self, to: str) -> None:
        """Raises RunnerError where apply would refuse the campaign, an operator holds it up, or the number is
        on a suppression list.
        """
        environment, campaign = self._environment, self._loaded.campaign
        ledger = environment.ledger
        environment.guard().check()
        ledger.check_binding(binding_of(self._loaded, environment.settings, self._identity))
        ledger.check_survey(campaign.name, campaign.survey.survey_id, campaign.survey.instance_id)
        _refuse_paused(ledger.pause_info(campaign.name))
        check_survey(self._loaded, load_policy(environment.settings.policy_file))
        lists = suppression_now(self._loaded, environment.settings, ledger, environment.clock.now())
        listed = lists.match("", to)
        if listed is not None:
            raise RunnerError(
                f"{mask(to)} is not called: it is {listed}", hint="call another phone with --to"
            )

    def prepare(self, to: str, contact: str | None) -> CallNow:
        """With the metadata and the caller ID of this contact (key or ref), else of the first that has them.

        Raises RunnerError where there is no such contact.
        """
        candidate = self._candidate(contact)
        _, *suffixes = candidate.phone_number.split(";")
        # Keys to press belong to the contact's own line.
        ani = next((each.removeprefix("ani=") for each in suffixes if each.startswith("ani=")), "")
        dialled = dial_string(to, "", "") + (f";ani={ani}" if ani else "")
        request = CallRequest(dialled, 1, None, Metadata(candidate.metadata), "")
        return CallNow(to, self._identity.label(candidate.key), request)

    def _candidate(self, contact: str | None) -> Candidate:
        campaign, reader = self._loaded.campaign, self._reader
        rows = ((source, row) for source in campaign.contacts.sources for row in reader.rows(source))
        for entry in Screening(campaign, self._identity).screen(rows):
            if not isinstance(entry, Candidate):
                continue
            if contact in {entry.key, entry.ref} or (contact is None and not entry.fault):
                if not entry.phone_number:
                    raise RunnerError(
                        "this contact cannot be called, so it has no metadata to send",
                        hint=f"see why: runner plan {self._loaded.path} --explain {entry.ref}",
                    )
                return entry
        raise RunnerError(
            "no source has a contact that can be called" if contact is None else "no source has this contact",
            hint="name another contact with --as, by key or ref",
        )

    async def send(self, call: CallNow) -> Outcome:
        """Sends the request once, after the intent is committed, and keeps what came of it."""
        survey, environment = self._loaded.campaign.survey, self._environment
        form = call_now_request(
            survey_id=survey.survey_id,
            instance_id=survey.instance_id,
            phone_number=call.request.phone_number,
            metadata=call.request.metadata,
            accept=environment.settings.accept,
        )
        note = self._notes(f"to {call.masked} with the metadata of {call.label}")
        async with environment.client() as client:
            note("about to be sent; without a later entry it is unknown whether Insight has it")
            environment.guard().check()
            exchange = await client.post(form, before_send=lambda: None)
        outcome = redacted(classify(exchange), call.request)
        await asyncio.to_thread(note, outcome_words(outcome))
        return outcome

    def _notes(self, which: str) -> Callable[[str], None]:
        campaign, clock = self._loaded.campaign.name, self._environment.clock
        return lambda what: self._operators.note(campaign, VERB, f"{which}: {what}", clock.now())


def outcome_words(outcome: Outcome) -> str:
    """What became of the test call, for people."""
    match outcome:
        case Accepted():
            return f"Insight queued it, call_id {outcome.call_id}"
        case Refused() | CampaignBlocked():
            return f"Insight refused it: {outcome.error}"
        case NotSent():
            return f"nothing was sent: {outcome.reason}"
        case Uncertain():
            return f"it is unknown whether Insight queued it: {outcome.reason}"


def _refuse_paused(found: PauseInfo | None) -> None:
    if found is not None:
        raise LedgerError(
            f"campaign {found.campaign} is {found.state}: nothing is sent (by {found.by})",
            hint=f"to end a pause: runner resume {found.campaign}",
        )
