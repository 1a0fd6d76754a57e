"""The installed `runner` as users run it, and a sandbox in a process of its own."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked_runner import run_forked

from runner.insight.sandbox import parse_fault, running_sandbox

RUNNER = str(Path(sys.executable).with_name("runner"))
PATIENCE_SECONDS = 60


@dataclass
class SandboxServer:
    base_url: str

    @property
    def root(self) -> str:
        return self.base_url.removesuffix("/api")

    def calls(self) -> list[dict[str, Any]]:
        return self._get("/_sandbox/calls")

    def records(self) -> list[dict[str, Any]]:
        return self._get("/_sandbox/records")

    def statuses(self) -> list[int]:
        return self._get("/_sandbox/requests")["statuses"]

    def set_faults(self, *specs: str) -> None:
        request = urllib.request.Request(
            f"{self.root}/_sandbox/faults", data=json.dumps({"faults": specs}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):
            pass

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.root}{path}", timeout=10) as answer:
            return json.load(answer)


@contextmanager
def sandbox_with(*faults: str) -> Iterator[SandboxServer]:
    """A sandbox in a thread of the test: a process of its own would take a second to start."""
    with running_sandbox(faults=[parse_fault(fault) for fault in faults]) as sandbox:
        yield SandboxServer(sandbox.base_url)


@contextmanager
def server_on(port: int, *arguments: str) -> Iterator[SandboxServer]:
    """A sandbox in a process of its own, which ends with the block."""
    process = subprocess.Popen(
        [RUNNER, "sandbox", "--port", str(port), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r"http://\S+/api", process.stdout.readline())
        assert found, "the sandbox did not say where it listens"
        yield SandboxServer(found[0])
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()


@dataclass
class Person:
    """A user at a shell, with an empty home folder and a folder to work in."""

    home: Path
    folder: Path
    environment: dict[str, str]

    def run(
        self, *arguments: str, stdin: str = "", stdout: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs to the end; with `stdout` as a shell does behind `>`."""
        with tempfile.TemporaryDirectory() as folder:
            given, output, errors = (Path(folder) / name for name in ("stdin", "stdout", "stderr"))
            given.write_text(stdin)
            status = run_forked(
                arguments,
                (given, stdout or output, errors),
                folder=self.folder,
                environment=self.environment,
                timeout=PATIENCE_SECONDS * 2,
            )
            return subprocess.CompletedProcess(
                [RUNNER, *arguments],
                status,
                stdout=output.read_text() if stdout is None else None,
                stderr=errors.read_text(),
            )

    def at_a_terminal(self, *arguments: str, typing: str = "", columns: int = 80) -> tuple[int, str]:
        """Exit status and all that a terminal of this width showed, without its control sequences."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        process = subprocess.Popen(
            [RUNNER, *arguments],
            cwd=self.folder,
            env={**self.environment, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.write(ours, typing.encode())
        shown = b""
        # Linux ends a terminal that nobody holds any more with an error.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                shown += part
        os.close(ours)
        return process.wait(PATIENCE_SECONDS), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.decode())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [RUNNER, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self, campaign: str) -> dict[str, Any]:
        return json.loads(self.run("status", campaign, "--output", "json").stdout)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Waits for something observable, however long the machine takes, within reason."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


def said(process: subprocess.Popen[str], words: str) -> str:
    """Reads the log up to the line that holds `words`; what comes later stays to be read."""
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")


def end(process: subprocess.Popen[str], signal_number: int = signal.SIGKILL) -> tuple[str, str]:
    """Sends the signal and returns what the process had said, once it is gone."""
    process.send_signal(signal_number)
    return process.communicate(timeout=PATIENCE_SECONDS)
