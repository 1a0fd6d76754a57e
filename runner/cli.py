"""The command line: arguments in, exit status out, and nothing else.

Each command imports its use case when it runs, so that `runner --help` pays for nothing it does not need.
"""
# ruff: noqa: PLC0415 - see above

import errno
import gc
import signal
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from runner import options
from runner.errors import ExitStatus, RunnerError, UsageError
from runner.options import PlanFormat, StatusFormat, ValidateFormat
from runner.reports.streams import guard_output

# Typer's usage errors have a base class without a public name.
_CommandLineError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]

_OUTPUT_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of standard output. Those of our own files are handled where the files are written."""

app = typer.Typer(
    name="runner",
    help="Voice-survey campaigns on Plum Insight, declared in YAML: each contact queued once, "
    "at the right time.",
    no_args_is_help=True,
    # Rich would double the time that `--help` takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """The console script."""
    # Imports and rows make many objects that stay and hardly a cycle: frequent collections cost time.
    gc.set_threshold(10_000)
    guard_output()
    for name in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C does, they end a command in order: its temporary files are removed.
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, signal.default_int_handler)
    status = run(sys.argv[1:])
    # Python looks through all objects once more as it ends, which takes as long as some commands do.
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit status; never raises for what a user can cause."""
    try:
        status = _run_command(arguments)
        # At exit it would be too late to report that the output cannot be written.
        if sys.stdout is not None:
            sys.stdout.flush()
    except RunnerError as error:
        _print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output closed it; Python must not report that again at exit.
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
        # By default it writes to another stream than ours.
        error.show(file=sys.stderr)
        return ExitStatus.WRONG_USAGE
    # Newer releases of Typer catch Ctrl-C, and return a bare number for it.
    if status == ExitStatus.INTERRUPTED and not isinstance(status, ExitStatus):
        raise KeyboardInterrupt
    return int(status or ExitStatus.DONE)


@app.command()
def init(folder: options.Folder = Path()) -> int:
    """Write a starter campaign with its contacts.

    It is valid as it is, and can be rehearsed with `runner apply campaign.yaml --sandbox`.
    """
    from runner.commands.init import init

    return init(folder)


@app.command()
def validate(
    paths: options.Paths,
    *,
    output: ValidateFormat = ValidateFormat.TEXT,
    contacts: options.Contacts = False,
    var: options.Var = None,
) -> int:
    """Check campaign files and report every error at once.

    Each error names its line and says what to do. Contacts are not read without --contacts.
    """
    from runner.campaign.variables import parse_variables
    from runner.commands.validate import validate

    return validate(paths, output=output, contacts=contacts, variables=parse_variables(var or ()))


@app.command()
def schema(key: options.Key = None, *, policy: options.Policy = False) -> int:
    """Print the campaign file's JSON Schema, or explain a key."""
    from runner.commands.schema import schema

    return schema(key, policy=policy)


@app.command()
def rules(preset: options.Preset = None, *, output: StatusFormat = StatusFormat.TEXT) -> int:
    """List the rule presets, or show one in full."""
    from runner.commands.rules import rules

    return rules(preset, as_json=output is StatusFormat.JSON)


