"""The arguments and options of the commands, each declared once."""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runner.calls import Guard, Resolution, Role
from runner.errors import UsageError

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(2000, 3000)
"""For which a plan can be asked."""


class ValidateFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class PlanFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    GITHUB = "github"
    """Annotations for the warnings, and the Markdown form as the summary of the job."""


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class ExportBy(StrEnum):
    CALL = "call"
    CONTACT = "contact"


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class StatusFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def _instant(text: str) -> float:
    """UTC Unix seconds. Raises UsageError."""
    try:
        instant = datetime.fromisoformat(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UsageError(
            f"invalid --as-of {text}: it must be a date, or a time with its offset from UTC",
            hint="write 2026-12-01 or 2026-12-01T16:00:00Z",
        )
    if instant.year not in _YEARS:
        raise UsageError(
            f"invalid --as-of {text}: plans are made for the years {_YEARS[0]} to {_YEARS[-1]}",
            hint="write 2026-12-01 or 2026-12-01T16:00:00Z",
        )
    return instant.timestamp()


Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder to write to; default: this one.")]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Campaign files or folders.")]
MaybePaths = Annotated[
    list[Path] | None, typer.Argument(metavar="[PATH]...", help="Campaign files or folders.")
]
Campaign = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign file.")]
Preset = Annotated[str | None, typer.Argument(metavar="[PRESET]", help="One preset, such as us-federal.")]
Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="One key, such as calling_windows.weekly.")]
CampaignOrPlan = Annotated[
    Path, typer.Argument(metavar="CAMPAIGN|PLAN", help="The campaign file, or a saved plan.")
]
SavedPlan = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan that `runner plan -o` saved.")]
KnownCampaign = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="The campaign file, or the campaign's name.")
]
MaybeCampaign = Annotated[
    str | None, typer.Argument(metavar="[CAMPAIGN]", help="The campaign file, or the campaign's name.")
]
MaybeContact = Annotated[str | None, typer.Argument(metavar="[CONTACT]", help="One contact, by key or ref.")]

