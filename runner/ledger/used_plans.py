"""Remembers on this machine into which ledger a saved plan went: entered into another it would call again.

A ledger knows its own plans. Two ledgers that share a privacy key know nothing of each other.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from runner.errors import LedgerError


class UsedPlans:
    """The saved plans that were entered from this machine, one small file for each, in `folder`."""

    def __init__(self, folder: Path, ledger_id: str) -> None:
        self._folder = folder
        self._ledger_id = ledger_id

    def entered_elsewhere(self, plan_id: str) -> bool:
        """Whether this plan went into another ledger before."""
        try:
            return self._file(plan_id).read_text().strip() != self._ledger_id
        except OSError:
            return False

    def note(self, plan_id: str) -> None:
        """Takes note that this plan is entered now.

        Raises LedgerError, also where the plan went into another ledger a moment before.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write_once(self._file(plan_id))
        except OSError as error:
            raise LedgerError(
                f"{self._folder} cannot be written: {error.strerror}",
                hint="runner notes there which saved plans were applied",
            ) from error

        if self.entered_elsewhere(plan_id):
            raise LedgerError(
                "this plan was entered into another ledger at the same moment; nothing was entered here",
                hint="set RUNNER_LEDGER_URL to the ledger that it was applied with",
            )

    def _write_once(self, file: Path) -> None:
        """Whole or not at all, and never over what another process wrote. Raises OSError."""
        with tempfile.NamedTemporaryFile("w", dir=self._folder) as whole:
            whole.write(f"{self._ledger_id}\n")
            whole.flush()
            with suppress(FileExistsError):
                os.link(whole.name, file)

    def _file(self, plan_id: str) -> Path:
        # A plan's id comes with the plan, and must not name any other file.
        return self._folder / f"{hashlib.sha256(plan_id.encode()).hexdigest()[:32]}.plan"
