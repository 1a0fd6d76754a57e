"""Makes the plan of a campaign file: the one path of plan, apply and rehearsals."""

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from runner.calls import Guard
from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import LoadedCampaign
from runner.campaign.policy import Policy
from runner.campaign.rules.rule_set import Cap, RuleSet, depend_on_state
from runner.campaign.source_models import InlineRows, Source, Suppression
from runner.campaign.warning_codes import URGENT
from runner.contacts import phone
from runner.contacts.contact import Row
from runner.contacts.identity import Identity
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader
from runner.contacts.sources.source import Reading
from runner.contacts.suppression import KeptList, ListTemplateError, Suppressed, SuppressionLists
from runner.errors import GuardError
from runner.ledger.dials import dials
from runner.ledger.imports import imported_contacts
from runner.ledger.ledger import Ledger
from runner.ledger.results import ResultsSoFar
from runner.ledger.suppressions import ListAsOf
from runner.planning import public_holidays
from runner.planning.eligibility import EveryContactFailedError
from runner.planning.guards import CODES, Counted, Counts, Field, Known, beyond_guard, guards_of
from runner.planning.pacing import DayLimit, day_of
from runner.planning.plan import DataVersions, Plan
from runner.planning.plan_input import PlanInput
from runner.planning.plan_view import PlanView, plan_view
from runner.planning.planner import build_plan
from runner.planning.working_file import WorkingFile
from runner.services import preflight_warnings
from runner.services.campaign_checks import check_holidays
from runner.services.policy import (
    VARIABLE,
    LoadedPolicy,
    PolicyLists,
    at_its_place,
    check_survey,
    load_policy,
)
from runner.services.progress import NO_PROGRESS, Progress
from runner.services.rules import campaign_rules, versions_of
from runner.services.screened_rows import screened_rows
from runner.settings import Settings, connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPlan:
    """A plan, with what apply needs to carry it out."""

    loaded: LoadedCampaign
    plan: Plan
    identity: Identity
    suppressed: Suppressed
    is_first: bool
    """The ledger holds neither calls nor imported contacts of this campaign."""
    limit: int | None
    """The bound of `--limit`. With one, apply sends the calls of this plan alone."""
    results_so_far: ResultsSoFar
    """Those that it knows of."""
    working_set: WorkingFile
    reader: SourceReader
    readings: tuple[Reading, ...]
    """What its sources and lists gave."""
    counts: Counts
    """Of the sources and lists that it was made from."""
    days: DayLimit | None
    policy: Policy | None
    own_rule_files: Mapping[str, str]
    """Hashes of the policy, its lists and the preset files that it obeys and that do not ship with runner."""
    applied_at: float | None = None
    """When the saved plan with which this one was compared was applied before (UTC Unix seconds)."""
    differences: tuple[str, ...] = ()
    """What is done differently from that saved plan, though it may be carried out."""

    @property
    def limits(self) -> tuple[tuple[RuleSet, ...], Policy | None]:
        """What a run that carries it out obeys until its end."""
        return self.plan.rules, self.policy

    @property
    def has_changes(self) -> bool:
        """Whether there is a call to queue or to withdraw."""
        return bool(self.plan.calls or self.plan.withdrawals)

    @property
    def beyond(self) -> list[Guard]:
        """The guards that keep it from being applied."""
        return guards_of(found.code for found in self.plan.diagnostics)

    def view(self, *, show_contacts: bool) -> PlanView:
        """The plan as people may see it."""
        return plan_view(
            self.plan,
            self.loaded.campaign,
            self.identity,
            show_contacts=show_contacts,
            variables=self.loaded.variables,
            readings=self.readings,
        )


