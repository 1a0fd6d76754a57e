"""`runner doctor`: checks everything on this machine that a campaign depends on."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version

from rich.text import Text

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.rules.presets import presets
from runner.campaign.timezones import names
from runner.commands.terminal import say
from runner.errors import ExitStatus, RunnerError
from runner.extras import install_command
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.console import print_lines, standard_console
from runner.reports.forms import FORMAT_VERSION, Doctor, DoctorCheck
from runner.reports.json_text import json_text
from runner.services.environment import insight_client
from runner.settings import (
    Settings,
    ledger_states_folder,
    load_settings,
    require_credentials,
    validate_base_url,
)

_CLOCK_WARNING_SECONDS = 30
_PACKAGES = ("plum-runner", "tzdata", "phonenumbers", "holidays", "sqlalchemy", "httpx", "apscheduler")


def doctor(*, as_json: bool) -> int:
    """Prints each finding, and what to do about each problem. Exit status 1 if there is one."""
    show = _collected if as_json else _printed
    return ExitStatus.DONE if show(_findings(load_settings())) else ExitStatus.FAILED


def _printed(findings: Iterator[DoctorCheck]) -> bool:
    """A line for each, as soon as it is known. Returns whether all is well."""
    console = standard_console()
    packages = ", ".join(f"{name} {version}" for name, version in _versions().items())
    print_lines(console, [Text(f"Python {_python()}; {packages}")])
    healthy = True
    for found in findings:
        healthy = healthy and found["ok"]
        word = "ok     " if found["ok"] else "problem"
        print_lines(console, [Text(f"{word}  {line}") for line in found["finding"].split("\n")])
        if found["hint"]:
            print_lines(console, [Text(f"         {found['hint']}")])
    return healthy


def _collected(findings: Iterator[DoctorCheck]) -> bool:
    """As one JSON object. Returns whether all is well."""
    checks = list(findings)
    found = Doctor(
        format_version=FORMAT_VERSION,
        python=_python(),
        packages=_versions(),
        ok=all(check["ok"] for check in checks),
        checks=checks,
    )
    say(json_text(found, indented=True))
    return found["ok"]


def _findings(settings: Settings) -> Iterator[DoctorCheck]:
    checks: dict[str, Callable[[Settings], Iterator[str]]] = {
        "ledger": _ledger,
        "time_zones": _zones,
        "rules": _rules,
        "credentials": _credentials,
        "insight": _insight,
    }
    for name, check in checks.items():
        try:
            for finding in check(settings):
                yield DoctorCheck(check=name, ok=True, finding=finding, hint="")
        except RunnerError as error:
            yield DoctorCheck(check=name, ok=False, finding=error.message, hint=error.hint)


def _python() -> str:
    return sys.version.split()[0]


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def _ledger(settings: Settings) -> Iterator[str]:
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        known = len(ledger.campaigns())
        yield f"ledger {ledger.place}: opens, {known} {'campaign' if known == 1 else 'campaigns'}"
        yield from ledger.findings()
        # It may run as a role that only reads.
        RollbackGuard(ledger, ledger_states_folder()).verify()
        yield "the ledger is the one that was used last on this machine"


def _zones(_settings: Settings) -> Iterator[str]:
    found = names()
    if "America/New_York" not in found:
        raise RunnerError(
            "the tzdata package holds no time zones", hint=install_command("--force-reinstall", "tzdata")
        )
    yield f"{len(found)} time zones from tzdata {version('tzdata')}"


def _rules(settings: Settings) -> Iterator[str]:
    try:
        known = presets(settings.rules)
    except CampaignInvalidError as error:
        raise RunnerError("\n".join(map(str, error.diagnostics))) from None
    own = f", {len(known.own)} of them from {settings.rules}" if settings.rules is not None else ""
    yield f"{len(known.by_name)} rule presets{own}"


def _credentials(settings: Settings) -> Iterator[str]:
    require_credentials(settings)
    yield "credentials are set"


def _insight(settings: Settings) -> Iterator[str]:
    base_url = validate_base_url(settings.insight_base_url)
    date = asyncio.run(_date_of(base_url, settings))
    if date is None:
        yield f"{base_url} answers, but without a date, so the clocks cannot be compared"
        return
    ahead = time.time() - date
    if abs(ahead) > _CLOCK_WARNING_SECONDS:
        raise RunnerError(
            f"this machine's clock and Insight's are {abs(ahead):.0f} s apart",
            hint="set the clock, for example with NTP: calls would start at the wrong time",
        )
    yield f"{base_url} answers; its clock and ours are {abs(ahead):.0f} s apart"


async def _date_of(base_url: str, settings: Settings) -> float | None:
    async with insight_client(settings.model_copy(update={"insight_base_url": base_url})) as client:
        # Any answer will do; there is no such survey.
        exchange = await client.responses("0", "0")
    if exchange.status is None:
        raise RunnerError(
            f"{base_url} cannot be reached: {exchange.problem}",
            hint="check the network and RUNNER_INSIGHT_BASE_URL",
        )
    return exchange.date
