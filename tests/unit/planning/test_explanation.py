from io import StringIO

import pytest
from rich.console import Console
from small_campaign import (
    BOSTON,
    HEADER,
    HOUR,
    NINE,
    NOW,
    TOLL_FREE,
    campaign,
    people,
    person,
    plan_of,
    remembered,
)

from runner.calls import Cause
from runner.campaign.loader import parse_campaign
from runner.contacts.contact import Row
from runner.contacts.identity import Identity
from runner.planning.calendar import RuleKind
from runner.planning.explanation import ExplainInput, Subject, explain
from runner.planning.plan import Availability
from runner.planning.plan_view import CallView, plan_view
from runner.planning.rounds import PastCall
from runner.reports.explanation_text import print_explanation, remedy

MORE = """\
metadata: {name: "{{ row.name }}"}
pacing: {calls_per_minute: 1}
"""


def explained(key, rows, *, loaded=None, history=(), show=False, suppressed=(), now=NOW, **kwargs):
    """The explanation of the first row that has this key."""
    loaded = loaded or campaign(more=MORE)
    plan = plan_of(loaded, rows, history=history, suppressed=suppressed, now=now, **kwargs)
    entry = next(each for each in (*plan.calls, *plan.exclusions) if each.key == key)
    given = ExplainInput(
        campaign=loaded.campaign,
        plan=plan,
        identity=Identity(b"privacy"),
        suppressed=lambda who, _phone: "on stop.csv:2" if who in suppressed else None,
        past=lambda who, _phone: [
            PastCall._make(getattr(call, name) for name in PastCall._fields)
            for call in history
            if call.key == who and call.availability == Availability.TAKEN
        ],
        now=now,
        requests_per_second=5,
        place=loaded.place,
        show_contacts=show,
    )
    row = Row(source="visits.csv", line=entry.line, values=rows[entry.line - 2])
    (source,) = loaded.campaign.contacts.sources
    known = next((call for call in history if call.key == key), None)
    return explain(Subject(source=source, row=row, entry=entry, known=known), given)


def steps(explanation):
    return {step.name: (step.value, step.because) for step in explanation.steps}


def places(explanation):
    return {step.name: step.place for step in explanation.steps}


def test_each_value_has_its_source():
    found = explained("p1", people(1, 2))
    found_steps = steps(found)
    assert found_steps["row"] == ("visits.csv:2", "4 columns")
    assert found_steps["key"] == ("p1", "from {{ row.id }}")
    assert found_steps["phone"] == ("+1•••••••001", "written ••• ••• ••••, read as a number of US")
    assert found_steps["timezone"] == ("America/New_York", "from the number")
    assert found_steps["ledger"][0] == "nothing"
    assert found_steps["metadata[name]"] == ("•••", "{{ row.name }}")
    assert found_steps["start_timestamp"] == ("Tue 2026-12-01 09:00:00 EST", "its window opens")
    assert found_steps["end_timestamp"] == ("Tue 2026-12-01 11:55:00 EST", "its window closes 5 min later")
    assert places(found)["key"] == "campaign.yaml:8"
    assert remedy(found) == ""


def number_steps(texts, *, more=""):
    lines = ["  phone:", *(f'    - "{{{{ row.{name} }}}}"' for name in texts), more]
    text = HEADER + "contacts:\n  sources: [{type: csv, path: visits.csv}]\n" + "\n".join(lines)
    text += '\n  key: "{{ row.id }}"\ncalling_windows: {weekly: {daily: "09:00-12:00"}}\n'
    rows = [{"id": "a", **texts}]
    found = explained("a", rows, loaded=parse_campaign(text, "campaign.yaml"))
    return [step for step in found.steps if step.name.startswith(("phone", "region"))]