Contacts = Annotated[bool, typer.Option("--contacts", help="Also read the contacts and suppression lists.")]
ShowContacts = Annotated[
    bool, typer.Option("--show-contacts", help="Show numbers, keys and metadata unmasked.")
]
AsOf = Annotated[
    float | None,
    typer.Option(
        parser=_instant,
        metavar="INSTANT|DATE",
        help="Plan as if it were this moment, such as 2026-12-01T16:00:00Z. A date is its first moment in "
        "UTC, the same on every machine: 2026-12-01 is 2026-12-01T00:00:00Z.",
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="Set an entry that the campaign declares under `vars`, such as wave=3. Can be repeated.",
    ),
]
Allow = Annotated[
    list[Guard] | None,
    typer.Option(
        "--allow",
        help="Apply the plan although it exceeds this limit of the campaign's `guard`. Can be repeated.",
    ),
]
Policy = Annotated[
    bool, typer.Option("--policy", help="The JSON Schema of a policy file (RUNNER_POLICY_FILE) instead.")
]
SaveTo = Annotated[
    Path | None,
    typer.Option("-o", metavar="FILE", help="Save the plan, masked, for `runner apply FILE`."),
]
ExportTo = Annotated[
    Path | None,
    typer.Option("-o", metavar="FILE", help="Write to this file, and not to standard output."),
]
ExportRows = Annotated[ExportBy, typer.Option("--by", help="One row for each call, or for each contact.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Queue at most N calls in this run.")]
MaxBytes = Annotated[
    int | None,
    typer.Option(min=2000, metavar="N", help="Cut the Markdown form to N bytes; 60000 by default."),
]
EveryRow = Annotated[
    bool,
    typer.Option(
        "--all", help="List all rows that are not called and all changed calls, not only the first few."
    ),
]
Explain = Annotated[
    str | None,
    typer.Option(
        metavar="CONTACT",
        help="Only this contact: how each value came about. By key, ref, number or row "
        "(visits.csv:17, visits.xlsx/Visits:17).",
    ),
]
DetailedExitcode = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode", help="Exit with 2 when there are calls to queue, 7 when a guard stops them."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Required without a terminal.")]
ReviewedPlan = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="PLAN", help="Approve only if this saved plan is still what would be done."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The same as `runner plan`.")]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Rehearse against a local stand-in for Insight, with a temporary ledger and a clock that "
        "skips waiting times. Nobody is called.",
    ),
]
Outcomes = Annotated[
    str | None,
    typer.Option(
        metavar="MIX",
        help="How the sandbox's people react to a dial, such as answered=35%,busy=15%,rejected=1%; "
        "`runner sandbox --help` explains all.",
    ),
]
Callbacks = Annotated[
    str | None,
    typer.Option(
        metavar="MIX",
        help="How the sandbox's callbacks to result_url arrive, such as lost=30%,doubled=30%,late:600=10%.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="N", help="Seed of the sandbox's random choices; the same seed repeats them."),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Stay until all results are in; further rounds always do."),
]
UntilIdle = Annotated[bool, typer.Option("--until-idle", help="Exit when nothing is due within a minute.")]
Events = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Append events to FILE as JSON lines. With `-` they go to standard output, and all "
        "else to standard error. schemas/outputs/README.md describes the lines.",
    ),
]
Watch = Annotated[bool, typer.Option("--watch", help="Repeat every two seconds.")]
PendingAtInsight = Annotated[
    bool,
    typer.Option(
        "--pending-at-insight",
        help="Also cancel every call waiting in the survey's instance at Insight, others' calls included.",
    ),
]
As = Annotated[Resolution, typer.Option("--as", help="What you found out at Insight.")]
EveryUncertain = Annotated[
    bool, typer.Option("--all", help="Every uncertain call of the campaign; asks first.")
]
EveryRefused = Annotated[bool, typer.Option("--all", help="Every refused call of the campaign.")]
ContactsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The contacts in this file, one key or ref on each line.")
]
CallId = Annotated[
    str | None, typer.Option(metavar="ID", help="Insight's call_id, where you know it; with --as queued.")
]
NumbersOrKeys = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NUMBER|KEY",
        help="Text with a plus sign, or with at least seven digits and no letters, is a number; any other "
        "text is a key.",
    ),
]
Region = Annotated[
    str | None, typer.Option(metavar="CC", help="The country of numbers without a country code, such as US.")
]
OfCampaign = Annotated[
    str | None,
    typer.Option(
        metavar="CAMPAIGN", help="Only for this campaign (file or name). Default: all of the ledger."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The last day of the entry, in every time zone. Default: no end."),
]
WhySuppressed = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="The reason, which plans and the history show.")
]
AreKeys = Annotated[
    bool, typer.Option("--key", help="Take every argument as a key, also one that looks like a number.")
]
ListEntries = Annotated[bool, typer.Option("--list", help="Show the entries in force.")]
RemoveEntries = Annotated[bool, typer.Option("--remove", help="Remove the entries. The history keeps them.")]
ImportFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV or JSON lines with a column key or phone; call_id, queued, start and end where known.",
    ),
]
To = Annotated[str, typer.Option(metavar="NUMBER", help="Your own phone, such as +16175550100.")]
AsContact = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="CONTACT",
        help="Whose metadata to send, by key or ref; default: the first contact.",
    ),
]
SandboxCall = Annotated[bool, typer.Option("--sandbox", help="Try it without calling anybody.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any free one.")]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPEC", help="Faults in answers to queue requests, such as 500*3 or reset-after@10%."
    ),
]


UserName = Annotated[
    str, typer.Argument(metavar="NAME", help="As the person signs in: ana, or ana@example.org.")
]
UserRole = Annotated[
    Role, typer.Option("--role", help="A viewer reads; an operator also approves, pauses, suppresses …")
]
NewRole = Annotated[Role, typer.Argument(metavar="viewer|operator")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, instead of asking for it."),
]
NoPassword = Annotated[
    bool, typer.Option("--no-password", help="For a user who signs in at a proxy, or who only uses tokens.")
]
Revoke = Annotated[bool, typer.Option("--revoke", help="Revoke all tokens of NAME, and make none.")]


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - hardly a command needs it

        typer.echo(f"runner {version('plum-runner')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
]