@app.command()
def plan(  # noqa: PLR0913 - each is an option of the command
    campaign: options.CampaignOrPlan,
    *,
    as_of: options.AsOf = None,
    output: PlanFormat = PlanFormat.TEXT,
    save_to: options.SaveTo = None,
    limit: options.Limit = None,
    var: options.Var = None,
    show_contacts: options.ShowContacts = False,
    max_bytes: options.MaxBytes = None,
    every_row: options.EveryRow = False,
    explain: options.Explain = None,
    detailed_exitcode: options.DetailedExitcode = False,
) -> int:
    """Show what apply would do. Calls nobody.

    Who is called when, who is not and why, and what changed since the last apply.
    """
    from runner.campaign.variables import parse_variables
    from runner.commands.plan import PlanOptions, plan

    return plan(
        campaign,
        PlanOptions(
            as_of=as_of,
            form=output,
            limit=limit,
            variables=parse_variables(var or ()),
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
    plan: options.SavedPlan,
    *,
    output: PlanFormat = PlanFormat.TEXT,
    max_bytes: options.MaxBytes = None,
    every_row: options.EveryRow = False,
) -> int:
    """Show a saved plan in any form."""
    from runner.commands.show import show

    return show(plan, output, most_bytes=max_bytes, every_row=every_row)


@app.command()
def apply(  # noqa: PLR0913 - each is an option of the command
    campaign: options.CampaignOrPlan,
    *,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    sandbox: options.Sandbox = False,
    limit: options.Limit = None,
    var: options.Var = None,
    allow: options.Allow = None,
    until_idle: options.UntilIdle = False,
    wait: options.Wait = False,
    show_contacts: options.ShowContacts = False,
    outcomes: options.Outcomes = None,
    callbacks: options.Callbacks = None,
    seed: options.Seed = None,
    events: options.Events = None,
) -> int:
    """Queue every call of the campaign at its time.

    It shows the plan, asks, and runs until the last call is queued.
    """
    if dry_run:
        if events is not None:
            raise UsageError("--events goes with an apply, and --dry-run is the same as `runner plan`")
        return plan(campaign, limit=limit, var=var, show_contacts=show_contacts)
    from runner.campaign.variables import parse_variables
    from runner.commands.apply import ApplyOptions, SandboxOptions, apply, sandbox_options

    return apply(
        campaign,
        ApplyOptions(
            yes=yes,
            sandbox=sandbox_options(SandboxOptions(outcomes, callbacks, seed), sandbox=sandbox),
            limit=limit,
            variables=parse_variables(var or ()),
            allowed=allow or (),
            until_idle=until_idle,
            wait=wait,
            show_contacts=show_contacts,
            events=events,
        ),
    )


@app.command()
def status(
    campaign: options.MaybeCampaign = None,
    *,
    output: StatusFormat = StatusFormat.TEXT,
    watch: options.Watch = False,
) -> int:
    """Show how far a campaign is and what needs a person."""
    from runner.commands.status import status

    return status(campaign, as_json=output is StatusFormat.JSON, watch=watch)


@app.command()
def pause(campaign: options.KnownCampaign) -> int:
    """Stop sending until the campaign is resumed.

    A running apply stops within two seconds. The pause lasts over restarts.
    """
    from runner.commands import operate

    return operate.pause(campaign)


@app.command()
def resume(campaign: options.KnownCampaign) -> int:
    """Let a paused campaign continue."""
    from runner.commands import operate

    return operate.resume(campaign)


@app.command()
def cancel(
    campaign: options.KnownCampaign,
    *,
    pending_at_insight: options.PendingAtInsight = False,
    yes: options.Yes = False,
) -> int:
    """Withdraw for good every call that is not queued yet."""
    from runner.commands import operate

    return operate.cancel(campaign, pending_at_insight=pending_at_insight, yes=yes)


@app.command()
def resolve(
    campaign: options.KnownCampaign,
    contact: options.MaybeContact = None,
    *,
    resolution: options.As,
    everybody: options.EveryUncertain = False,
    file: options.ContactsFile = None,
    call_id: options.CallId = None,
    yes: options.Yes = False,
) -> int:
    """Decide on an uncertain call.

    A call that is resolved as not-queued is planned again by the next apply. Its record is not pushed again.
    """
    from runner.commands import operate

    return operate.resolve(
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
    campaign: options.KnownCampaign,
    contact: options.MaybeContact = None,
    *,
    everybody: options.EveryRefused = False,
) -> int:
    """Plan refused calls again although nothing changed.

    Use it when the cause of the refusal lay at Insight. A record that may be in the metadatabase is not
    pushed again.
    """
    from runner.commands import operate

    return operate.retry(campaign, contact, everybody=everybody)


@app.command()
def acknowledge(campaign: options.KnownCampaign) -> int:
    """Mark refused and uncertain calls as seen.

    Afterwards apply no longer exits with 6 because of them.
    """
    from runner.commands import operate

    return operate.acknowledge(campaign)


@app.command()
def suppress(  # noqa: PLR0913 - each is an option of the command
    named: options.NumbersOrKeys = None,
    *,
    region: options.Region = None,
    campaign: options.OfCampaign = None,
    until: options.Until = None,
    reason: options.WhySuppressed = None,
    are_keys: options.AreKeys = False,
    list_entries: options.ListEntries = False,
    remove: options.RemoveEntries = False,
    output: StatusFormat = StatusFormat.TEXT,
    show_contacts: options.ShowContacts = False,
) -> int:
    """Stop calling people, by number or key, from now on.

    The entries are kept in the ledger and hold for all its campaigns. Every running apply follows within two
    seconds, also on other machines. Insight may still dial calls that are queued already: the command lists
    them, and says until when.
    """
    from runner.commands import suppress as command

    given = command.SuppressOptions(region, campaign, until, reason, are_keys, show_contacts)
    if list_entries:
        return command.show_list(named or [], given, as_json=output is StatusFormat.JSON)
    if output is StatusFormat.JSON:
        raise UsageError("--output json requires --list")
    return command.remove(named or [], given) if remove else command.suppress(named or [], given)


@app.command()
def call(
    campaign: options.Campaign,
    *,
    to: options.To,
    contact: options.AsContact = None,
    yes: options.Yes = False,
    sandbox: options.SandboxCall = False,
) -> int:
    """Call your own phone now, once, as a test.

    The call has the metadata and caller ID of a contact, and ignores the calling windows. It is in the
    history, and in no count.
    """
    from runner.commands.call import call

    return call(campaign, to, contact, yes=yes, sandbox=sandbox)


@app.command(name="import")
def import_contacts(campaign: options.KnownCampaign, file: options.ImportFile) -> int:
    """Enter contacts that another tool has queued already.

    This campaign never calls them, in any round. Importing a file again changes nothing.
    """
    from runner.commands.imports import import_contacts

    return import_contacts(campaign, file)


@app.command()
def history(
    campaign: options.KnownCampaign,
    contact: options.MaybeContact = None,
    *,
    output: StatusFormat = StatusFormat.TEXT,
    show_contacts: options.ShowContacts = False,
) -> int:
    """Show every change of every call.

    When, what, why, and by which process or person.
    """
    from runner.commands import operate

    as_json = output is StatusFormat.JSON
    return operate.history(campaign, contact, as_json=as_json, show_contacts=show_contacts)


@app.command()
def export(
    campaign: options.KnownCampaign,
    *,
    output: options.ExportFormat = options.ExportFormat.CSV,
    path: options.ExportTo = None,
    by: options.ExportRows = options.ExportBy.CALL,
    show_contacts: options.ShowContacts = False,
) -> int:
    """Write every call or contact with its result and AAPOR code.

    Give the campaign file, not the name, where it declares `results`.
    """
    from runner.commands.export import export

    return export(campaign, output, by, path, show_contacts=show_contacts)


@app.command()
def report(
    campaign: options.KnownCampaign, *, output: options.ReportFormat = options.ReportFormat.TEXT
) -> int:
    """Show AAPOR's outcome rates, and when people answer.

    Give the campaign file, not the name, where it declares `results`.
    """
    from runner.commands.report import report

    return report(campaign, output)


@app.command(name="trust-ledger")
def trust_ledger(*, yes: options.Yes = False) -> int:
    """Accept a ledger that was moved, copied or restored.

    Make sure first that it is the newest one: calls that are missing in it are made again.
    """
    from runner.commands import operate

    return operate.trust_ledger(yes=yes)


@app.command()
def doctor(*, output: StatusFormat = StatusFormat.TEXT) -> int:
    """Check this machine, the ledger, and Insight's clock."""
    from runner.commands.doctor import doctor

    return doctor(as_json=output is StatusFormat.JSON)


@app.command()
def refresh(
    campaign: options.MaybeCampaign = None,
    *,
    output: StatusFormat = StatusFormat.TEXT,
) -> int:
    """Ask Insight now how calls ended.

    Of one campaign, or of all that the ledger knows. A running apply asks by itself.
    """
    from runner.commands.refresh import refresh

    return refresh(campaign, output)


@app.command()
def serve(paths: options.MaybePaths = None) -> int:
    """Apply every campaign of a folder, and take results.

    It runs until it is stopped, and reads files and contacts again when they change. Only approved campaigns
    are applied (`runner approve`); with RUNNER_APPROVAL=merge, all are. Without PATH it only takes results.
    Pages, API and metrics are on RUNNER_LISTEN; see `runner users`. Results come to
    RUNNER_RECEIVER_LISTEN, which Insight reaches by RUNNER_PUBLIC_URL.
    """
    from runner.commands.serve import serve

    return serve(paths or [])


@app.command()
def approve(
    campaign: options.Campaign, *, plan: options.ReviewedPlan = None, yes: options.Yes = False
) -> int:
    """Approve a campaign file for `runner serve`.

    It shows what would change, and asks. The approval holds for exactly this content, and is in the history.
    """
    from runner.commands.approve import approve

    return approve(campaign, plan=plan, yes=yes)


users_app = typer.Typer(
    name="users", help="Manage who may use the pages and the API of `runner serve`.", no_args_is_help=True
)
app.add_typer(users_app)


@users_app.command(name="add")
def add_user(
    name: options.UserName,
    *,
    role: options.UserRole,
    password_stdin: options.PasswordStdin = False,
    no_password: options.NoPassword = False,
) -> int:
    """Add a user; asks for the password twice.

    From the first user on, serve asks everybody to sign in, also on this machine.
    """
    from runner.commands import users

    return users.add(name, role, from_stdin=password_stdin, without_password=no_password)


@users_app.command(name="list")
def list_users() -> int:
    """List the users with their roles."""
    from runner.commands import users

    return users.show_list()


@users_app.command(name="remove")
def remove_user(name: options.UserName) -> int:
    """Remove a user, with all sessions and tokens."""
    from runner.commands import users

    return users.remove(name)


@users_app.command(name="password")
def set_password(name: options.UserName, *, password_stdin: options.PasswordStdin = False) -> int:
    """Change a password. It ends the user's sessions."""
    from runner.commands import users

    return users.password(name, from_stdin=password_stdin)


@users_app.command(name="role")
def set_role(name: options.UserName, role: options.NewRole) -> int:
    """Change what a user may do. It takes effect at once."""
    from runner.commands import users

    return users.role(name, role)


@users_app.command(name="token")
def make_token(name: options.UserName, *, revoke: options.Revoke = False) -> int:
    """Make a token for the API, or revoke all tokens of a user.

    A program that sends it acts as this user. It is shown once.
    """
    from runner.commands import users

    return users.token(name, revoke=revoke)


class _SandboxCommand(TyperCommand):
    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's own types
        """Explains what the options take; it alone needs the sandbox's modules."""
        from runner.insight.sandbox import behavior, faults

        for title, meanings in (
            (f"Outcomes of a dial; default {behavior.DEFAULT_OUTCOMES}", behavior.OUTCOME_MEANINGS),
            ("Callbacks; default on_time=100%", behavior.DELIVERY_MEANINGS),
            (f"Faults, each as {faults.SPELLING}", faults.MEANINGS),
        ):
            with formatter.section(title):
                formatter.write_dl(list(meanings.items()))


@app.command(cls=_SandboxCommand)
def sandbox(
    *,
    port: options.Port = 8025,
    outcomes: options.Outcomes = None,
    callbacks: options.Callbacks = None,
    seed: options.Seed = None,
    fault: options.Faults = None,
) -> int:
    """Run a local stand-in for Insight as a server.

    Campaigns can be tried against it without calling anybody.
    """
    from runner.commands.sandbox import sandbox

    return sandbox(port=port, outcomes=outcomes, callbacks=callbacks, seed=seed, faults=fault or [])


@app.callback()
def _global_options(*, version: options.Version = False) -> None:
    """Voice-survey campaigns on Plum Insight, declared in YAML: each contact queued once, on time."""


def _print_error(error: RunnerError) -> None:
    from runner.campaign.diagnostics import CampaignInvalidError, render

    if isinstance(error, CampaignInvalidError):
        for diagnostic in error.diagnostics:
            sys.stderr.write(f"{render(diagnostic)}\n")
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
