"""`runner sandbox`: the Insight stand-in as a server in the foreground."""

import sys
from collections.abc import Sequence

from runner.errors import ExitStatus
from runner.insight.sandbox import parse_fault, serve


def sandbox(*, port: int, faults: Sequence[str]) -> int:
    """Serves until Ctrl-C. Prints what to set so that runner uses it."""
    serve(port=port, faults=[parse_fault(spec) for spec in faults], on_ready=_announce)
    return ExitStatus.DONE


def _announce(base_url: str) -> None:
    root = base_url.removesuffix("/api")
    sys.stdout.write(
        f"The sandbox listens on {base_url} and calls nobody. To use it, in another terminal:\n\n"
        f"  export RUNNER_INSIGHT_BASE_URL={base_url}\n"
        "  export RUNNER_INSIGHT_USERNAME=me@example.org RUNNER_INSIGHT_DEVELOPER_KEY=any-key\n"
        "  runner apply campaign.yaml\n\n"
        f"What it received: {root}/_sandbox/calls\nCtrl-C ends it.\n"
    )
    sys.stdout.flush()