def test_each_number_says_why_it_is_called_or_not():
    found = number_steps(
        {"mobile": "n/a", "none": "", "home": "617 555 0101", "work": "212-555-0102"}, more="  region: US"
    )
    assert [step[:3] for step in found] == [
        ("phone 1", "no number", "written •/•, read as a number of US: it contains letters and no digits"),
        ("phone 3", "+1•••••••101", "written ••• ••• ••••, read as a number of US"),
        (
            "phone 4",
            "+1•••••••102",
            "written •••-•••-••••, read as a number of US; not needed, since an earlier one is called",
        ),
    ]
    assert [step.place for step in found] == ["campaign.yaml:7", "campaign.yaml:9", "campaign.yaml:10"]


def test_the_region_of_a_row_is_shown():
    region, phone = number_steps(
        {"phone": "020 7183 8750", "country": "UK"}, more='  region: "{{ row.country }}"'
    )[:2]
    assert region[:3] == ("region", "GB", "from {{ row.country }}")
    assert phone[:2] == ("phone 1", "+44•••••••750")
    unknown, *_ = number_steps(
        {"phone": "020 7183 8750", "country": "Boston"}, more='  region: "{{ row.country }}"'
    )
    assert unknown[:3] == ("region", "unknown", "{{ row.country }} is not a country code for this row")


PLACES = """\
  postal_code: "{{ row.zip }}"
  state: "{{ row.state }}"
  unknown_timezone: America/Denver
"""


def zone_steps(phone, *, postal_code="", state=""):
    rows = [person("a", phone, zip=postal_code, state=state)]
    found = explained("a", rows, loaded=campaign(contacts=PLACES), show=True)
    return [
        (step.name, step.value, step.because, step.place)
        for step in found.steps
        if step.name in {"timezone", "postal_code", "state"} or step.name.startswith("zones by")
    ]


def test_zones_that_agree_are_shown_with_the_value_that_gave_each():
    assert zone_steps("208 555 0100", postal_code="83814", state="ID") == [
        ("zones by postal_code", "America/Los_Angeles", "from the postal code", "campaign.yaml:11"),
        ("zones by state", "America/Boise, America/Los_Angeles", "from the state", "campaign.yaml:12"),
        ("zones by phone", "America/Boise, America/Los_Angeles", "from the number", "campaign.yaml:7"),
        ("timezone", "America/Los_Angeles", "the zones that all of these share", ""),
    ]


def test_zones_that_do_not_agree_all_count():
    assert zone_steps(BOSTON, postal_code="90012")[-1] == (
        "timezone",
        "America/Los_Angeles, America/New_York",
        "these share no zone, and the contact may be in any of them; a window must be open in all of them",
        "",
    )


def test_a_toll_free_number_has_the_zone_of_its_place_or_the_default():
    assert zone_steps(TOLL_FREE, postal_code="60601") == [
        ("timezone", "America/Chicago", "from the postal code", "campaign.yaml:11")
    ]
    assert zone_steps(TOLL_FREE) == [
        ("timezone", "America/Denver", "for contacts of unknown place", "campaign.yaml:13")
    ]


def test_a_place_that_is_not_known_is_shown_and_says_nothing():
    assert zone_steps(BOSTON, postal_code="n/a") == [
        (
            "postal_code",
            "n/a",
            "not known in the US or Canada, so it says nothing about zones",
            "campaign.yaml:11",
        ),
        ("timezone", "America/New_York", "from the number", "campaign.yaml:7"),
    ]


def test_numbers_and_names_are_shown_only_when_asked_for():
    hidden = explained("a", [person("a", BOSTON, name="Canarina")], show=False)
    shown = explained("a", [person("a", BOSTON, name="Canarina")], show=True)
    for canary in ("617", "Canarina"):
        assert canary not in repr(hidden)
        assert canary in repr(shown)


def test_a_later_start_is_explained_by_the_pace():
    found = steps(explained("p3", people(1, 2, 3)))
    why = "the first free start at 1 call a minute, after 2 others in this window"
    assert found["start_timestamp"] == ("Tue 2026-12-01 09:02:00 EST", why)


