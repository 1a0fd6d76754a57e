"""Finds campaigns: the files of a path, the campaign in a file, the name that somebody gave."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from runner.campaign.loader import MAX_BYTES, LoadedCampaign, extended_file, load_campaign
from runner.campaign.variables import NO_VARIABLES, Variables
from runner.errors import RunnerError, UsageError

if TYPE_CHECKING:
    from runner.ledger.ledger import Ledger

_SUFFIXES = (".yaml", ".yml")


def load(path: Path, variables: Variables = NO_VARIABLES) -> LoadedCampaign:
    """With these values of `vars` in place of its own.

    Raises CampaignInvalidError with every error at once, and RunnerError when the file cannot be read.
    """
    return load_campaign(path, data_roots, variables)


def data_roots() -> Iterable[Path]:
    """The folders of RUNNER_DATA_ROOTS. Settings take a while to import, and few campaigns need them."""
    from runner.settings import load_settings  # noqa: PLC0415 - see above

    return load_settings().data_roots


def static_region(loaded: LoadedCampaign | None) -> str | None:
    """`contacts.region` where it is a country for all rows; None where rows decide, or nothing does."""
    from runner.contacts.phone import is_region  # noqa: PLC0415 - a large library, which few commands need

    region = None if loaded is None else loaded.campaign.contacts.region
    return region if region is not None and is_region(region) else None


def campaign_files(path: Path) -> list[Path]:
    """The file itself, or every campaign file of a folder and below, in order, dot-folders left out."""
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for pattern in ("*.yaml", "*.yml")
        for file in path.rglob(pattern)
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise UsageError(
            f"no YAML file in {path}", hint="name a campaign file, or the folder that holds some"
        )
    return without_bases(found)


def without_bases(files: Iterable[Path]) -> list[Path]:
    """The files that no other of them extends: a base is not a campaign of its own."""
    given = list(files)
    bases = {base.resolve() for base in map(base_of, given) if base is not None}
    return [file for file in given if not bases or file.resolve() not in bases]


def base_of(file: Path) -> Path | None:
    """The file that a campaign file extends, whatever else is wrong with it; None for none. A file that did
    not change is not parsed again.
    """
    return _base_of(file, _digest(file))


@lru_cache(maxsize=4096)
def _base_of(file: Path, _digest: str) -> Path | None:
    return extended_file(file)


def content_of(file: Path) -> str:
    """A hash of a campaign file and of the one that it extends: what people approve. Empty where there is no
    file, or it cannot be read.
    """
    own, base = _digest(file), base_of(file)
    if not own or base is None:
        return own
    return hashlib.sha256(f"{own} {_digest(base)}".encode()).hexdigest()


def _digest(file: Path) -> str:
    try:
        # Anything else than a file might never end, or keep who opens it waiting.
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(MAX_BYTES + 1)).hexdigest()
    except OSError:
        return ""


def file_of(given: str, ledger: "Ledger") -> Path | None:
    """The campaign file that is given; None for a name. Raises RunnerError for the path of no file."""
    if ledger.knows(given):
        return None
    if Path(given).exists():
        return Path(given)
    if given.endswith(_SUFFIXES) or "/" in given:
        raise RunnerError(f"there is no file {given}", hint="check the path of the campaign file")
    return None


def name_of(given: str, ledger: "Ledger") -> str:
    """The name that is given, or that of the campaign file; the ledger may not know it yet."""
    file = file_of(given, ledger)
    return given if file is None else load(file).campaign.name


def known_campaign(given: str, ledger: "Ledger") -> str:
    """The name of a campaign that the ledger knows. Raises RunnerError when the ledger does not know it."""
    name = name_of(given, ledger)
    if not ledger.knows(name):
        known = ", ".join(ledger.campaigns())
        raise RunnerError(
            f"the ledger has no campaign {name}",
            hint=f"it has {known}" if known else "it has none yet; the first apply enters a campaign",
        )
    return name
