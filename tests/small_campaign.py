"""A small campaign, its contacts, and its plan: what the tests of plans share."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from runner.calls import CallState
from runner.campaign.hours import parse_weekly
from runner.campaign.loader import parse_campaign
from runner.campaign.rules.rule_set import RuleSet
from runner.contacts.contact import Row
from runner.contacts.identity import Identity
from runner.planning.plan import Availability, DataVersions, KnownCall
from runner.planning.plan_input import History, PlanInput
from runner.planning.planner import build_plan
from runner.planning.screening import Screening
from runner.planning.working_file import WorkingFile

NOW = int(datetime(2026, 12, 1, 13, tzinfo=UTC).timestamp())
"""Tuesday, 8:00 in New York: an hour before the windows open."""
NINE = NOW + 3600
HOUR, DAY = 3600, 86_400
VERSIONS = DataVersions(tzdata="2026c", phonenumbers="9.0.1", holidays="0.60")
HEADER = """\
version: 1
name: follow-up
survey: {survey_id: "48211", instance_id: "3"}
"""
BOSTON, NEW_YORK, CHICAGO, SAN_FRANCISCO = "617 555 0100", "212 555 0100", "312 555 0100", "415 555 0100"
TOLL_FREE = "800 555 0199"


# Tests share it: nothing of it can be changed, and reading YAML takes longer than most of them.
@cache
def campaign(*, contacts="", hours="09:00-12:00", weekly="", to="2026-12-03", dates="", more=""):
    weekly = weekly or f'{{daily: "{hours}"}}'
    dates = dates or f'{{to: "{to}"}}'
    text = f"""\
{HEADER}
contacts:
  sources: [{{type: csv, path: visits.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: "{{{{ row.tz }}}}"
{contacts}
calling_windows:
  dates: {dates}
  weekly: {weekly}
{more}
"""
    return parse_campaign(text, "campaign.yaml")


def person(key, phone=BOSTON, **values):
    return {"id": key, "phone": phone, "tz": "", "name": f"Ann {key}", **values}


def people(*numbers):
    return [person(f"p{number}", f"617 555 {number:04}") for number in numbers]


class CallsInMemory(tuple):
    __slots__ = ()

    def copy_to(self, database, insert):
        database.executemany(f"{insert} VALUES ({', '.join('?' * len(KnownCall._fields))})", map(tuple, self))


def plan_of(  # noqa: PLR0913 - whatever a plan follows from, each by its name
    loaded,
    rows,
    *,
    history=(),
    now=NOW,
    limit=None,
    suppressed=(),
    imported=None,
    key=b"privacy",
    requests_per_second=5,
    days=None,
    rules=(),
    dials=(),
    progress=lambda _what, _total, items: iter(items),
):
    declared = loaded.campaign
    (source,) = declared.contacts.sources
    numbered = (
        (source, Row(source=source.path, line=line, values=values))
        for line, values in enumerate(rows, start=2)
    )
    return build_plan(
        PlanInput(
            campaign=declared,
            rows=Screening(declared, Identity(key)).screen(numbered),
            suppressed=lambda who, phone: "on stop.csv:2" if {who, phone} & set(suppressed) else None,
            lists_name_keys=any(each.key is not None for each in declared.contacts.suppress),
            imported=imported,
            working_set=WorkingFile(),
            history=replace(history, calls=CallsInMemory(history.calls))
            if isinstance(history, History)
            else History(CallsInMemory(history), revision=str(len(history))),
            identity=Identity(key),
            versions=VERSIONS,
            now=now,
            requests_per_second=requests_per_second,
            days=days,
            rules=rules,
            dials=lambda _numbers: dials,
            limit=limit,
            diagnose=loaded.warning,
            progress=progress,
            earlier_diagnostics=tuple,
        )
    )


def hours_rule(name, weekly):
    """A rule set of hours alone, written as `calling_windows.weekly`."""
    return RuleSet(name=name, weekly=parse_weekly(weekly))


def remembered(plan, availability=Availability.PLANNED, state=CallState.PLANNED):
    """The plan's calls as a ledger would give them back."""
    return [
        KnownCall(
            key=call.key,
            phone=call.phone,
            round=call.round,
            availability=availability,
            zones=call.zones,
            start_timestamp=call.start_timestamp,
            end_timestamp=call.end_timestamp,
            phone_number=call.phone_number,
            max_attempts=call.max_attempts,
            reattempt_wait=call.reattempt_wait,
            metadata=call.metadata,
            result_url=call.result_url,
            state=state,
        )
        for call in plan.calls
    ]


def reasons(plan):
    return {exclusion.key: exclusion.reason for exclusion in plan.exclusions}


def detail(plan):
    (exclusion,) = plan.exclusions
    return exclusion.detail


def slots(plan):
    return {call.key: (call.start_timestamp, call.end_timestamp) for call in plan.calls}


def changes(plan):
    return {call.key: call.change for call in plan.calls}


def change_reasons(plan):
    """Why each call is new, moved, changed or as it was."""
    return {call.key: call.reason for call in plan.calls}


def withdrawn(plan):
    return {withdrawal.key: (withdrawal.reason, withdrawal.detail) for withdrawal in plan.withdrawals}
