"""The plan as Markdown, for a comment on a pull request. Never longer than it may be."""

from collections.abc import Iterable, Sequence

from runner.calls import Reason
from runner.campaign.warning_codes import in_a_line
from runner.planning.plan_view import ExclusionView, PlanView
from runner.reports import plan_facts as facts
from runner.reports.markdown import code, folded, plain, table
from runner.reports.plan_text import hours_chart, request_fields, zone_names
from runner.reports.rule_words import effect_words, origin_words
from runner.reports.times import rfc3339

DEFAULT_BYTES = 60_000
"""GitHub takes comments of 65,536 characters."""
LEAST_BYTES = 2_000
"""Room for the headline and for saying what was cut."""
_ROWS = (1000, 300, 100, 30, 10, 3, 1, 0)
"""How many rows of each table are tried, one after the other, until all fits."""
_SAMPLE_REQUESTS = 3
_ROWLESS = frozenset({"new", "unchanged"})
"""Changes whose calls are not listed one by one."""


def plan_markdown(plan: PlanView, most_bytes: int = DEFAULT_BYTES) -> str:
    """At most `most_bytes` of UTF-8, which must be at least LEAST_BYTES.

    The first line is a comment that readers do not see: `marker(campaign)` and the plan's id. A workflow
    finds its last comment by it.
    """
    plan = facts.for_readers(plan)
    changes, exclusions = facts.change_groups(plan, max(_ROWS)), facts.exclusion_groups(plan, max(_ROWS))
    for rows in _ROWS:
        text = _Page(plan, changes, exclusions, rows).text()
        if len(text.encode()) <= most_bytes:
            return text
    return _Page(plan, changes, exclusions, 0).bare_text()


def marker(campaign: str) -> str:
    """How a comment about this campaign begins."""
    return f"<!-- runner-plan {campaign} "


class _Page:
    """The plan with at most `rows` rows in each table."""

    def __init__(
        self,
        plan: PlanView,
        changes: Sequence[facts.ChangeGroup],
        exclusions: Sequence[tuple[Reason, int, Sequence[ExclusionView]]],
        rows: int,
    ) -> None:
        self._plan = plan
        self._groups = changes
        self._excluded = exclusions
        self._rows = rows
        self._cut: list[str] = []

    def text(self) -> str:
        body = [
            *self._changes(),
            *self._warnings(),
            *self._rules(),
            *self._hours(),
            *self._exclusions(),
            *self._requests(),
        ]
        return self._lines([*self._head(), *body, *self._note_of_cuts(), *self._foot()])

    def bare_text(self) -> str:
        self._cut = ["all but the totals"]
        return self._lines([*self._head(), *self._note_of_cuts()])

    @staticmethod
    def _lines(lines: Iterable[str]) -> str:
        return "\n".join(lines) + "\n"

    def _head(self) -> list[str]:
        plan = self._plan
        lines = [
            f"{marker(plan.campaign)}{plan.plan_id} -->",
            f"### {facts.headline(plan)}",
            "",
            *(f"**Warning: {plain(words)}**\n" for words in facts.urgent(plan)),
            (
                f"{code(plan.campaign)}, survey {code(plan.survey_id)}, instance {code(plan.instance_id)}: "
                f"{facts.count(plan.summary['rows'], 'row')} read. {plain(facts.verdict(plan))}"
            ),
        ]
        for words in filter(None, (*facts.notes(plan), facts.short_of_attempts(plan))):
            lines += ["", plain(words)]
        return lines

    def _changes(self) -> list[str]:
        if not self._groups:
            return []
        rows = []
        for group in self._groups:
            if group.kind not in _ROWLESS:
                self._note_cut(group.count, f"{group.kind} calls")
            # In a diff the sign says what the colour says.
            rows.append((f"`{facts.SIGNS[group.kind]}`", f"{group.count:,}", group.kind, plain(group.reason)))
            rows += [("", "", code(who), plain(what)) for who, what in group.rows[: self._rows]]
        return ["", "#### Changes", "", *table(("", "calls", "", "why"), rows)]

    def _warnings(self) -> list[str]:
        found, suppressed = self._plan.diagnostics, in_a_line(self._plan.suppressed_warnings)
        self._note_cut(len(found), "warnings")
        rows = [
            (
                code(f"{each.file}:{each.line}:{each.col}" if each.line else each.file),
                code(each.code),
                plain(f"{each.message}. {each.hint}" if each.hint else each.message),
            )
            for each in found[: self._rows]
        ]
        title = f"#### {facts.count(len(found), 'warning')}"
        lines = ["", title, "", *table(("where", "code", "what"), rows)] if rows else []
        return [*lines, *(["", plain(suppressed)] if suppressed else [])]

    def _rules(self) -> list[str]:
        rules = self._plan.rules
        if not rules:
            return []
        self._note_cut(len(rules), "rules")
        rows = [
            (code(rule.name), plain(effect_words(rule, self._plan.hours.timezone)), plain(origin_words(rule)))
            for rule in rules[: self._rows]
        ]
        lines = ["", "#### Rules, which are not legal advice", ""]
        return [*lines, *table(("rule", "what it does", "where it comes from"), rows)]

    def _hours(self) -> list[str]:
        chart = [line.plain.rstrip() for line in hours_chart(self._plan)]
        if not chart:
            return []
        if not self._rows:
            self._cut.append("the calls an hour")
            return []
        return ["", "#### Calls an hour, by the contacts' own clocks", "", "```text", *chart, "```"]

    def _exclusions(self) -> list[str]:
        lines: list[str] = []
        for reason, number, found in self._excluded:
            self._note_cut(number, f"{reason.value} rows")
            rows = [
                (code(f"{each.source}:{each.row}"), code(each.contact), plain(facts.exclusion_words(each)))
                for each in found[: self._rows]
            ]
            words = facts.reason_words(self._plan, reason)
            title = f"{number:,} {reason.value}: {words.replace('`', '')}"
            body = table(("row", "contact", "why"), rows) if rows else ["(the rows were cut)"]
            lines += folded(title, body)
        return ["", "#### Not called", "", *lines] if lines else []

    def _requests(self) -> list[str]:
        calls = self._plan.calls[: min(_SAMPLE_REQUESTS, self._rows)]
        if not calls:
            return []
        lines: list[str] = []
        for call in calls:
            fields = [(plain(name), code(value)) for name, value in request_fields(call)]
            who = f"{code(call.contact)} {plain(call.phone)} in {plain(zone_names(call.timezones))}"
            lines += [who, "", *table(("parameter", "value"), fields), ""]
        return ["", *folded("The first requests, as they will be sent", lines)]

    def _note_of_cuts(self) -> list[str]:
        if not self._cut:
            return []
        return ["", f"_Cut, to fit into a comment: {plain(', '.join(self._cut))}. The HTML form has all._"]

    def _foot(self) -> list[str]:
        versions = self._plan.versions
        read = f"{plain(facts.read_words(self._plan))} · " if self._plan.sources else ""
        return [
            "",
            (
                f"<sub>{read}as of {rfc3339(self._plan.as_of)} · tzdata {plain(versions.tzdata)} · "
                f"phonenumbers {plain(versions.phonenumbers)} · holidays {plain(versions.holidays)} · "
                f"plan {plain(self._plan.plan_id)}</sub>"
            ),
        ]

    def _note_cut(self, number: int, what: str) -> None:
        if number > self._rows:
            self._cut.append(f"{number - self._rows:,} of {number:,} {what}")
