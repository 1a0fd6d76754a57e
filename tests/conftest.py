"""What all tests may use: the databases that a ledger can live in. How they were started changes nothing."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgres import PostgresServer, postgres_server

# A shell in the background ignores SIGINT, and nohup ignores SIGHUP. Processes that tests start would inherit
# this, and `runner` leaves a signal alone that was ignored when it began. A signal that is caught is back to
# its default in a new process; the tests themselves still outlive a hangup.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# Most of a commit is waiting for the disk, and tests kill processes, never the machine. So temporary files
# are in memory, where there is enough of it.
_MEMORY = Path("/dev/shm")
_LEAST_BYTES = 4 * 1024**3
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _LEAST_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# A slow machine is no failure: time limits belong in benchmarks.
settings.register_profile("runner", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("runner")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.remove(url)
