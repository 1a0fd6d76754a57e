"""Which campaign a person means: a campaign file, or a name that the ledger knows."""

from pathlib import Path

from runner.commands.campaign_file import load
from runner.errors import RunnerError
from runner.ledger.ledger import Ledger


def campaign_name(given: str, ledger: Ledger) -> str:
    """The name that is given, or that of the campaign file; the ledger may not know it yet."""
    file = campaign_file(given, ledger)
    return given if file is None else load(file).campaign.name


def campaign_file(given: str, ledger: Ledger) -> Path | None:
    """The campaign file that is given; None for a name."""
    return Path(given) if not ledger.knows(given) and Path(given).exists() else None


def known_campaign(given: str, ledger: Ledger) -> str:
    """The name of a campaign that the ledger knows. Raises RunnerError when it knows none such."""
    name = campaign_name(given, ledger)
    if not ledger.knows(name):
        known = ", ".join(ledger.campaigns()) or "none yet"
        raise RunnerError(
            f"this ledger has no campaign {name}", hint=f"it knows {known}; only apply makes one known"
        )
    return name
