"""Loads a campaign file from where campaign files may lie."""

from collections.abc import Iterable
from pathlib import Path

from runner.campaign.loader import LoadedCampaign, load_campaign


def load(path: Path) -> LoadedCampaign:
    """Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read."""
    return load_campaign(path, data_roots=_data_roots)


def _data_roots() -> Iterable[Path]:
    # Hardly any campaign file is a link, and settings take a while to import.
    from runner.settings import load_settings  # noqa: PLC0415 - see above

    return load_settings().data_roots
