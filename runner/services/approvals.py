"""A person approves what a campaign file says, for `serve`."""

import time
from pathlib import Path

from runner.campaign.loader import LoadedCampaign
from runner.errors import RunnerError
from runner.ledger.approvals import Approval, approve
from runner.ledger.ledger import Ledger
from runner.services.campaigns import content_of, load


def reviewed_file(path: Path) -> tuple[LoadedCampaign, str]:
    """The campaign, and the hash of what was read. Raises CampaignInvalidError and RunnerError."""
    content = content_of(path)
    loaded = load(path)
    check_unchanged(path, content)
    return loaded, content


def check_unchanged(path: Path, content: str) -> None:
    """Raises RunnerError when the file has another content than this: nobody reviewed that."""
    if content_of(path) != content:
        raise RunnerError(
            f"{path} changed while it was reviewed; nothing was approved",
            hint="review it again",
        )


def approve_content(ledger: Ledger, campaign: str, path: Path, content: str, who: str) -> None:
    """Raises RunnerError as `check_unchanged`."""
    check_unchanged(path, content)
    approve(ledger.engine, campaign, Approval(content=content, by=who, at=time.time()))
