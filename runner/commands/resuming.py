"""Goes on with the plan that the ledger holds, where a new one is proven to say the same."""

from dataclasses import dataclass

from runner.campaign import silence
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.loader import LoadedCampaign
from runner.commands import circumstances
from runner.commands.plan_basis import PlanBasis, holds_until, plan_basis
from runner.commands.planning import PreparedPlan, data_versions, privacy_key, read_lists, source_folder
from runner.commands.target import Target
from runner.contacts.identity import Identity
from runner.contacts.sources import SourceReader
from runner.contacts.suppression import SuppressionLists
from runner.dispatch.sender import LATE_SECONDS
from runner.ledger.resumption import Basis, DoubtError, Remainder

_MOST_LATE = 10_000
"""Late calls are moved some at a time, in the order of their starts. A plan that places them all at once, by
priority, is made sooner than more than these are moved.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What is left of a plan, with what `apply` needs to go on with it."""

    remainder: Remainder
    suppression: SuppressionLists
    warnings: tuple[Diagnostic, ...]
    silenced: tuple[silence.Silenced, ...]


def basis_now(loaded: LoadedCampaign, target: Target) -> PlanBasis | None:
    """What a plan would be made from at this moment; None where it cannot be read."""
    settings, ledger = target.settings, target.ledger
    return plan_basis(
        loaded.campaign,
        source_folder(loaded, settings, ledger),
        Identity(privacy_key(settings, ledger)),
        data_versions(),
        settings.requests_per_second,
    )


def lasting_basis(before: PlanBasis, after: PlanBasis | None, prepared: PreparedPlan) -> Basis | None:
    """On what a later run may go on with this plan; None where none may.

    It was made from what was there `before`; what was touched while it was made may have been read half-way.
    And whom the pace left out, or `--limit`, may get a call as soon as others are done.
    """
    if before != after or prepared.limit is not None or prepared.plan.unplaced:
        return None
    return Basis(
        digest=before.digest, until=holds_until(prepared.campaign, prepared.zones, prepared.plan.as_of)
    )


def resume(loaded: LoadedCampaign, target: Target, basis: PlanBasis) -> Resumed | None:
    """What is left of a plan that may be gone on with; None where there is none.

    Raises DoubtError where a new one is to be made instead, SourceError and LedgerError.
    """
    ledger, now = target.ledger, target.clock.now()
    left = ledger.remainder(loaded.campaign.name, basis.digest, now, late_before=now - LATE_SECONDS)
    if left is None:
        return None
    if left.late > _MOST_LATE:
        raise DoubtError(f"{left.late:,} calls are late, and a plan places so many sooner")
    identity = Identity(privacy_key(target.settings, ledger))
    told, silenced = silence.part(
        (
            *loaded.warnings,
            *loaded.silenced,
            *circumstances.of_ledger(loaded, target.settings, ledger, identity, now),
        ),
        loaded.campaign.silence,
    )
    reader = SourceReader(source_folder(loaded, target.settings, ledger), notices=[])
    return Resumed(
        remainder=left,
        suppression=read_lists(loaded, reader),
        warnings=told,
        silenced=silence.with_reasons(silenced, loaded.campaign.silence),
    )
