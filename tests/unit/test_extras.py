"""The command that installs what an optional part of runner needs."""

import shlex
import sys

from runner import extras


def test_the_command_installs_into_the_environment_that_runner_runs_in():
    command = shlex.split(extras.install_command(*extras.packages_of("postgres")))
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    # The project is on no index: its own name would not be found, or be somebody else's.
    assert [package.startswith("psycopg[binary]") for package in command[4:]] == [True]


def test_without_pip_the_command_uses_uv(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert extras.install_command("a>1") == f"uv pip install --python {shlex.quote(sys.executable)} 'a>1'"


def test_an_unknown_extra_has_no_packages():
    assert extras.packages_of("nonsense") == []
