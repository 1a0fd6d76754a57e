"""Loads a campaign file from where campaign files may lie."""

from collections.abc import Iterable
from pathlib import Path

from runner.campaign.loader import LoadedCampaign, load_campaign


def load(path: Path) -> LoadedCampaign:
    """Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read."""
    return load_campaign(path, data_roots=data_roots)


def data_roots() -> Iterable[Path]:
    """The folders of RUNNER_DATA_ROOTS. Settings take a while to import, and few campaigns need them."""
    from runner.settings import load_settings  # noqa: PLC0415 - see above

    return load_settings().data_roots
