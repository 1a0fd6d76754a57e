"""What can be wrong with contacts and suppression lists: found by reading them all, and by a plan."""

import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from runner.calls import Reason
from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic
from runner.campaign.loader import LoadedCampaign
from runner.campaign.warning_codes import WarningCode
from runner.contacts.sources.reader import SourceReader
from runner.errors import SourceError
from runner.ledger.ledger import Ledger
from runner.planning.plan import Plan
from runner.services.campaign_checks import declared_sources
from runner.services.planning import prepare_plan, source_reader
from runner.services.progress import Progress
from runner.services.shared_numbers import CalledNumbers
from runner.settings import load_settings, sqlite_url

_FAULTS = (Reason.INVALID_PHONE, Reason.UNKNOWN_TIMEZONE, Reason.TEMPLATE_ERROR)
"""Faults of the row itself. People are filtered, suppressed or listed twice on purpose."""


class ContactChecks:
    """Checks the contacts of one campaign after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._called = CalledNumbers()

    def check(self, loaded: LoadedCampaign, known: Collection[Diagnostic]) -> Iterator[Diagnostic]:
        """Every error of the sources and lists or, where there is none, the warnings of a plan against an
        empty ledger, less those that are `known`.
        """
        settings = load_settings()
        with (
            tempfile.TemporaryDirectory(prefix="runner-validate-") as folder,
            closing(Ledger.open(sqlite_url(Path(folder) / "ledger.sqlite3"))) as ledger,
        ):
            reader = source_reader(loaded, settings, ledger, loaded.columns_used())
            broken = list(_broken_sources(loaded, reader))
            if broken:
                yield from broken
                return
            try:
                prepared = prepare_plan(
                    loaded, settings, ledger, now=float(int(time.time())), limit=None, progress=self._progress
                )
            except CampaignInvalidError as error:
                yield from error.diagnostics
            except SourceError as error:
                yield _bad_source(loaded, error, ("contacts", "suppress"))
            else:
                yield from (found for found in prepared.plan.diagnostics if found not in known)
                yield from _faulty_rows(loaded, prepared.plan)
                yield from self._shared_contacts(loaded, prepared.plan)

    def _shared_contacts(self, loaded: LoadedCampaign, plan: Plan) -> Iterator[Diagnostic]:
        shared = self._called.add(loaded.path, (call.phone for call in plan.calls))
        for other, number in shared.items():
            are = "number is" if number == 1 else "numbers are"
            yield loaded.warning(
                WarningCode.SHARED_CONTACTS,
                f"{number:,} {are} called by this campaign and by {other}",
                ("contacts", "sources"),
                "exclude them from one campaign with `where` or `suppress` if nobody should be called twice",
            )


def _broken_sources(loaded: LoadedCampaign, reader: SourceReader) -> Iterator[Diagnostic]:
    """The errors of each source and list that cannot be read to its end."""
    for place, source in declared_sources(loaded):
        try:
            for _ in reader.rows(source):
                pass
        except SourceError as error:
            yield _bad_source(loaded, error, place)


def _bad_source(loaded: LoadedCampaign, error: SourceError, place: tuple[str | int, ...]) -> Diagnostic:
    return loaded.error("bad_source", error.message, place, error.hint)


def _faulty_rows(loaded: LoadedCampaign, plan: Plan) -> Iterator[Diagnostic]:
    counts = {
        reason: plan.statistics.excluded[reason] for reason in _FAULTS if reason in plan.statistics.excluded
    }
    if counts:
        first = next(exclusion for exclusion in plan.exclusions if exclusion.reason in counts)
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in counts.items())
        yield loaded.warning(
            WarningCode.FAULTY_ROWS,
            f"{sum(counts.values()):,} of {plan.rows:,} rows cannot be called: {reasons}; the first is "
            f"{first.source}:{first.line}: {first.detail}",
            ("contacts", "sources"),
            "`runner plan` lists them",
        )