def prepare_plan(
    loaded: LoadedCampaign,
    settings: Settings,
    ledger: Ledger,
    *,
    now: float,
    limit: int | None,
    allowed: Collection[Guard] = (),
    progress: Progress = NO_PROGRESS,
    working_set: WorkingFile | None = None,
) -> PreparedPlan:
    """Reads sources, lists and history, and plans as of `now` (UTC Unix seconds). What is beyond a guard is a
    warning of the plan, unless it is `allowed`. The plan is in the `working_set`, a private one where none is
    given.

    Raises SourceError, LedgerError and CampaignInvalidError.
    """
    campaign = loaded.campaign
    check_holidays(loaded)
    policy = load_policy(settings.policy_file)
    check_survey(loaded, policy)
    rules = campaign_rules(loaded, settings.rules, policy)
    ledger.check_survey(campaign.name, campaign.survey.survey_id, campaign.survey.instance_id)
    reader = source_reader(loaded, settings, ledger, loaded.columns_used())
    of_policy = None if policy is None else _read_policy_lists(policy, loaded, settings, ledger)
    suppression = _read_lists(loaded, reader, _kept(of_policy, ledger, campaign.name, now), progress)
    key = privacy_key(settings, ledger)
    identity = Identity(key)
    working_set = WorkingFile() if working_set is None else working_set
    # Before the history: a result that comes in meanwhile is found again by the next plan.
    results_so_far = ledger.results_so_far(campaign.name)
    # First, too: an import in between gives the campaign another revision than that of this history.
    history = ledger.history(campaign.name)
    imported = imported_contacts(ledger.engine, campaign.name)
    known = ledger.known_to_guards(campaign.name)
    days = None if policy is None else _day_limit(policy, ledger, campaign.name, now)
    rows_read: dict[Counted, int] = {}
    with progress.activity("planning"), _at_their_template(loaded):
        of_ledger = list(preflight_warnings.of_ledger(loaded, settings, ledger, identity, now))
        plan = build_plan(
            PlanInput(
                campaign=campaign,
                rules=rules.sets,
                days=days,
                rows=screened_rows(
                    campaign,
                    key,
                    _rows(loaded, reader, rows_read, progress),
                    by_state=depend_on_state(rules.sets),
                ),
                suppressed=suppression.match,
                lists_name_keys=suppression.names_keys,
                imported=imported.has if imported else None,
                history=history,
                dials=partial(dials, ledger.engine, campaign.name, _caps(rules.sets), now),
                working_set=working_set,
                identity=identity,
                versions=data_versions(rules.sets),
                now=now,
                requests_per_second=settings.requests_per_second,
                limit=limit,
                diagnose=loaded.warning,
                progress=progress.bar,
                earlier_diagnostics=lambda: (
                    *loaded.warnings,
                    *of_ledger,
                    *preflight_warnings.of_rows(loaded, reader, suppression, now),
                ),
            )
        )
    counts = {**rows_read, **_entries(campaign.contacts.suppress, suppression, Field.SUPPRESS)}
    if of_policy is not None:
        counts |= of_policy.counts
    return PreparedPlan(
        loaded=loaded,
        plan=_guarded(loaded, plan, known, counts, allowed),
        identity=identity,
        suppressed=Suppressed(
            suppression,
            working_set.shared_numbers,
            working_set.other_numbers,
        ),
        is_first=not imported and not ledger.knows(campaign.name),
        limit=limit,
        results_so_far=results_so_far,
        working_set=working_set,
        reader=reader,
        readings=reader.readings(campaign),
        counts=counts,
        days=days,
        policy=None if policy is None else policy.policy,
        own_rule_files={**rules.own_files, **(of_policy.files if of_policy else {})},
    )


def working_file_on_disk() -> WorkingFile:
    """For a plan that is kept for long, so that it takes little memory once it is settled."""
    handle, name = tempfile.mkstemp(prefix="runner-plan-")
    os.close(handle)
    try:
        return WorkingFile(name)
    finally:
        # No personal data may remain after a crash.
        Path(name).unlink()


def _caps(rules: Iterable[RuleSet]) -> tuple[Cap, ...]:
    return tuple(cap for rule in rules for cap in rule.caps)


def source_reader(
    loaded: LoadedCampaign, settings: Settings, ledger: Ledger, used: frozenset[str] | None = None
) -> SourceReader:
    """Reads the sources and lists of the campaign; `used` are the columns that it reads."""
    return SourceReader(
        source_folder(loaded, settings, ledger),
        used,
        connections=connection,
        constants=loaded.campaign.vars,
    )


def refuse_shrunk_lists(prepared: PreparedPlan) -> None:
    """Raises GuardError where a list lost more people than its guard allows.

    Rows that are missing would only wait, but people who are missing on a list would be called.
    """
    if Guard.LIST_DROP in prepared.beyond:
        raise GuardError(
            next(found.message for found in prepared.plan.diagnostics if found.code == CODES[Guard.LIST_DROP])
        )


def source_folder(loaded: LoadedCampaign, settings: Settings, ledger: Ledger) -> SourceFolder:
    """Where the sources of the campaign may lie."""
    return _folder_of(loaded.path, settings, ledger)


def _folder_of(file: Path, settings: Settings, ledger: Ledger) -> SourceFolder:
    return SourceFolder(
        file,
        data_roots=settings.data_roots,
        forbidden=(ledger.path,) if ledger.path is not None else (),
    )


def suppression_now(
    loaded: LoadedCampaign,
    settings: Settings,
    ledger: Ledger,
    now: float,
    progress: Progress = NO_PROGRESS,
) -> SuppressionLists:
    """The lists of the campaign, of the policy and of the ledger, as of `now` (UTC Unix seconds).

    Raises SourceError and CampaignInvalidError.
    """
    policy = load_policy(settings.policy_file)
    of_policy = None if policy is None else _read_policy_lists(policy, loaded, settings, ledger)
    kept = _kept(of_policy, ledger, loaded.campaign.name, now)
    return _read_lists(loaded, source_reader(loaded, settings, ledger), kept, progress)


