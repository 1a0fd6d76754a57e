"""What all tests may use: the databases that a ledger can live in, and a browser. How they were started
changes nothing.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Playwright, sync_playwright
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, for one module: while it runs, Playwright keeps an event loop in this very thread.

    RUNNER_TEST_CHROMIUM names one; else any of the machine's serves.

    Where there is none, the tests are skipped; with RUNNER_TESTS_NEED_CHROMIUM they fail.
    """
    with sync_playwright() as playwright:
        path = chromium(playwright)
        if not path:
            lacking = "no Chromium: install one (apt-get install chromium) or name it in RUNNER_TEST_CHROMIUM"
            if os.environ.get("RUNNER_TESTS_NEED_CHROMIUM"):
                pytest.fail(lacking)
            pytest.skip(lacking)
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


def chromium(playwright: Playwright) -> str:
    named = os.environ.get("RUNNER_TEST_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), "")
    bundled = playwright.chromium.executable_path
    return found or (bundled if Path(bundled).exists() else "")
