"""`runner show`: a saved plan in any form. Needs neither campaign, contacts nor ledger."""

import shlex
import sys
from contextlib import closing
from pathlib import Path

from runner.commands import saved_plans
from runner.commands.plan_formats import PlanFormat, write_plan
from runner.contacts.identity import Identity
from runner.errors import ExitStatus, LedgerError, SettingsError
from runner.settings import Settings, load_settings

_UNPROVEN = (
    "note: {path} agrees with its checksum, but the privacy key it was made with is not here, so an edit "
    "that also corrected the checksum cannot be noticed; `runner apply` notices it\n"
)


def show(path: Path, form: PlanFormat, *, most_bytes: int | None, every_row: bool = False) -> int:
    """`most_bytes` bounds the Markdown form; with `every_row` the text form cuts no list.

    Raises RunnerError when there is no saved plan at `path`, and PlanStaleError when it was edited.
    """
    file = saved_plans.load(path)
    if not saved_plans.check_unedited(file, _identity()):
        sys.stderr.write(_UNPROVEN.format(path=path))
    write_plan(
        file.saved.view,
        form,
        list_all=f"runner show {shlex.quote(str(path))} --all",
        private=False,
        most_bytes=most_bytes,
        every_row=every_row,
    )
    return ExitStatus.DONE


def _identity() -> Identity | None:
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
