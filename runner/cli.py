"""The command line: arguments in, exit status out, and nothing else.

Each command imports its use case when it runs, so that `runner --help` pays for nothing it does not need.
"""

import errno
import gc
import re
import signal
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from runner.calls import Resolution
from runner.errors import ExitStatus, RunnerError, UsageError
from runner.reports.streams import guard_output

# Typer keeps the base class of its usage errors to itself.
_CommandLineError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]

_OUTPUT_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What files of our own cannot do is said where they are written."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(2000, 3000)
"""For which a plan can be asked."""

app = typer.Typer(
    name="runner",
    help="Voice-survey campaigns on Plum Insight, declared in YAML: each contact queued once, "
    "at the right time.",
    no_args_is_help=True,
    # Rich would double the time that `--help` takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

CampaignArgument = Annotated[
    Path, typer.Argument(metavar="CAMPAIGN", help="The campaign file, or a saved plan.")
]
KnownCampaign = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="The campaign file, or a name that the ledger knows.")
]
ShowContacts = Annotated[
    bool, typer.Option("--show-contacts", help="Show numbers, keys and metadata as they will be sent.")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT|DATE",
        help="Plan as if it were this moment, such as 2026-12-01T16:00:00Z. A date is its first moment in "
        "UTC, the same on every machine: 2026-12-01 is 2026-12-01T00:00:00Z.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        min=2000, metavar="N", help="Cut the Markdown form to N bytes; 60000 where nothing is said."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Required without a terminal.")]
EveryRow = Annotated[
    bool,
    typer.Option(
        "--all", help="List every row that is not called and every changed call, not the first few."
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Queue at most N calls in this run.")]


class ValidateOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class PlanOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    GITHUB = "github"


class StatusOutput(StrEnum):
    TEXT = "text"
    JSON = "json"


def main() -> None:
    """The console script."""
    # Imports and rows make many things that stay, and hardly a cycle: looking for those often is in vain.
    gc.set_threshold(10_000)
    guard_output()
    for name in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C does, they end a command in order: what it keeps for a while is put away.
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status; never raises for what a user can cause."""
    try:
        status = _run_command(arguments)
        # What cannot be written must not be found out when nobody can be told any more.
        if sys.stdout is not None:
            sys.stdout.flush()
    except RunnerError as error:
        _print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has seen enough; Python must not complain again at exit.
        sys.stdout = None
        return ExitStatus.FAILED
    except OSError as error:
        if error.errno not in _OUTPUT_FAILS:
            raise
        sys.stdout = None
        _print_error(RunnerError(f"the output cannot be written: {error.strerror}"))
        return ExitStatus.FAILED
    return status


def _run_command(arguments: list[str]) -> int:
    """What the command returned. Raises RunnerError and KeyboardInterrupt."""
    try:
        # Outside standalone mode Typer returns what the command returned, and its errors reach us.
        status = app(arguments, standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _CommandLineError as error:
        # Of its own accord it looks for a stream behind ours.
        error.show(file=sys.stderr)
        return ExitStatus.WRONG_USAGE
    # Newer releases of Typer keep Ctrl-C to themselves, and return a bare number for it.
    if status == ExitStatus.INTERRUPTED and not isinstance(status, ExitStatus):
        raise KeyboardInterrupt
    return int(status or ExitStatus.DONE)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put it.")] = Path(),
) -> int:
    """Write a starter campaign with its contacts.

    It is valid as it stands, and can be rehearsed with `runner apply campaign.yaml --sandbox`.
    """
    from runner.commands.init import init  # noqa: PLC0415 - see the module's docstring

    return init(folder)


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Campaign files or folders.")],
    *,
    output: ValidateOutput = ValidateOutput.TEXT,
    contacts: Annotated[
        bool, typer.Option("--contacts", help="Also read the contacts and suppression lists.")
    ] = False,
) -> int:
    """Check campaign files and report every error at once.

    Each error names its line and says what to do. Contacts are not read without --contacts.
    """
    from runner.commands.validate import validate  # noqa: PLC0415 - see the module's docstring

    return validate(paths, output=output, contacts=contacts)


@app.command()
def schema(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="One key, such as calling_windows.weekly.")
    ] = None,
) -> int:
    """Print the campaign file's JSON Schema, or explain a key."""
    from runner.commands.schema import schema  # noqa: PLC0415 - see the module's docstring

    return schema(key)


@app.command()
def plan(  # noqa: PLR0913 - each is an option of the command
    campaign: CampaignArgument,
    *,
    as_of: AsOf = None,
    output: PlanOutput = PlanOutput.TEXT,
    save_to: Annotated[
        Path | None,
        typer.Option("-o", metavar="FILE", help="Save the plan, masked, for `runner apply FILE`."),
    ] = None,
    limit: Limit = None,
    show_contacts: ShowContacts = False,
    max_bytes: MaxBytes = None,
    every_row: EveryRow = False,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="CONTACT",
            help="Only this contact: how each value came about. By key, ref, number or row (visits.csv:17).",
        ),
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are calls to queue.")
    ] = False,
) -> int:
    """Show what apply would do. Calls nobody.

    Who is called when, who is not and why, and what changed since the last apply.
    """
    from runner.commands.plan import PlanOptions, plan  # noqa: PLC0415 - see the module's docstring
    from runner.commands.plan_formats import PlanFormat  # noqa: PLC0415 - see the module's docstring

    return plan(
        campaign,
        PlanOptions(
            as_of=_instant(as_of),
            form=PlanFormat(output),
            limit=limit,
            show_contacts=show_contacts,
            save_to=save_to,
            detailed_exitcode=detailed_exitcode,
            most_bytes=max_bytes,
            every_row=every_row,
            explain=explain,
        ),
    )