def test_an_open_window_is_used_at_once_and_a_kept_slot_is_kept():
    rows, loaded = people(1), campaign(more=MORE)
    now = NOW + 2 * HOUR
    assert steps(explained("p1", rows, now=now))["start_timestamp"][1] == "at once: its window is open"
    history = remembered(plan_of(loaded, rows))
    kept = steps(explained("p1", rows, history=history))
    assert kept["ledger"][0] == "planned"
    assert kept["start_timestamp"][1] == "an earlier plan gave it this slot, which it keeps"


def test_each_day_names_the_line_that_opens_or_closes_it():
    loaded = campaign(more='  blackout: ["2026-12-02"]\n' + MORE)
    (new_york,) = explained("p1", people(1), loaded=loaded).hours
    first, second, _, fourth = new_york.days[:4]
    opened = [(i.start, i.end, place) for i, place in first[1] if i.is_open]
    assert opened == [(9 * 60, 12 * 60, "campaign.yaml:14")]
    assert [(i.rule.kind, place) for i, place in second[1]] == [(RuleKind.BLACKOUT, "campaign.yaml:15")]
    assert [(i.rule.kind, i.rule.name) for i, _ in fourth[1]] == [(RuleKind.AFTER_DATES, "2026-12-03")]


@pytest.mark.parametrize(
    ("rows", "kwargs", "verdict", "advice"),
    [
        (
            [person("a", "nonsense")],
            {},
            "invalid_phone: it contains letters and no digits",
            "fix the number in visits.csv:2",
        ),
        (
            [person("a")],
            {"suppressed": {"a"}},
            "suppressed: on stop.csv:2",
            "only its removal from the list",
        ),
        (
            [person("a", TOLL_FREE)],
            {},
            "no_window: a toll-free number",
            "set contacts.timezone for this row",
        ),
        ([person("a", tz="Nowhere")], {}, "unknown_timezone: ", "set contacts.timezone to an IANA name"),
        (
            [person("b", "617 555 0101"), person("a")],
            {"limit": 1},
            "call_limit: --limit 1 is reached",
            "a higher --limit",
        ),
        (
            [person("a", name="x" * 99)],
            {"loaded": campaign(contacts='  where: "{{ row.name | length < 9 }}"')},
            "filtered: contacts.where is false",
            "make contacts.where true for this row (campaign.yaml:11)",
        ),
        (
            [person("a")],
            {"loaded": campaign(dates='{from: "2026-11-01", to: "2026-11-20"}')},
            "no_window: no calling window opens in America/New_York within the campaign's dates: the last",
            "set a later last date (campaign.yaml:13)",
        ),
        (
            [person("a")],
            {"loaded": campaign(weekly='{mon: "09:15-12:00"}')},
            "no_window: no calling window opens in America/New_York within the campaign's dates",
            "open more hours or days",
        ),
        (
            [person("a", until="2026-11-20")],
            {"loaded": campaign(contacts='  not_after: "{{ row.until }}"')},
            "no_window: no calling window is left between contacts.not_before and contacts.not_after",
            "change the row's own dates",
        ),
        (
            [*people(*range(1, 6)), person("a")],
            {"loaded": campaign(hours="09:15-09:26", to="2026-12-01", more="pacing: {calls_per_minute: 1}")},
            "no_window: the pace leaves no free start",
            "raise pacing.calls_per_minute",
        ),
    ],
    ids=[
        "number",
        "suppressed",
        "toll-free",
        "zone",
        "limit",
        "filter",
        "dates over",
        "no open hours",
        "own dates",
        "pace",
    ],
)
def test_an_excluded_contact_has_the_reason_and_a_remedy(rows, kwargs, verdict, advice):
    found = explained("a", rows, **kwargs)
    assert f"{found.result.reason}: {found.result.detail}".startswith(verdict)
    assert remedy(found).startswith(advice)


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("queued", "nothing: a campaign calls each contact once"),
        ("uncertain", "check at Insight, then run: runner resolve follow-up p1 --as not-queued"),
    ],
)
def test_a_sent_or_possibly_sent_call_is_explained(state, advice):
    history = remembered(plan_of(campaign(more=MORE), people(1)), Availability.TAKEN, state)
    found = explained("p1", people(1), history=history)
    assert remedy(found).startswith(advice)


