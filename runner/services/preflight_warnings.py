"""Warnings about what a campaign file depends on: the ledger, the suppression lists, the rows' columns."""

import time
from collections.abc import Iterator

from runner.campaign.diagnostics import Diagnostic, did_you_mean
from runner.campaign.document import Location
from runner.campaign.loader import LoadedCampaign
from runner.campaign.source_models import AnySource, InlineRows
from runner.campaign.template_syntax import right_form
from runner.campaign.warning_codes import WarningCode
from runner.contacts.identity import Identity
from runner.contacts.sources.reader import SourceReader
from runner.contacts.suppression import SuppressionLists
from runner.ledger.ledger import Ledger
from runner.ledger.operators import CampaignState
from runner.ledger.overview import overview, shared_instances
from runner.reports.notices import pause_text
from runner.reports.times import rfc3339
from runner.services.binding import BOUND_ELSEWHERE_HINT, bound_elsewhere, is_other, repository_of
from runner.services.campaign_checks import declared_sources
from runner.settings import Settings, origin

OLDEST_LIST_DAYS = 30
"""As an example, US telemarketers may use the national registry for 31 days (47 CFR 64.1200(c)(2)(i)(D))."""

_DAY = 86_400
_HALTED = {CampaignState.PAUSED: WarningCode.PAUSED, CampaignState.CANCELED: WarningCode.CANCELED}
_MOST_NAMED = 3
"""Other campaigns that a warning names."""


def of_ledger(
    loaded: LoadedCampaign, settings: Settings, ledger: Ledger, identity: Identity, now: float
) -> Iterator[Diagnostic]:
    """What the ledger holds against carrying out any plan of this campaign. `now` is UTC Unix seconds."""
    seen = overview(ledger.engine, loaded.campaign.name, now, most_problems=0)
    if seen.pause_info:
        halted = _HALTED[seen.pause_info.state]
        yield loaded.warning(halted, pause_text(seen.pause_info, rfc3339), ("name",))
    if seen.repository and is_other(seen.repository, repository_of(loaded.path, identity)):
        yield loaded.warning(
            WarningCode.OTHER_REPOSITORY,
            f"this ledger holds calls of {seen.campaign} from another repository or file: "
            "apply would change and withdraw them as this file says",
            ("name",),
            "if they are two campaigns, give this one another `name`; if the file was only moved, apply it",
        )
    elsewhere = bound_elsewhere(seen, settings, identity)
    if elsewhere:
        yield loaded.warning(WarningCode.BOUND_ELSEWHERE, elsewhere, ("name",), BOUND_ELSEWHERE_HINT)
    yield from _shared_instance(loaded, settings, ledger, now)


def _shared_instance(
    loaded: LoadedCampaign, settings: Settings, ledger: Ledger, now: float
) -> Iterator[Diagnostic]:
    survey = loaded.campaign.survey
    here = origin(settings.insight_base_url)
    others = shared_instances(
        ledger.engine, loaded.campaign.name, survey.survey_id, survey.instance_id, here, now
    )
    if not others:
        return
    # Those with calls to come matter most.
    others.sort(key=lambda other: -other.waiting)
    named = [
        f"{other.campaign} ({other.waiting:,} call{'' if other.waiting == 1 else 's'} waiting, "
        f"{other.sent:,} sent in the last 30 days)"
        for other in others[:_MOST_NAMED]
    ]
    if len(others) > _MOST_NAMED:
        named.append(f"and {len(others) - _MOST_NAMED:,} more")
    have = "another campaign" if len(others) == 1 else f"{len(others):,} other campaigns"
    yield loaded.warning(
        WarningCode.SHARED_INSTANCE,
        f"{have} of this ledger used the same survey instance lately: {', '.join(named)}",
        ("survey", "instance_id"),
        "a contact of two campaigns is called by both, and `cancel --pending-at-insight` of one campaign "
        "also cancels the calls of the others",
    )


def of_rows(
    loaded: LoadedCampaign, reader: SourceReader, suppression: SuppressionLists, now: float
) -> Iterator[Diagnostic]:
    """What reading all sources and lists has shown. `now` is UTC Unix seconds."""
    yield from _notices(loaded, reader)
    yield from _lists(loaded, suppression, now)
    yield from _skipped_rows(loaded, suppression)
    yield from _unknown_columns(loaded, reader)
    yield from _columns_as_text(loaded, reader)


