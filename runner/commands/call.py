"""`runner call`: one test call to the operator's phone, now."""

import asyncio
from pathlib import Path

from runner.commands.terminal import actor, ask_to_type, note, rehearsed, require_terminal, say
from runner.errors import ExitStatus, RunnerError
from runner.insight.outcome import Accepted, CampaignBlocked, Outcome, Uncertain
from runner.services.binding import api_name
from runner.services.calling_now import (
    CallingNow,
    CallNow,
    local_warning,
    number_of,
    outcome_words,
)
from runner.services.campaigns import load
from runner.services.environment import Environment, insight
from runner.settings import load_settings


def call(path: Path, to: str, contact: str | None, *, yes: bool, sandbox: bool) -> int:
    """Asks, sends one request, and says what came of it. It is never sent again by itself."""
    loaded = load(path)
    number = number_of(to, loaded)
    if not yes:
        require_terminal("call")
    with rehearsed() if sandbox else insight(load_settings()) as environment:
        calling = CallingNow(loaded, environment, actor())
        calling.check(number)
        prepared = calling.prepare(number, contact)
        _announce(prepared, environment)
        if not yes:
            ask_to_type("call", "call")
            # Somebody may have paused the campaign meanwhile, or suppressed the number.
            calling.check(number)
        outcome = asyncio.run(calling.send(prepared))
        return _report(outcome, api_name(environment.settings))


def _announce(call: CallNow, environment: Environment) -> None:
    where = "the sandbox" if environment.is_rehearsal else api_name(environment.settings)
    names = ", ".join(call.request.metadata) or "none"
    say(
        f"This calls {call.masked} now, once, through {where}, with the metadata of {call.label} ({names}). "
        "It ignores calling windows, and no report or cap counts it."
    )
    warning = local_warning(call.to, environment.clock.now())
    if warning:
        note(f"warning: {warning}")


def _report(outcome: Outcome, where: str) -> int:
    match outcome:
        case Accepted():
            say(f"{where} queued the test call, call_id {outcome.call_id}: the phone should ring soon")
            return ExitStatus.DONE
        case Uncertain():
            note(
                f"{outcome_words(outcome)}. The phone may still ring. It is not sent again: check in Insight "
                "before you call again"
            )
            return ExitStatus.FINISHED_WITH_PROBLEMS
        case CampaignBlocked():
            raise RunnerError(outcome_words(outcome), hint=outcome.advice)
        case _:
            raise RunnerError(outcome_words(outcome), hint="the phone does not ring")
