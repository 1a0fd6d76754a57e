"""`runner --help` as people see it."""

import os
import subprocess
import sys
from pathlib import Path

RUNNER = Path(sys.executable).with_name("runner")


def help_text(*arguments):
    environment = os.environ | {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    done = subprocess.run(
        [RUNNER, *arguments, "--help"], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def test_the_summary_of_every_command_fits_its_line():
    shown = help_text()
    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_help_offers_completion_for_the_shell():
    assert "--install-completion" in help_text()