@app.command()
def show(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan that `runner plan -o` saved.")],
    *,
    output: PlanOutput = PlanOutput.TEXT,
    max_bytes: MaxBytes = None,
    every_row: EveryRow = False,
) -> int:
    """Show a saved plan in any form."""
    from runner.commands.plan_formats import PlanFormat  # noqa: PLC0415 - see the module's docstring
    from runner.commands.show import show  # noqa: PLC0415 - see the module's docstring

    return show(plan, PlanFormat(output), most_bytes=max_bytes, every_row=every_row)


@app.command()
def apply(
    campaign: Annotated[
        Path, typer.Argument(metavar="CAMPAIGN|PLAN", help="The campaign file, or a saved plan.")
    ],
    *,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `runner plan`.")] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Rehearse against a local Insight stand-in, with a throw-away ledger and a clock that "
            "leaps over waiting times. Nobody is called.",
        ),
    ] = False,
    limit: Limit = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Leave when nothing is due within a minute.")
    ] = False,
    show_contacts: ShowContacts = False,
) -> int:
    """Queue every call of the campaign at its time.

    It shows the plan, asks, and runs until the last call is queued.
    """
    from runner.commands.apply import ApplyOptions, apply  # noqa: PLC0415 - see the module's docstring
    from runner.commands.plan import PlanOptions, plan  # noqa: PLC0415 - see the module's docstring

    if dry_run:
        return plan(campaign, PlanOptions(limit=limit, show_contacts=show_contacts))
    return apply(
        campaign,
        ApplyOptions(
            yes=yes, sandbox=sandbox, limit=limit, until_idle=until_idle, show_contacts=show_contacts
        ),
    )


@app.command()
def status(
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="A campaign file, or a name the ledger knows.")
    ] = None,
    *,
    output: StatusOutput = StatusOutput.TEXT,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds.")] = False,
) -> int:
    """Show how far a campaign is and what needs a person."""
    from runner.commands.status import status  # noqa: PLC0415 - see the module's docstring

    return status(campaign, as_json=output is StatusOutput.JSON, watch=watch)


@app.command()
def pause(campaign: KnownCampaign) -> int:
    """Stop sending until the campaign is resumed.

    A running apply stops within two seconds. The pause lasts over restarts.
    """
    from runner.commands import operate  # noqa: PLC0415 - see the module's docstring

    return operate.pause(campaign)


@app.command()
def resume(campaign: KnownCampaign) -> int:
    """Let a paused campaign continue."""
    from runner.commands import operate  # noqa: PLC0415 - see the module's docstring

    return operate.resume(campaign)


@app.command()
def cancel(
    campaign: KnownCampaign,
    *,
    pending_at_insight: Annotated[
        bool,
        typer.Option(
            "--pending-at-insight",
            help="Also cancel everything that waits in the survey's instance at Insight, of any origin.",
        ),
    ] = False,
    yes: Yes = False,
) -> int:
    """Withdraw for good every call that is not queued yet."""
    from runner.commands import operate  # noqa: PLC0415 - see the module's docstring

    return operate.cancel(campaign, pending_at_insight=pending_at_insight, yes=yes)


