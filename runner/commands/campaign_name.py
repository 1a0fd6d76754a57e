"""Which campaign a person means: a campaign file, or a name that the ledger knows."""

from pathlib import Path

from runner.campaign.loader import load_campaign
from runner.errors import RunnerError
from runner.ledger.ledger import Ledger


def known_campaign(given: str, ledger: Ledger) -> str:
    """The name of a campaign that the ledger knows. Raises RunnerError when it knows none such."""
    name = given
    if not ledger.knows(given) and Path(given).exists():
        name = load_campaign(Path(given)).campaign.name
    if not ledger.knows(name):
        known = ", ".join(ledger.campaigns()) or "none yet"
        raise RunnerError(
            f"this ledger has no campaign {name}", hint=f"it knows {known}; only apply makes one known"
        )
    return name
