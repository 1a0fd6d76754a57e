"""`runner sandbox`: the Insight stand-in as a server in the foreground."""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runner.errors import ExitStatus
from runner.insight.sandbox import parse_behavior, parse_fault, serve
from runner.settings import sqlite_url


def sandbox(
    *, port: int, outcomes: str | None, callbacks: str | None, seed: int | None, faults: Sequence[str]
) -> int:
    """Serves until Ctrl-C. Prints what to set so that runner uses it, with a ledger to throw away.

    In the lasting ledger, practice would count as calls, and the campaign would be bound to the sandbox.
    """
    behavior = parse_behavior(outcomes, callbacks, seed)
    wanted = [parse_fault(spec) for spec in faults]
    with tempfile.TemporaryDirectory(prefix="runner-practice-") as folder:
        ledger_url = sqlite_url(Path(folder).resolve() / "ledger.sqlite3")
        serve(
            port=port,
            behavior=behavior,
            faults=wanted,
            on_ready=lambda base_url: _announce(base_url, ledger_url),
        )
    return ExitStatus.DONE


def _announce(base_url: str, ledger_url: str) -> None:
    root = base_url.removesuffix("/api")
    sys.stdout.write(
        f"The sandbox listens on {base_url} and calls nobody. To use it, in another terminal:\n\n"
        f"  export RUNNER_INSIGHT_BASE_URL={base_url}\n"
        "  export RUNNER_INSIGHT_USERNAME=me@example.org RUNNER_INSIGHT_DEVELOPER_KEY=any-key\n"
        f"  export RUNNER_LEDGER_URL={shlex.quote(ledger_url)}\n"
        "  runner apply campaign.yaml\n\n"
        "The last export names a temporary ledger, which is deleted when the sandbox ends. Without it,\n"
        "these calls would count as real, and the campaign could no longer be applied at Insight.\n\n"
        f"What it received: {root}/_sandbox/calls\nCtrl-C ends it.\n"
    )
    sys.stdout.flush()
