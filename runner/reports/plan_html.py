"""The plan as one page that opens anywhere: no network, no other file, and it reads without its script."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain, islice

from markupsafe import Markup

from runner.campaign.warning_codes import in_a_line
from runner.planning.plan_view import CallView, PlanView
from runner.reports import plan_facts, rule_words
from runner.reports.page import contact_table, week_map, zone_chart
from runner.reports.page.starts import StartCount
from runner.reports.page.template import policy, shipped, shown, template
from runner.reports.plan_text import request_fields, zone_names
from runner.reports.times import local_time, rfc3339

FIRST_ROWS = 10
"""How many rows of each group of changes and of exclusions are shown at first."""
_MOST_ROWS = 100
"""How many more unfold; the table of contacts has all."""


def plan_html(plan: PlanView) -> str:
    """The same plan gives the same bytes. Every value is escaped, anywhere in the page."""
    style, script = shipped("plan.css"), shipped("plan.js")
    return template("plan.html").render(
        plan_values(plan),
        style=Markup(style),  # noqa: S704 - our own file, without any value of a plan
        script=Markup(script),  # noqa: S704 - same reason
        policy=policy(style, script),
    )


def plan_values(plan: PlanView, most_contacts: int | None = None) -> Mapping[str, object]:
    """What the templates of the plan's parts show; of more contacts, only so many are in its table."""
    plan = plan_facts.for_readers(plan)
    page = _Page(plan, most_contacts)
    local = page.starts.local()
    return {
        "plan": plan,
        "facts": plan_facts,
        "rule_words": rule_words,
        "counts": plan.summary,
        "groups": plan_facts.change_groups(plan, FIRST_ROWS),
        "exclusions": plan_facts.exclusion_groups(plan, _MOST_ROWS),
        "short": plan_facts.short_of_attempts(plan),
        "chart": zone_chart.zone_chart(local),
        "panel": zone_chart,
        "week": week_map.week_map(plan.hours, local, plan.rules),
        "week_map": week_map,
        "samples": page.samples.shown(),
        "rows": page.table.first_rows,
        "signs": contact_table.KINDS,
        "row_count": len(page.table),
        "rows_left": page.left,
        "kinds": page.table.kinds(),
        "data": page.table.data(),
        "first_rows": FIRST_ROWS,
        "most_rows": _MOST_ROWS,
        "versions": {name: version for name, version in asdict(plan.versions).items() if version},
        "request_fields": request_fields,
        "zone_names": zone_names,
        "local_time": local_time,
        "rfc3339": rfc3339,
        "suppressed_warnings": in_a_line(plan.suppressed_warnings),
    }


class Samples:
    """The first request of each kind, and the first for somebody who may be in several zones."""

    def __init__(self) -> None:
        self._found: dict[str, CallView] = {}

    def add(self, call: CallView) -> None:
        self._found.setdefault(call.change.value, call)
        if len(call.timezones) > 1:
            self._found.setdefault("in several zones", call)

    def shown(self) -> list[tuple[str, CallView]]:
        """Each request with the kinds of which it is the first."""
        found = dict(self._found)
        if len(found) > 1:
            found.pop("unchanged", None)
        kinds: dict[int, list[str]] = {}
        for kind, call in found.items():
            kinds.setdefault(id(call), []).append(kind)
        return [(", ".join(names), found[names[0]]) for names in kinds.values()]


class _Page:
    """What the page shows of calls and rows. Each call is read once: each access makes its view."""

    def __init__(self, plan: PlanView, most_contacts: int | None) -> None:
        self.starts, self.samples = StartCount(), Samples()
        self.table = contact_table.ContactTable(shown)
        rows = len(plan.calls) + len(plan.withdrawals) + len(plan.exclusions)
        most = rows if most_contacts is None else most_contacts
        for call in plan.calls:
            self.starts.add(call.start_timestamp, call.timezones)
            self.samples.add(call)
            if len(self.table) < most:
                self.table.add(contact_table.called(call))
        others = chain(
            map(contact_table.withdrawn, plan.withdrawals), map(contact_table.excluded, plan.exclusions)
        )
        for entry in islice(others, most - len(self.table)):
            self.table.add(entry)
        self.left = rows - len(self.table)
        """Rows that are not in the table."""