def _kept(of_policy: "_PolicyLists | None", ledger: Ledger, campaign: str, now: float) -> KeptList:
    """The list of the ledger, and those of the policy."""
    of_ledger = ListAsOf(ledger.suppressions(campaign), now)
    return of_ledger if of_policy is None else PolicyLists(of_policy.lists, of_ledger)


def _read_lists(
    loaded: LoadedCampaign, reader: SourceReader, kept: KeptList, progress: Progress
) -> SuppressionLists:
    """The suppression lists of the campaign, and the `kept` ones. Raises as above."""
    lists = loaded.campaign.contacts.suppress
    with (
        _at_their_template(loaded),
        progress.rows("reading suppression lists", lambda: reader.size_hints(lists)) as watch,
    ):
        return SuppressionLists(loaded.campaign, reader, watch, kept)


def privacy_key(settings: Settings, ledger: Ledger) -> bytes:
    """The key that the settings give, else the ledger's own."""
    return settings.privacy_key.get_secret_value().encode() or ledger.privacy_key()


def data_versions(rules: tuple[RuleSet, ...]) -> DataVersions:
    """Of the data that decides zones, numbers, holidays and rules on this machine."""
    return DataVersions(
        tzdata=version("tzdata"),
        phonenumbers=phone.data_version(),
        holidays=public_holidays.data_version(),
        rules=versions_of(rules),
    )


def _rows(
    loaded: LoadedCampaign, reader: SourceReader, read: dict[Counted, int], progress: Progress
) -> Iterator[tuple[Source, Row]]:
    """Counts in `read` how many rows each source outside of the campaign file had."""
    sources = loaded.campaign.contacts.sources
    # The bar ends with the rows: the steps after it have bars of their own.
    with progress.rows("reading contacts", lambda: reader.size_hints(sources)) as watch:
        for source in sources:
            for row in watch(reader.rows(source)):
                yield source, row
            if not isinstance(source, InlineRows):
                name = reader.source(source).name
                read[Counted(Field.SOURCES, name)] = reader.row_count(source)


def _day_limit(policy: LoadedPolicy, ledger: Ledger, campaign: str, now: float) -> DayLimit | None:
    most = policy.policy.max_calls_per_day
    if most is None:
        return None
    return DayLimit(most, ledger.starts_by_day(campaign, since=day_of(int(now))))


class _PolicyLists(NamedTuple):
    """The suppression lists of the policy, as they were read."""

    lists: SuppressionLists
    counts: Counts
    files: Mapping[str, str]
    """A hash of each, by what a plan calls it."""


def _read_policy_lists(
    policy: LoadedPolicy, loaded: LoadedCampaign, settings: Settings, ledger: Ledger
) -> _PolicyLists:
    """Numbers without a country code are of the campaign's region, as in its own lists.

    Raises SourceError and CampaignInvalidError.
    """
    declared = policy.policy.suppress
    contacts = loaded.campaign.contacts.model_copy(update={"suppress": declared})
    guard = loaded.campaign.guard.for_policy_lists()
    campaign = loaded.campaign.model_copy(update={"contacts": contacts, "guard": guard})
    folder = _folder_of(policy.path, settings, ledger)
    reader = SourceReader(folder, connections=connection, constants=campaign.vars)
    with at_its_place(policy):
        lists = SuppressionLists(campaign, reader)
    only_lists = campaign.model_copy(update={"contacts": contacts.model_copy(update={"sources": []})})
    files = {f"{VARIABLE}/{each.name}": each.digest for each in reader.readings(only_lists) if each.digest}
    return _PolicyLists(lists, _entries(declared, lists, Field.POLICY, f"{VARIABLE}/"), files)


def _entries(lists: Sequence[Suppression], read: SuppressionLists, field: Field, whose: str = "") -> Counts:
    """How many entries each list has whose rows are not in the file that declares it."""
    return {
        Counted(field, f"{whose}{each.name}"): each.entries
        for declared, each in zip(lists, read.summaries(), strict=True)
        if not isinstance(declared, InlineRows)
    }


def _guarded(
    loaded: LoadedCampaign, plan: Plan, known: Known, counts: Counts, allowed: Collection[Guard]
) -> Plan:
    """The plan with a warning, before all but urgent ones, for each guard that it is beyond."""
    findings = [
        loaded.warning(CODES[found.guard], found.message, found.location, found.hint)
        for found in beyond_guard(plan, loaded.campaign, known, counts)
        if found.guard not in allowed
    ]
    shown = sorted((*findings, *plan.diagnostics), key=lambda found: found.code not in URGENT)
    return replace(plan, diagnostics=tuple(shown))


@contextmanager
def _at_their_template(loaded: LoadedCampaign) -> Iterator[None]:
    """Turns an error that a template makes in every row into an error of the campaign file, at its place."""
    try:
        yield
    except (ListTemplateError, EveryContactFailedError) as error:
        finding = loaded.error("template_fails", error.message, error.location, error.hint)
        raise CampaignInvalidError([finding]) from None