def test_the_explained_windows_are_those_of_the_plan():
    found = explained("p1", people(1))
    plan = plan_of(campaign(more=MORE), people(1))
    (call,) = plan.calls
    assert found.callable_in[0] == (call.start_timestamp, call.end_timestamp)


def test_the_text_names_every_step_and_day():
    out = StringIO()
    print_explanation(Console(file=out, width=80), explained("p1", people(1)))
    text = out.getvalue()
    assert text.startswith("p1 (ref ")
    assert "to be called (new): the ledger has no call to this contact yet" in text
    assert "Tue 2026-12-01  open    09:00-12:00  campaign.yaml:14" in text
    assert "Fri 2026-12-04  closed" in text
    assert "Tue 2026-12-01 09:00 EST to Tue 2026-12-01 11:55 EST" in text


def test_the_number_of_a_filtered_row_is_explained():
    loaded = campaign(contacts="  where: \"{{ row.name == 'Bob' }}\"", more=MORE)
    found = explained("a", [person("a"), person("b", "617 555 0101", name="Bob")], loaded=loaded)
    assert steps(found)["phone"][0] == "+1•••••••100"


def test_a_number_that_cannot_be_called_is_explained_by_what_is_wrong_with_it():
    found = explained("a", [person("a", "nonsense")])
    assert steps(found)["phone"] == (
        "no number",
        "written ••••••••, read as a number of US: it contains letters and no digits",
    )


@pytest.mark.parametrize("written", ["empty", "fails"])
def test_a_number_that_reads_like_a_result_of_its_template_is_explained_as_a_number(written):
    found = explained("a", [person("a", written)], show=True)
    assert steps(found)["phone"][0] == "no number"


def test_past_dates_have_their_code_in_plan_explanation_and_warnings():
    loaded = campaign(dates='{from: "2026-11-01", to: "2026-11-20"}')
    plan = plan_of(loaded, people(1, 2))
    assert [exclusion.cause for exclusion in plan.exclusions] == [Cause.DATES_OVER] * 2
    (warning,) = plan.diagnostics
    assert (warning.code, warning.line) == ("dates_over", 13)
    assert warning.message.startswith("2 contacts get no call")
    assert "2026-11-20" in warning.message
    found = explained("p1", people(1, 2), loaded=loaded)
    assert found.result.cause is Cause.DATES_OVER
    assert remedy(found) == "set a later last date (campaign.yaml:13)"
    out = StringIO()
    print_explanation(Console(file=out, width=200), found)
    assert "[dates_over]" in out.getvalue()
    assert "timezone to say" not in out.getvalue()


def test_the_evening_of_the_last_date_is_over_and_its_morning_is_not():
    loaded, rows = campaign(to="2026-12-01"), people(1)
    assert not plan_of(loaded, rows, now=NOW).exclusions
    (exclusion,) = plan_of(loaded, rows, now=NOW + 5 * HOUR).exclusions
    assert exclusion.cause is Cause.DATES_OVER


NO_BOUND = ["0001-01-01", "9999-12-31"]
"""What databases write where there is no bound."""
EXTREME_INSTANTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize("holidays", ["", "  holidays: {country: US}"])
@pytest.mark.parametrize(
    ("dates", "is_called"),
    [
        ('{from: "0001-01-01"}', True),
        ('{from: "0001-01-01", to: "9999-12-31"}', True),
        ('{to: "9999-12-31"}', True),
        ('{from: "9999-12-31"}', False),
        ('{to: "0001-01-01"}', False),
    ],
)
def test_extreme_campaign_dates_are_planned_and_explained(dates, is_called, holidays):
    loaded = campaign(dates=dates, more=holidays)
    assert bool(plan_of(loaded, people(1)).calls) is is_called
    assert isinstance(explained("p1", people(1), loaded=loaded).result, CallView) is is_called


