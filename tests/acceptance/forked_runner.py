"""Runs `runner` in a process of its own that need not import everything first, which takes a second.

A fork server of `multiprocessing` imports runner once; each command is a fork of it. Nothing else is shared:
arguments, environment, folder and streams are those of a command that a shell starts.
"""

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import runner

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("alembic.command", "phonenumbers.geocoder", "psycopg", "sqlalchemy.dialects.sqlite"),
        *(
            module.name
            for module in pkgutil.walk_packages(runner.__path__, "runner.")
            if "__main__" not in module.name and ".migrations." not in module.name
        ),
    ]
)


def run_forked(
    arguments: Sequence[str],
    streams: tuple[Path, Path, Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout: float,
) -> int:
    """The exit status of `runner` with these arguments, and with files for its standard streams."""
    process = _FORKS.Process(target=_become_runner, args=(arguments, streams, folder, environment))
    process.start()
    try:
        process.join(timeout)
        if process.exitcode is None:
            raise subprocess.TimeoutExpired(["runner", *arguments], timeout)
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def _become_runner(
    arguments: Sequence[str],
    streams: tuple[Path, Path, Path],
    folder: Path,
    environment: Mapping[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, stream in enumerate(streams):
        os.dup2(
            os.open(stream, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number
        )
    os.chdir(folder)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["runner", *arguments]
    from runner.cli import main  # noqa: PLC0415 - only here, where it was imported before

    main()
