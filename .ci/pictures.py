"""Draws the pictures of README.md: real output of runner, as SVG. Run by `make pictures`; nobody is called.

A morning is played into a ledger of its own: a plan, 903 calls queued, a few too late, an edited list. What
is drawn is what the installed `runner` then prints.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runner.calls import CallState
from runner.campaign.loader import load_campaign
from runner.ledger.call_queue import AttemptResult, CallQueue
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.plan_entry import Binding
from runner.services.planning import prepare_plan
from runner.settings import load_settings, origin

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / ".github/pictures"
COLUMNS = 92
MORNING = int(datetime(2026, 11, 30, 14, tzinfo=UTC).timestamp())
QUEUED, LATE = 903, 12


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("hospital-survey.yaml", "us-hospitals.csv"):
            shutil.copy(ROOT / "campaigns" / name, folder)
        os.chdir(folder)
        os.environ |= {
            "RUNNER_LEDGER_URL": "sqlite:///ledger.sqlite3",
            # Else the refs and the plan's id would differ from picture to picture.
            "RUNNER_PRIVACY_KEY": "for the pictures alone",
        }
        now = _play_a_morning(Path("hospital-survey.yaml"))
        _edit_the_list(Path("us-hospitals.csv"))
        instant = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        plan = ("plan", "hospital-survey.yaml", "--as-of", instant)
        _draw("plan", _output(*plan), until="The first requests")
        _draw("explain", _output(*plan, "--explain", "330028"), until="May be dialled")


def _play_a_morning(campaign: Path) -> int:
    """Enters a plan and queues the first calls of it; returns a moment at which some are late."""
    loaded, settings = load_campaign(campaign), load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        prepared = prepare_plan(loaded, settings, ledger, now=float(MORNING), limit=None)
        name = loaded.campaign.name
        binding = Binding(
            campaign=name,
            survey_id=loaded.campaign.survey.survey_id,
            instance_id=loaded.campaign.survey.instance_id,
            account="nobody's",
            origin=origin(settings.insight_base_url),
        )
        run = ledger.begin_run(binding, prepared.plan, RunProcess(host="demo", pid=1), MORNING)
        queue = CallQueue(ledger.engine, name, run)
        starts = sorted(call.start_timestamp for call in prepared.plan.calls)
        for number, claim in enumerate(queue.claim_due(starts[QUEUED], QUEUED, 0).claims):
            queue.finish(claim, AttemptResult(state=CallState.QUEUED, call_id=str(number)), MORNING)
        ledger.end_run(run, "interrupted", MORNING)
    return starts[QUEUED + LATE]


def _edit_the_list(path: Path) -> None:
    """Three hospitals get another name, five close."""
    rows = list(csv.reader(path.read_text().splitlines()))
    for row in rows[3000:3003]:
        row[1] = f"{row[1]} MEMORIAL"
    del rows[3100:3105]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _output(*arguments: str) -> str:
    """What a terminal would show, with its colours."""
    runner = Path(sys.executable).with_name("runner")
    return subprocess.run(
        [runner, *arguments],
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def _draw(name: str, output: str, *, until: str) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    shown = output[: output.index(until)] if until in output else output
    # The line of the title begins with what colours it.
    console.print(Text.from_ansi(shown[: shown.rstrip("\x1b[0123456789;m ").rfind("\n") + 1].rstrip()))
    svg = console.export_svg(title=f"runner {name}", unique_id=name)
    # A picture in a README fetches nothing: fonts come from the reader's machine.
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