def _notices(loaded: LoadedCampaign, reader: SourceReader) -> Iterator[Diagnostic]:
    """What was odd about the files, at the place where the campaign file names them."""
    for place, source in declared_sources(loaded):
        # That a list names nobody has a warning of its own.
        must_have_rows = "sources" in place and not source.allow_empty
        for notice in reader.source(source).notices:
            if notice.code is not WarningCode.EMPTY_SOURCE or must_have_rows:
                about = (*place[:-1], notice.key)
                yield loaded.warning(notice.code, notice.message, about, notice.hint)


def _lists(loaded: LoadedCampaign, suppression: SuppressionLists, now: float) -> Iterator[Diagnostic]:
    lists = loaded.campaign.contacts.suppress
    for found in suppression.summaries():
        place = ("contacts", "suppress", found.position, "path")
        if found.entries == 0 and not isinstance(lists[found.position], InlineRows):
            yield loaded.warning(
                WarningCode.EMPTY_SUPPRESSION_LIST,
                f"{found.name} has no entries, so it excludes nobody",
                place,
                "check that it is the right file and that the export is complete",
            )
        if found.changed_at is None:
            continue
        # A plan as of a later day cannot know how often the list will have been exported by then.
        days = int((min(now, time.time()) - found.changed_at) // _DAY)
        if days > OLDEST_LIST_DAYS:
            yield loaded.warning(
                WarningCode.OLD_SUPPRESSION_LIST,
                f"{found.name} was last changed {days} days ago: people who opted out since are called",
                place,
                "export it again; git sets the time of a file at checkout, so the list may be even older",
            )


def _skipped_rows(loaded: LoadedCampaign, suppression: SuppressionLists) -> Iterator[Diagnostic]:
    for found in suppression.summaries():
        if not found.skipped.count:
            continue
        count, (first_line, problem) = found.skipped.count, found.skipped.first[0]
        rows = "1 row" if count == 1 else f"{count:,} rows"
        were, people = ("was", "person it means") if count == 1 else ("were", "people they mean")
        yield loaded.warning(
            WarningCode.UNREADABLE_SUPPRESSION_ROWS,
            f"{rows} of {found.name} cannot be read and {were} skipped, so the {people} may be called; "
            f"the first, in line {first_line}: {problem}",
            ("contacts", "suppress", found.position, "allow_invalid"),
            "correct these rows, or remove them from the list",
        )


def _unknown_columns(loaded: LoadedCampaign, reader: SourceReader) -> Iterator[Diagnostic]:
    """Columns that no row has, though `default` or a branch keeps the template from failing."""
    columns: dict[tuple[int, ...], frozenset[str]] = {}
    for location, template in loaded.templates():
        sources = _read_by(loaded, location)
        # Most templates read the same sources, and JSON lines may have very many columns.
        which = tuple(map(id, sources))
        if which not in columns:
            columns[which] = frozenset[str]().union(*map(reader.columns, sources))
        known = columns[which]
        # Without a row the columns are unknown, and there is a warning about the empty source already.
        for name in sorted(template.columns_used - known) if known else ():
            yield loaded.warning(
                WarningCode.UNKNOWN_COLUMN,
                f"no row has a column `{name}`",
                location,
                did_you_mean(name, known) or "check the names in the source; upper and lower case differ",
            )


def _columns_as_text(loaded: LoadedCampaign, reader: SourceReader) -> Iterator[Diagnostic]:
    """`first_name: first_name`, where the content of the column was meant."""
    known = frozenset[str]().union(*map(reader.columns, loaded.campaign.contacts.sources))
    for location, template in loaded.templates():
        name = template.source.strip()
        if location[0] == "metadata" and template.is_constant and name in known:
            yield loaded.warning(
                WarningCode.COLUMN_AS_TEXT,
                f"every contact gets the text {name!r}, which is the name of a column",
                location,
                f'for the content of the column write "{{{{ {right_form(name)} }}}}"',
            )


def _read_by(loaded: LoadedCampaign, location: Location) -> list[AnySource]:
    """The sources whose rows fill in the template at this place of the campaign file."""
    contacts = loaded.campaign.contacts
    match location:
        case ("contacts", "sources", int(position), *_):
            return [contacts.sources[position]]
        case ("contacts", "suppress", int(position), *_):
            return [contacts.suppress[position]]
        case ("contacts", ("phone" | "key" | "timezone" | "region") as field, *_):
            return [source for source in contacts.sources if getattr(source, field) is None]
    return list(contacts.sources)