@pytest.mark.parametrize("moment", NO_BOUND + EXTREME_INSTANTS)
@pytest.mark.parametrize("field", ["not_before", "not_after"])
def test_extreme_dates_of_a_contact_are_planned_and_explained(field, moment):
    loaded = campaign(contacts=f'  {field}: "{{{{ row.moment }}}}"')
    found = explained("a", [person("a", moment=moment)], loaded=loaded)
    is_bounded = (field == "not_before") is moment.startswith("9999")
    assert isinstance(found.result, CallView) is not is_bounded
    assert is_bounded is (getattr(found.result, "cause", None) is Cause.OWN_DATES)


def test_a_metadata_value_that_reads_no_row_is_shown_and_one_that_does_is_masked():
    metadata = (
        'metadata: {site: Boston, wave: "{{ vars.wave }}", name: "{{ row.name }}", '
        'number: "{{ row[\'phone\'] }}", empty: ""}\nvars: {wave: "3"}'
    )
    loaded = campaign(more=metadata)
    plan = plan_of(loaded, people(1))
    shown = plan_view(plan, loaded.campaign, Identity(b"privacy"), show_contacts=False).calls[0].metadata
    assert shown == {"site": "Boston", "wave": "3", "name": "•••", "number": "•••", "empty": ""}
    found_steps = steps(explained("p1", people(1), loaded=loaded))
    assert found_steps["metadata[site]"][0] == "Boston"
    assert found_steps["metadata[wave]"][0] == "3"
    assert found_steps["metadata[name]"][0] == "•••"


def test_constants_of_the_campaign_file_are_shown_but_not_the_query_of_its_result_url():
    more = (
        'caller_id: "+16175550100"\npost_dial: "1,2#"\n'
        'result_url: "https://hooks.example.org/insight?token=canary"\n'
    )
    loaded = campaign(more=more)
    view = plan_view(plan_of(loaded, people(1)), loaded.campaign, Identity(b"privacy"), show_contacts=False)
    (shown,) = view.calls
    assert shown.phone_number.endswith(";ani=6175550100;postd=1,2#")
    assert shown.result_url == "https://hooks.example.org/insight?•••"
    found_steps = steps(explained("p1", people(1), loaded=loaded))
    assert [found_steps[name][0] for name in ("caller_id", "post_dial", "result_url")] == [
        "6175550100",
        "1,2#",
        "https://hooks.example.org/insight?•••",
    ]


def test_a_caller_id_that_reads_the_row_is_masked():
    loaded = campaign(more='caller_id: "{{ row.line }}"')
    rows = [person("a", line="+16175550100")]
    view = plan_view(plan_of(loaded, rows), loaded.campaign, Identity(b"privacy"), show_contacts=False)
    assert view.calls[0].phone_number.endswith(";ani=•••")
    assert steps(explained("a", rows, loaded=loaded))["caller_id"][0] == "•••"


def test_a_value_that_the_file_does_not_declare_points_at_no_line_of_it():
    assert places(explained("p1", people(1), loaded=campaign()))["leaves at"] == ""


THREE_ROUNDS = "retry_policy:\n  rounds: 3\n  round_gap: 20h\n  vary_time: true"


def tried(loaded, result, *, state=None, last_dial=NINE):
    """The first round of p1, as the ledger gives it back when it ended with `result`."""
    return [
        call._replace(
            availability=Availability.TAKEN.value, state=state or result, result=result, last_dial=last_dial
        )
        for call in remembered(plan_of(loaded, people(1)))
    ]


def in_rounds(result="failed", more=THREE_ROUNDS, *, now=NOW + 8 * HOUR, hours="09:00-20:00", **ended):
    loaded = campaign(more=more, hours=hours, to="2026-12-14")
    return explained("p1", people(1), loaded=loaded, history=tried(loaded, result, **ended), now=now)


