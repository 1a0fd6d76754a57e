"""What a plan is made from, as one hash: where it is the same, a new plan would say the same."""

import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from runner.campaign.model import Campaign
from runner.campaign.timezones import zone
from runner.contacts.identity import Identity
from runner.contacts.places import SourceFolder
from runner.contacts.sources import source_paths
from runner.errors import SourceError
from runner.planning import contact_dates
from runner.planning.plan import DataVersions
from runner.planning.windows import FURTHEST_DAYS
from runner.planning.zones import CONTACT

_FORM = "plan basis 1"
"""Whoever adds to what a plan is made from counts on, so that no older basis is taken for the same."""
_PACKAGE = Path(__file__).parents[1]
_MOST_HOURS_FROM_UTC = timedelta(days=1)
"""No zone is further away."""


@dataclass(frozen=True, slots=True)
class PlanBasis:
    """`digest` is keyed and lasts. `files` tell whether one was touched between two looks of a process."""

    digest: str
    files: tuple[tuple[int, ...], ...]


def plan_basis(
    campaign: Campaign,
    folder: SourceFolder,
    identity: Identity,
    versions: DataVersions,
    requests_per_second: float,
) -> PlanBasis | None:
    """All that a plan follows from but the time and the ledger; None where a file of it cannot be read.

    Hashed are the campaign as it was read, the content of its sources and lists by their declared names, the
    rate that bounds the pace, and the releases of whatever reads, renders and dates.
    """
    whole = identity.digest_of_many()
    for text in (
        _FORM,
        campaign.model_dump_json(),
        repr(sorted(asdict(versions).items())),
        repr(requests_per_second),
        *_releases(),
    ):
        whole.add(text)
    files = []
    try:
        for name in source_paths(campaign):
            path = folder.find(name)
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            found = path.stat()
            whole.add(name)
            whole.add(content)
            files.append((found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    except (SourceError, OSError):
        # Who reads it to plan says what is wrong with it.
        return None
    return PlanBasis(whole.hexadecimal(), tuple(files))


def holds_until(campaign: Campaign, zones: Iterable[str], now: float) -> float | None:
    """When the same basis first makes another plan, given every zone that a contact may be in.

    None for never: as time goes by, windows only pass. But the last day of a campaign that does not say it,
    or says one too far off to be looked at, moves on with each midnight, in each zone with its own. Instants
    are UTC Unix seconds.
    """
    windows = campaign.calling_windows
    if windows.dates.to is not None and not _is_far_off(windows.dates.to, now):
        return None
    where = zones if windows.timezone == CONTACT else (windows.timezone,)
    return min(_ends_of_day(where, now), default=now)


def _is_far_off(day: str, now: float) -> bool:
    """Beyond what `Calendar` looks at, in any zone."""
    earliest_today = datetime.fromtimestamp(now, UTC) - _MOST_HOURS_FROM_UTC
    return day > (earliest_today + timedelta(days=FURTHEST_DAYS)).date().isoformat()


def _ends_of_day(zones: Iterable[str], now: float) -> Iterator[int]:
    for name in zones:
        today = datetime.fromtimestamp(now, zone(name)).date().isoformat()
        end = contact_dates.not_after(today, (name,))
        if end is not None:
            yield end


def _releases() -> Iterator[str]:
    """What decides how texts are read and templates are filled in."""
    yield f"runner {version('plum-runner')}"
    # In a checkout the code changes, and the release does not.
    for path in sorted(_PACKAGE.rglob("*.py")):
        yield hashlib.sha256(path.read_bytes()).hexdigest()
    yield f"jinja2 {version('jinja2')}"
    yield f"python {platform.python_version()}"
