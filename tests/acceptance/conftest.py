"""A user at a shell, and sandboxes that end with the test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from shell import Person, SandboxServer, sandbox_with


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., SandboxServer]]:
    with ExitStack() as servers:
        yield lambda *faults: servers.enter_context(sandbox_with(*faults))


@pytest.fixture
def sandbox(start_sandbox: Callable[..., SandboxServer]) -> SandboxServer:
    return start_sandbox()


@pytest.fixture
def person(tmp_path: Path) -> Person:
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE", "TMPDIR") if name in os.environ
    }
    # Several `serve` may run at once here.
    return Person(home, folder, {**kept, "HOME": str(home), "RUNNER_LISTEN": "127.0.0.1:0"})


@pytest.fixture
def customer(person: Person, sandbox: SandboxServer) -> Person:
    """A user whose Insight is the sandbox server."""
    person.environment |= {
        "RUNNER_INSIGHT_BASE_URL": sandbox.base_url,
        "RUNNER_INSIGHT_USERNAME": "surveys@example.org",
        "RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-test",
        "RUNNER_REQUESTS_PER_SECOND": "50",
    }
    return person
