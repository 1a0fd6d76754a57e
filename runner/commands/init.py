"""`runner init`: a valid starter campaign, to be changed by its user."""

import os
import shlex
import sys
from importlib.resources import files
from pathlib import Path

from runner.campaign.reference import schema_text
from runner.errors import ExitStatus, RunnerError


def init(folder: Path) -> int:
    """Writes the starter's files into `folder`, which is made where needed.

    Raises RunnerError, and writes nothing, when one of the files exists.
    """
    texts = _starter()
    existing = [name for name in texts if os.path.lexists(folder / name)]
    if existing:
        raise RunnerError(
            f"{folder} already holds {', '.join(existing)}; nothing was written",
            hint="name an empty folder: runner init my-campaign",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise RunnerError(f"the starter cannot be written to {folder}: {error.strerror}") from None
    _print_next_steps(folder, list(texts))
    return ExitStatus.DONE


def _starter() -> dict[str, str]:
    """File name → content."""
    shipped = files("runner.commands") / "starter"
    # Under its real name git would obey the one in the package.
    names = {".gitignore": "gitignore"}
    texts = {
        name: (shipped / names.get(name, name)).read_text(encoding="utf-8")
        for name in ("campaign.yaml", "contacts.csv", "do-not-call.csv", ".gitignore")
    }
    return {**texts, "campaign.schema.json": schema_text()}


def _print_next_steps(folder: Path, names: list[str]) -> None:
    campaign = shlex.quote(str(folder / "campaign.yaml"))
    sys.stdout.write(
        f"Wrote {', '.join(names)} to {folder}.\n\nNext:\n\n"
        f"  runner validate {campaign}\n"
        f"  runner plan {campaign}\n"
        f"  runner apply {campaign} --sandbox --yes   # a rehearsal: nobody is called\n"
    )
