"""Saved plans as files: written for a review, read again, and compared with what would be planned now."""

import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.campaign.variables import Variables
from runner.contacts.identity import Identity
from runner.errors import ExitStatus, LedgerError, RunnerError, SettingsError, UsageError
from runner.planning.inputs import inputs_of
from runner.planning.saved_plan import Comparison, SavedPlan, compare, is_signed, made_with, sign
from runner.reports.plan_json import checksum_of, saved_plan_json
from runner.services.progress import Progress
from runner.services.whole_file import whole_file
from runner.settings import Settings, load_settings

if TYPE_CHECKING:
    from runner.ledger.ledger import Ledger
    from runner.ledger.rollback_guard import RollbackGuard
    from runner.services.planning import PreparedPlan

SUFFIX = ".json"
"""Tells a saved plan from a campaign file."""
_MOST_BYTES = 1 << 30
_LARGE_BYTES = 20 << 20
"""So much takes about a second to read."""


class PlanStaleError(RunnerError):
    """What was reviewed is not what would be done now."""

    exit_status = ExitStatus.PLAN_STALE


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A saved plan and its file."""

    path: Path
    saved: SavedPlan

    @property
    def campaign(self) -> Path:
        """The campaign file that the plan names, relative to the current folder.

        Raises UsageError for one elsewhere: errors quote lines of it, and a plan in a pull request must not
        show the rest of the disk.
        """
        campaign = Path(self.saved.inputs.campaign_file)
        _refuse_elsewhere(campaign)
        if not campaign.is_file():
            raise RunnerError(
                f"{self.path} is the plan of {campaign}, and there is no such file here",
                hint="run the command in the folder in which the plan was made",
            )
        return campaign

    def own_limit(self, given: int | None) -> int | None:
        """The plan's own limit. Raises UsageError where another is given."""
        if given is not None:
            raise UsageError(
                "--limit cannot be combined with a saved plan, which has its own",
                hint="save the plan with it: runner plan … --limit N -o plan.json",
            )
        return self.saved.inputs.limit

    def own_variables(self, given: Variables) -> Variables:
        """The values of `vars` with which the plan was made. Raises UsageError where others are given."""
        if given and given != self.saved.inputs.variables:
            raise UsageError(
                "--var cannot change a saved plan, which has the values that it was made with",
                hint="save a plan with these values: runner plan … --var NAME=VALUE -o plan.json",
            )
        return self.saved.inputs.variables


def check_name(path: Path) -> None:
    """Raises UsageError for a name under which `apply` would not know a saved plan."""
    if path.suffix != SUFFIX:
        raise UsageError(
            f"-o {path}: the name of a saved plan must end in {SUFFIX}", hint="write -o plan.json"
        )


def _refuse_elsewhere(campaign: Path) -> None:
    if campaign.is_absolute() or ".." in campaign.parts or campaign.suffix not in {".yaml", ".yml"}:
        raise UsageError(
            f"{campaign} is not a YAML file in or below the current folder: plans of it cannot be saved",
            hint="save and apply plans in the top folder of the work tree",
        )


def save(path: Path, prepared: "PreparedPlan", progress: Progress) -> None:
    """Writes the plan to `path`, masked, and never half of it. Raises RunnerError."""
    with progress.activity(f"writing {path}"):
        saved = made_now(prepared)
        _refuse_elsewhere(Path(saved.inputs.campaign_file))
        identity = prepared.identity
        pieces = saved_plan_json(saved.view, saved.inputs, lambda checksum: sign(checksum, identity))
        number = len(saved.view.calls) + len(saved.view.exclusions)
        with whole_file(path) as whole, whole.open("w", encoding="utf-8") as file:
            file.writelines(progress.bar(f"writing {path}", number, pieces))


def load_if_saved(path: Path, progress: Progress) -> PlanFile | None:
    """The saved plan at `path`; None where the name is that of a campaign file. Raises RunnerError."""
    return load(path, progress) if path.suffix == SUFFIX else None