def test_a_further_round_is_explained_by_the_earlier_one_the_gap_and_the_kinds_of_time():
    found = in_rounds()
    found_steps = steps(found)
    assert found.result.round == 2
    assert found_steps["round 1"] == (
        "failed",
        "last dialled Tue 2026-12-01 09:00:00 EST (weekday before 17:00)",
    )
    assert found_steps["next round"] == (
        "2 of 3, from Wed 2026-12-02 05:00:00 EST",
        "20 h after the last dial",
    )
    assert found_steps["preferred time"] == ("weekday from 17:00 or weekend, then any", "not tried yet")
    assert found_steps["start_timestamp"] == (
        "Wed 2026-12-02 17:00:00 EST",
        "a kind of time that was not tried yet begins",
    )
    assert found.callable_in[0][0] == NINE + 24 * HOUR
    assert places(found)["next round"] == "campaign.yaml:17"


def test_a_further_round_that_starts_when_the_gap_is_over_says_so():
    found = steps(in_rounds(more="retry_policy: {rounds: 2, round_gap: 25h, vary_time: false}"))
    assert found["start_timestamp"] == (
        "Wed 2026-12-02 10:00:00 EST",
        "the gap after the round before is over",
    )
    assert "preferred time" not in found


def test_a_preferred_time_without_a_window_is_explained():
    found = steps(in_rounds(hours="09:00-12:00", more="retry_policy: {rounds: 2}"))
    assert found["preferred time"][0] == "weekday from 17:00 or weekend, then any"
    assert found["start_timestamp"][0] == "Sat 2026-12-05 09:00:00 EST"


@pytest.mark.parametrize(
    ("result", "more", "because", "advice"),
    [
        ("completed", THREE_ROUNDS, "the contact was reached", "nothing: the contact was reached"),
        ("canceled", THREE_ROUNDS, "only failed calls are tried again", "name this result in retry_policy"),
        (
            "failed",
            "retry_policy: {rounds: 1}",
            "tried in 1 of 1 round",
            "a higher retry_policy.rounds",
        ),
    ],
)
def test_a_contact_that_is_not_tried_again_is_explained(result, more, because, advice):
    found = in_rounds(result, more)
    assert steps(found)["next round"] == ("none", because)
    assert remedy(found).startswith(advice)


def test_a_contact_whose_result_is_open_is_explained():
    found = in_rounds(None, state="queued", last_dial=None)
    assert steps(found)["round 1"] == (
        "result not known yet",
        "may be dialled until Tue 2026-12-01 19:55:00 EST",
    )
    assert steps(found)["next round"] == ("none", "a round follows only a known result")
    assert remedy(found) == "the result of its last call; to ask Insight now: runner refresh follow-up"


def test_an_uncertain_call_of_a_campaign_with_rounds_is_explained():
    found = in_rounds(None, state="uncertain", last_dial=None)
    assert steps(found)["round 1"][0] == "uncertain"
    assert steps(found)["next round"] == ("none", "nobody has settled yet whether the call was queued")
    assert remedy(found).startswith("check at Insight")


def test_a_result_without_a_time_of_a_dial_is_explained_by_the_end_of_the_call():
    found = steps(in_rounds(last_dial=None))
    assert found["round 1"][1] == (
        "Insight gave no time of a dial: it started Tue 2026-12-01 09:00:00 EST (weekday before 17:00) "
        "and ended by Tue 2026-12-01 19:55:00 EST"
    )


def test_with_one_round_and_no_result_no_round_is_explained():
    found = steps(in_rounds(None, "", state="queued", last_dial=None))
    assert "round 1" not in found
    assert "next round" not in found


def test_a_further_round_for_which_no_window_is_left_is_explained_and_not_warned_of():
    loaded = campaign(more=THREE_ROUNDS, to="2026-12-01")
    plan = plan_of(loaded, people(1), history=tried(loaded, "failed"), now=NOW + 2 * HOUR)
    assert "dates_over" not in {diagnostic.code for diagnostic in plan.diagnostics}
    found = explained("p1", people(1), loaded=loaded, history=tried(loaded, "failed"), now=NOW + 2 * HOUR)
    assert found.result.cause is Cause.DATES_OVER
    assert steps(found)["next round"] == (
        "none",
        "no calling window is left from Wed 2026-12-02 05:00:00 EST, 20 h after the last dial",
    )
    assert "preferred time" not in steps(found)
    assert remedy(found) == "set a later last date (campaign.yaml:13)"
