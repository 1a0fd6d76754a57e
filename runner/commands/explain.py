"""`runner plan --explain CONTACT`: how one contact came to its call, or to none."""

from collections.abc import Iterator
from contextlib import suppress

from runner.campaign.source_models import Source
from runner.contacts.contact import Exclusion, Row
from runner.contacts.phone import PhoneError, parse_phone
from runner.errors import RunnerError
from runner.planning.explanation import ExplainInput, Subject, explain
from runner.planning.plan import PlannedCall
from runner.reports.console import standard_console
from runner.reports.explanation_text import print_explanation
from runner.reports.progress import activity
from runner.reports.times import local_time
from runner.services.planning import PreparedPlan
from runner.settings import Settings

_MOST_ROWS = 5


def print_explanations(
    contact: str, prepared: PreparedPlan, settings: Settings, *, show_contacts: bool
) -> None:
    """`contact` is a key, a ref, a number, or a row as `visits.csv:17`. Raises RunnerError where none is."""
    loaded, plan = prepared.loaded, prepared.plan
    with activity("looking for the contact"):
        found = list(_entries(contact, prepared))
    withdrawn = [each for each in plan.withdrawals if contact in {each.key, prepared.identity.ref(each.key)}]
    if not found and not withdrawn:
        raise _not_found()
    explain_input = ExplainInput(
        campaign=loaded.campaign,
        plan=plan,
        identity=prepared.identity,
        suppressed=prepared.suppressed.match,
        past=prepared.working_set.past,
        now=float(plan.as_of),
        requests_per_second=settings.requests_per_second,
        place=loaded.place,
        show_contacts=show_contacts,
        rules=plan.rules,
    )
    console = standard_console()
    for each in withdrawn if not found else ():
        when = local_time(each.start_timestamp, each.timezones)
        console.print(f"withdrawn: {each.reason}. The call was planned for {when}.", soft_wrap=True)
    for entry in found[:_MOST_ROWS]:
        source, row = _row(entry, prepared)
        subject = Subject(source=source, row=row, entry=entry, known=prepared.working_set.earlier(entry.key))
        print_explanation(console, explain(subject, explain_input))
        console.print()
    if len(found) > _MOST_ROWS:
        console.print(f"and {len(found) - _MOST_ROWS} more rows of this contact")


def _entries(contact: str, prepared: PreparedPlan) -> Iterator[PlannedCall | Exclusion]:
    """What the plan holds of everything that `contact` may name, in the order of the plan."""
    names = {contact}
    with suppress(PhoneError):
        number = parse_phone(contact, prepared.loaded.campaign.contacts.common_region)
        names.add(number)
        names |= {call.key for call in prepared.working_set.remembered() if call.phone == number}
    for call in prepared.plan.calls:
        if names & {call.key, call.ref, call.phone, f"{call.source}:{call.line}"}:
            yield call
    for exclusion in prepared.plan.exclusions:
        ref = prepared.identity.ref(exclusion.key) if exclusion.key else ""
        if names & {exclusion.key or ref, ref, f"{exclusion.source}:{exclusion.line}"} - {""}:
            yield exclusion


def _row(entry: PlannedCall | Exclusion, prepared: PreparedPlan) -> tuple[Source, Row]:
    reader = prepared.reader
    for source in prepared.loaded.campaign.contacts.sources:
        if reader.source(source).name == entry.source:
            for row in reader.rows(source):
                if row.line == entry.line:
                    return source, row
    raise RunnerError("the sources changed while the plan was made", hint="run the command again")


def _not_found() -> RunnerError:
    return RunnerError(
        "no row of the campaign's sources matches this contact",
        hint="give its key, its ref, its number, or its row, such as visits.csv:17 or visits.xlsx/Visits:17",
    )
