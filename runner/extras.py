"""How to install packages into the environment that runner itself is installed in.

The project is on no package index, so its extras cannot be named there; the packages behind them can.
"""

import shlex
import sys
from importlib.metadata import requires
from importlib.util import find_spec

_PROJECT = "plum-runner"


def install_command(*packages: str) -> str:
    """A command for a shell that installs these where this very runner is installed."""
    return shlex.join([*_installer(), *packages])


def packages_of(extra: str) -> list[str]:
    """What an extra requires, as this installation of runner declares it: `psycopg[binary]>=3.2`."""
    marker = f"extra == '{extra}'"
    declared = [line.replace('"', "'").partition(";") for line in requires(_PROJECT) or []]
    return [package.strip() for package, _, condition in declared if condition.strip() == marker]


def _installer() -> list[str]:
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    # An environment that uv made has no pip of its own.
    return ["uv", "pip", "install", "--python", sys.executable]