@app.command()
def resolve(
    campaign: KnownCampaign,
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="The contact's key or ref.")
    ] = None,
    *,
    resolution: Annotated[Resolution, typer.Option("--as", help="What you found out at Insight.")],
    everybody: Annotated[
        bool, typer.Option("--all", help="Every uncertain call of the campaign, after asking.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The contacts in this file, one key or ref a line.")
    ] = None,
    call_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Insight's call_id, where you know it; with --as queued.")
    ] = None,
    yes: Yes = False,
) -> int:
    """Decide on an uncertain call.

    A call that is resolved as not-queued is planned again by the next apply.
    """
    from runner.commands import settle  # noqa: PLC0415 - see the module's docstring

    return settle.resolve(
        campaign,
        contact,
        file=file,
        everybody=everybody,
        resolution=resolution,
        call_id=call_id,
        yes=yes,
    )


@app.command()
def retry(
    campaign: KnownCampaign,
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="The contact's key or ref.")
    ] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="Every refused call of the campaign.")] = False,
) -> int:
    """Plan refused calls again although nothing changed.

    Use it when the cause of the refusal lay at Insight.
    """
    from runner.commands import settle  # noqa: PLC0415 - see the module's docstring

    return settle.retry(campaign, contact, everybody=everybody)


@app.command()
def acknowledge(campaign: KnownCampaign) -> int:
    """Mark refused and uncertain calls as seen.

    Afterwards apply no longer exits with 6 because of them.
    """
    from runner.commands import settle  # noqa: PLC0415 - see the module's docstring

    return settle.acknowledge(campaign)


@app.command()
def history(
    campaign: KnownCampaign,
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="Only this contact, by key or ref.")
    ] = None,
) -> int:
    """Show every change of every call.

    When, what, why, and by which process or person.
    """
    from runner.commands import operate  # noqa: PLC0415 - see the module's docstring

    return operate.history(campaign, contact)


@app.command(name="trust-ledger")
def trust_ledger(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Accept a ledger that was moved, copied or restored.

    Make sure first that it is the newest one: calls that it does not know are made again.
    """
    from runner.commands import operate  # noqa: PLC0415 - see the module's docstring

    return operate.trust_ledger(yes=yes)


@app.command()
def doctor() -> int:
    """Check this machine, the ledger, and Insight's clock."""
    from runner.commands.doctor import doctor  # noqa: PLC0415 - see the module's docstring

    return doctor()


class _SandboxCommand(TyperCommand):
    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's own types
        """Explains the faults; it alone needs the sandbox's modules."""
        from runner.insight.sandbox.faults import MEANINGS, SPELLING  # noqa: PLC0415 - see the module's docstring

        with formatter.section(f"Faults, each as {SPELLING}"):
            formatter.write_dl(list(MEANINGS.items()))


@app.command(cls=_SandboxCommand)
def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free port.")] = 8025,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="Misbehave on queue requests, such as 500*3 or reset-after@10%."),
    ] = None,
) -> int:
    """Run a local stand-in for Insight as a server.

    Campaigns can be tried against it without calling anybody.
    """
    from runner.commands.sandbox import sandbox  # noqa: PLC0415 - see the module's docstring

    return sandbox(port=port, faults=fault or [])


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - see the module's docstring

        typer.echo(f"runner {version('plum-runner')}")
        raise typer.Exit


@app.callback()
def _global_options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Voice-survey campaigns on Plum Insight, declared in YAML: each contact queued once, on time."""


def _instant(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UsageError(
            f"--as-of {text} is not a date or an instant",
            hint="write 2026-12-01, or an instant with its offset from UTC: 2026-12-01T16:00:00Z",
        )
    if instant.year not in _YEARS:
        raise UsageError(
            f"--as-of {text} is not in the years {_YEARS[0]} to {_YEARS[-1]}",
            hint="plans are made for these years only",
        )
    return instant.timestamp()


def _print_error(error: RunnerError) -> None:
    from runner.campaign.diagnostics import CampaignInvalidError, render  # noqa: PLC0415 - see above

    if isinstance(error, CampaignInvalidError):
        for diagnostic in error.diagnostics:
            sys.stderr.write(f"{render(diagnostic)}\n")
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