def load(path: Path, progress: Progress) -> PlanFile:
    """Raises RunnerError when there is no saved plan at `path`."""
    # It builds models of the whole plan, which nothing else needs.
    from runner.reports.saved_plan_json import NoPlanError, read_saved_plan  # noqa: PLC0415

    try:
        if path.exists() and not path.is_file():
            raise RunnerError(f"{path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
        with progress.activity(f"reading {path}", at_once=len(content) > _LARGE_BYTES):
            return PlanFile(path, read_saved_plan(content.decode()))
    except OSError as error:
        raise RunnerError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoPlanError(f"{path} is not a saved plan: it is not text") from None
    except NoPlanError as error:
        raise NoPlanError(f"{path} is not a saved plan: {error.message}", hint=error.hint) from None


def made_now(prepared: "PreparedPlan") -> SavedPlan:
    """The plan as it is saved, with the fingerprint of its inputs."""
    loaded = prepared.loaded
    inputs = inputs_of(
        prepared.plan,
        loaded.campaign,
        prepared.identity,
        campaign_file=Path(os.path.relpath(loaded.path)).as_posix(),
        files=prepared.own_rule_files,
        readings=prepared.readings,
        ledger_knew=not prepared.is_first,
        limit=prepared.limit,
        variables=loaded.variables,
    )
    return SavedPlan(view=prepared.view(show_contacts=False), inputs=inputs)


def confirm(
    file: PlanFile, prepared: "PreparedPlan", ledger: "Ledger", guard: "RollbackGuard", progress: Progress
) -> "PreparedPlan":
    """The plan as it would be made now, under the name of the saved one, when the two agree.

    Raises PlanStaleError, saying what changed, when the saved plan must not be carried out: it no longer
    agrees, it was edited, or this machine applied it with another ledger.
    """
    plan_id = file.saved.view.plan_id
    with progress.activity("comparing with the saved plan"):
        _refuse_changed(file, prepared.identity)
        applied_at = ledger.entered(prepared.plan.campaign, plan_id)
        found = compare(file.saved, made_now(prepared), consumed=applied_at is not None)
    if found.faults:
        raise PlanStaleError(
            "\n".join([f"{file.path} no longer holds:", *_listed(found.faults), *_explained(found)]),
            hint=f"make a new plan and have it reviewed: runner plan {file.campaign} -o {file.path}",
        )
    if guard.applied_elsewhere(plan_id):
        raise PlanStaleError(
            f"{file.path} was applied before with another ledger: the same people would be called again",
            hint="set RUNNER_LEDGER_URL to the ledger that it was applied with",
        )
    plan = replace(prepared.plan, plan_id=plan_id)
    return replace(prepared, plan=plan, applied_at=applied_at, differences=found.notes)


def check_unedited(file: PlanFile, identity: Identity | None) -> bool:
    """Raises PlanStaleError where the saved plan is not as it was written.

    Returns whether the privacy key proved that. Without the key (`identity` is None or another) only an
    edit that left the checksum alone is noticed.
    """
    saved = file.saved
    has_key = identity is not None and made_with(saved, identity)
    checksum = checksum_of(saved.view, saved.inputs)
    if not is_signed(saved.signature, checksum, identity if has_key else None):
        raise PlanStaleError(
            f"{file.path} was changed since it was made: what it shows may not be what was planned",
            hint=f"make it again, and have it reviewed: runner plan CAMPAIGN -o {file.path}",
        )
    return has_key


def _refuse_changed(file: PlanFile, identity: Identity) -> None:
    """Raises PlanStaleError where the saved plan cannot be compared, or is not as it was written."""
    if not made_with(file.saved, identity):
        raise PlanStaleError(
            f"{file.path} was made with another privacy key, so nothing in it can be compared",
            hint="use the ledger it was made with (RUNNER_LEDGER_URL), or set RUNNER_PRIVACY_KEY wherever "
            "plans are made and applied, and make the plan again",
        )
    check_unedited(file, identity)


def identity_here() -> Identity | None:
    """Of the privacy key on this machine, where there is one: showing a plan makes no ledger."""
    try:
        settings = load_settings()
        key = settings.privacy_key.get_secret_value().encode() or _ledger_key(settings)
    except (SettingsError, LedgerError):
        return None
    return Identity(key) if key else None


def _ledger_key(settings: Settings) -> bytes:
    # The database is only loaded where there is one.
    from runner.ledger import store  # noqa: PLC0415
    from runner.ledger.ledger import Ledger  # noqa: PLC0415

    path = store.sqlite_path(settings.ledger_url)
    if path is not None and not path.exists():
        return b""
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        return ledger.privacy_key()


def _explained(found: Comparison) -> list[str]:
    return ["what changed since it was made:", *_listed(found.causes)] if found.causes else []


def _listed(lines: tuple[str, ...]) -> list[str]:
    return [f"  - {line}" for line in lines]
