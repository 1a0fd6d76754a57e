"""The plan of a small campaign: its calls, their times, and the reasons of exclusions."""

import json
from collections import Counter

import pytest
from small_campaign import (
    BOSTON,
    CHICAGO,
    DAY,
    HOUR,
    NEW_YORK,
    NINE,
    NOW,
    SAN_FRANCISCO,
    TOLL_FREE,
    VERSIONS,
    campaign,
    detail,
    people,
    person,
    plan_of,
    reasons,
    remembered,
    slots,
)

from runner.calls import Cause, Reason
from runner.campaign.diagnostics import Severity
from runner.campaign.loader import parse_campaign
from runner.contacts.identity import Identity
from runner.errors import ExitStatus
from runner.planning.eligibility import EveryContactFailedError
from runner.planning.plan import Availability, Change

# One call


def test_a_planned_call_has_the_whole_request():
    more = """
retry_policy: {max_attempts: 3, reattempt_wait: 45m}
pacing: {queue_ahead: 10m}
caller_id: "+16175550199"
post_dial: "{{ row.extension }}"
metadata: {first: "{{ row.name }}", nothing: ""}
result_url: "https://hooks.example.org/{{ row.id }}"
"""
    plan = plan_of(campaign(more=more), [person("a", extension="1,2#")])
    (call,) = plan.calls
    assert call._asdict() == {
        "key": "a",
        "ref": Identity(b"privacy").ref("a"),
        "round": 1,
        "phone": "+16175550100",
        "zones": '["America/New_York"]',
        "queue_at": NINE - 600,
        "start_timestamp": NINE,
        "end_timestamp": NINE + 3 * HOUR - 300,
        "earliest": None,
        "latest": None,
        "home": "",
        "states": "",
        "phone_number": "tel:+16175550100;ani=6175550199;postd=1,2#",
        "max_attempts": 3,
        "reattempt_wait": 2700,
        "metadata": '{"first": "Ann a", "nothing": ""}',
        "result_url": "https://hooks.example.org/a",
        "change_name": "new",
        "change_reason": "first_call",
        "changed_fields": "",
        "start_before": None,
        "source": "visits.csv",
        "line": 2,
    }
    assert (call.timezones, call.attempts_that_fit, call.change) == (("America/New_York",), 3, Change.NEW)
    assert (plan.campaign, plan.as_of, plan.rows, plan.versions) == ("follow-up", NOW, 1, VERSIONS)


def test_empty_values_are_left_out_of_the_request():
    more = 'caller_id: "{{ row.shown }}"\npost_dial: "{{ row.keys }}"\nresult_url: "{{ row.url }}"'
    plan = plan_of(campaign(more=more), [person("a", shown="", keys=" ", url="")])
    (call,) = plan.calls
    assert call.request.phone_number == "tel:+16175550100"
    assert (call.request.result_url, call.request.reattempt_wait) == ("", None)


def test_a_single_attempt_has_no_wait():
    plan = plan_of(campaign(more="retry_policy: {max_attempts: 1, reattempt_wait: 45m}"), [person("a")])
    (call,) = plan.calls
    assert (call.request.reattempt_wait, call.attempts_that_fit) == (None, 1)


def test_the_request_never_leaves_before_now():
    plan = plan_of(campaign(more="pacing: {queue_ahead: 24h}"), [person("a")])
    assert plan.calls[0].queue_at == NOW


def test_a_call_ends_the_margin_before_its_window_closes():
    loaded = campaign(more="  close_margin: 15m")
    assert slots(plan_of(loaded, [person("a")])) == {"a": (NINE, NINE + 3 * HOUR - 900)}


def test_a_slot_needs_five_minutes_before_its_end():
    closes = NINE + 3 * HOUR
    loaded = campaign(to="2026-12-01")
    assert slots(plan_of(loaded, [person("a")], now=closes - 600)) == {"a": (closes - 600, closes - 300)}
    assert reasons(plan_of(loaded, [person("a")], now=closes - 599)) == {"a": Reason.NO_WINDOW}


@pytest.mark.parametrize(
    ("hours", "fit"), [("09:00-12:00", 3), ("09:00-10:35", 3), ("09:00-10:34", 2), ("09:00-09:15", 1)]
)
def test_the_attempts_that_fit_before_the_end_are_counted(hours, fit):
    loaded = campaign(hours=hours, more="retry_policy: {max_attempts: 3, reattempt_wait: 45m}")
    (call,) = plan_of(loaded, [person("a")]).calls
    assert call.attempts_that_fit == fit
    assert call.request.max_attempts == 3


def test_each_contact_is_called_in_its_own_time():
    rows = [person("east"), person("west", SAN_FRANCISCO), person("moved", CHICAGO, tz="America/Denver")]
    starts = {key: start for key, (start, _) in slots(plan_of(campaign(), rows)).items()}
    assert starts == {"east": NINE, "moved": NINE + 2 * HOUR, "west": NINE + 3 * HOUR}


def test_a_contacts_own_dates_bound_its_call():
    loaded = campaign(contacts='  not_before: "{{ row.first }}"\n  not_after: "{{ row.last }}"')
    rows = [
        person("later", "617 555 0101", first="2026-12-02", last=""),
        person("soon", "617 555 0102", first="", last="2026-12-01T15:00:00Z"),
        person("past", "617 555 0103", first="", last="2026-11-30"),
    ]
    plan = plan_of(loaded, rows)
    assert slots(plan) == {
        "later": (NINE + DAY, NINE + DAY + 3 * HOUR - 300),
        "soon": (NINE, NINE + HOUR - 300),
    }
    assert reasons(plan) == {"past": Reason.NO_WINDOW}
    assert detail(plan) == "no calling window is left between contacts.not_before and contacts.not_after"
    assert plan.calls[1].earliest == NINE + DAY - 9 * HOUR
    assert plan.calls[0].latest == NINE + HOUR


# Order


def test_higher_priority_is_called_first_then_the_order_of_the_source():
    loaded = campaign(
        contacts='  priority: "{{ row.risk }}"', more="pacing: {calls_per_minute: 1, queue_ahead: 0}"
    )
    rows = [
        person(key, f"617 555 010{n}", risk=risk)
        for n, (key, risk) in enumerate([("a", ""), ("b", "2"), ("c", "10"), ("d", "2"), ("e", "-1")])
    ]
    assert list(slots(plan_of(loaded, rows))) == ["c", "b", "d", "a", "e"]


def test_calls_are_listed_in_the_order_in_which_they_leave():
    rows = [person("west", SAN_FRANCISCO), person("middle", CHICAGO), person("east")]
    plan = plan_of(campaign(more="pacing: {queue_ahead: 0}"), rows)
    assert [call.key for call in plan.calls] == ["east", "middle", "west"]


def test_a_call_without_room_at_the_pace_has_no_window():
    loaded = campaign(hours="09:00-09:11", to="2026-12-01", more="pacing: {calls_per_minute: 1}")
    plan = plan_of(loaded, people(1, 2, 3))
    assert list(slots(plan)) == ["p1", "p2"]
    assert reasons(plan) == {"p3": Reason.NO_WINDOW}
    assert "pace" in detail(plan)


# Who is left out


def test_each_row_is_excluded_for_the_first_reason_that_applies():
    loaded = campaign(contacts='  where: "{{ row.consent }}"', more='metadata: {first: "{{ row.name }}"}')
    rows = [
        person("a", consent="yes"),
        person("b", "nonsense", consent="no"),  # filter before number
        person("stop-1", "nonsense", consent="yes"),  # number before suppression
        person("stop-2", BOSTON, consent="yes"),  # suppression before duplicates
        person("a", NEW_YORK, consent="yes"),
        person("c", "+1 (617) 555-0100", consent="yes"),
        person("d", CHICAGO, consent="yes", tz="America/Nowhere"),
        person("e", TOLL_FREE, consent="yes"),
    ]
    plan = plan_of(loaded, rows, suppressed={"stop-1", "stop-2"})
    assert [(e.line, e.key, e.reason.value) for e in plan.exclusions] == [
        (3, "b", "filtered"),
        (4, "stop-1", "invalid_phone"),
        (5, "stop-2", "suppressed"),
        (6, "a", "duplicate_key"),
        (7, "c", "duplicate_phone"),
        (8, "d", "unknown_timezone"),
        (9, "e", "no_window"),
    ]
    assert list(slots(plan)) == ["a"]
    assert plan.rows == len(plan.calls) + len(plan.exclusions) == len(rows)


def test_who_opted_out_with_one_number_is_not_called_at_another():
    loaded = parse_campaign(
        """\
version: 1
name: follow-up
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: visits.csv}]
  phone: ["{{ row.phone }}", "{{ row.home }}"]
  key: "{{ row.id }}"
  region: US
calling_windows: {dates: {to: "2026-12-03"}, weekly: {daily: "09:00-12:00"}}
""",
        "campaign.yaml",
    )
    rows = [person("a", BOSTON, home=CHICAGO), person("b", NEW_YORK, home="")]
    plan = plan_of(loaded, rows, suppressed={"+13125550100"})
    assert reasons(plan) == {"a": Reason.SUPPRESSED}
    assert detail(plan).endswith(", with another number of the same row")
    assert list(slots(plan)) == ["b"]


def test_numbers_elsewhere_and_with_a_special_tariff_are_counted_as_excluded():
    rows = [person("a"), person("b", "+44 20 7183 8750"), person("c", "900 555 0100")]
    plan = plan_of(campaign(contacts="  countries: [US]"), rows)
    assert reasons(plan) == {"b": Reason.COUNTRY, "c": Reason.PREMIUM_RATE}
    assert plan.rows == len(plan.calls) + len(plan.exclusions) == len(rows)


def test_a_suppressed_row_does_not_make_the_next_one_a_duplicate():
    plan = plan_of(campaign(), [person("a"), person("b")], suppressed={"a"})
    assert list(slots(plan)) == ["b"]


def test_a_toll_free_number_has_no_window_and_its_exclusion_explains_why():
    plan = plan_of(campaign(), [person("a", TOLL_FREE)])
    assert reasons(plan) == {"a": Reason.NO_WINDOW}
    assert detail(plan).startswith("a toll-free number may be in any of ")
    assert "set contacts.timezone" in detail(plan)


def test_a_toll_free_number_with_a_postal_code_is_called_in_the_window_of_its_place():
    loaded = campaign(contacts='  postal_code: "{{ row.zip }}"')
    plan = plan_of(loaded, [person("a", TOLL_FREE, zip="60601")])
    assert slots(plan)["a"][0] == NINE + HOUR


def test_who_moved_and_kept_the_number_is_called_while_the_window_is_open_in_both_places():
    loaded = campaign(contacts='  postal_code: "{{ row.zip }}"', hours="09:00-15:00")
    plan = plan_of(loaded, [person("a", BOSTON, zip="90012")])
    assert slots(plan)["a"][0] == NINE + 3 * HOUR
    apart = plan_of(campaign(contacts='  postal_code: "{{ row.zip }}"'), [person("a", BOSTON, zip="90012")])
    assert reasons(apart) == {"a": Reason.NO_WINDOW}
    assert detail(apart).startswith("the contact may be in any of 2 zones")


def test_rows_with_an_unknown_place_are_called_and_counted_in_a_warning():
    loaded = campaign(contacts='  postal_code: "{{ row.zip }}"\n  state: "{{ row.state }}"')
    rows = [
        person("a", "617 555 0101", zip="02139", state="MA"),
        person("b", "617 555 0102", zip="02139", state="Freistaat"),
        person("c", "617 555 0103", zip="n/a", state="Freistaat"),
        person("d", "617 555 0104", zip="", state=""),
    ]
    plan = plan_of(loaded, rows)
    assert len(slots(plan)) == 4
    (found,) = [found for found in plan.diagnostics if found.code == "unknown_place"]
    assert found.line == 12
    assert found.message.startswith("2 rows have a postal_code or state that is not known")
    assert found.message.endswith("the first is the state of visits.csv:3")
    assert "Freistaat" not in found.message


def test_a_toll_free_number_with_a_zone_of_its_own_is_called():
    assert slots(plan_of(campaign(), [person("a", TOLL_FREE, tz="America/New_York")]))


@pytest.mark.parametrize("phone", [BOSTON, TOLL_FREE])
def test_dates_that_are_over_are_the_cause_whatever_the_number(phone):
    plan = plan_of(campaign(to="2026-11-20"), [person("a", phone)])
    assert reasons(plan) == {"a": Reason.NO_WINDOW}
    assert "no calling window opens in America/" in detail(plan)
    assert detail(plan).endswith("the dates end on 2026-11-20")


@pytest.mark.parametrize(
    ("more", "values", "said"),
    [
        ('metadata: {x: "{{ row.absent }}"}', {}, "metadata.x: "),
        ('metadata: {x: "{{ row.tags }}"}', {"tags": ["secret"]}, "metadata.x: "),
        ("metadata:\n  x: |-\n    one\n    {{ row.absent }}", {}, "metadata.x (line 2 of the template): "),
        ('caller_id: "{{ row.v }}"', {"v": "secret"}, "caller_id: "),
        ('post_dial: "{{ row.v }}"', {"v": "1;secret=2"}, "post_dial: "),
        ('result_url: "{{ row.v }}"', {"v": "ftp://secret"}, "result_url: "),
        ('result_url: "https://example.org/{{ row.v }}"', {"v": "a secret"}, "result_url: "),
    ],
)
def test_a_template_that_fails_for_one_row_excludes_only_that_row(more, values, said):
    good = person("good", NEW_YORK, absent="1", tags="1", v="")
    plan = plan_of(campaign(more=more), [person("bad", **values), good])
    assert list(slots(plan)) == ["good"]
    assert reasons(plan) == {"bad": Reason.TEMPLATE_ERROR}
    assert detail(plan).startswith(said)
    assert "secret" not in detail(plan)


@pytest.mark.parametrize("field", ["not_before", "not_after"])
def test_a_contact_with_an_invalid_date_is_excluded_and_the_date_not_shown(field):
    loaded = campaign(contacts=f'  {field}: "{{{{ row.day }}}}"')
    plan = plan_of(loaded, [person("a", day="tomorrow, Ann"), person("b", NEW_YORK, day="")])
    assert reasons(plan) == {"a": Reason.TEMPLATE_ERROR}
    assert detail(plan).startswith(f"contacts.{field}: ")
    assert "Ann" not in detail(plan)


def warned(plan):
    return {found.code: found for found in plan.diagnostics if "where" in found.message}


def test_rows_with_an_unclear_where_are_excluded_and_counted_in_a_warning():
    loaded = campaign(contacts='  where: "{{ row.consent }}"')
    rows = [person("a", consent="Y"), person("b", consent="Annegret"), person("c", consent="maybe")]
    plan = plan_of(loaded, rows)
    assert reasons(plan) == {"b": Reason.FILTERED, "c": Reason.FILTERED}
    (found,) = warned(plan).values()
    assert (found.code, found.line) == ("unclear_where", 11)
    assert found.message.startswith("2 rows are not called")


def test_a_where_that_excludes_every_row_is_warned_of():
    loaded = campaign(contacts="  where: \"{{ row.consent == 'yes' }}\"")
    plan = plan_of(loaded, [person("a", consent="Yes"), person("b", consent="No")])
    (found,) = warned(plan).values()
    assert (found.code, found.line) == ("nobody_kept", 11)
    assert "all 2 rows" in found.message


def test_a_where_that_keeps_a_row_is_not_warned_of():
    loaded = campaign(contacts='  where: "{{ row.consent }}"')
    assert not warned(plan_of(loaded, [person("a", consent="N"), person("b", NEW_YORK, consent="Y")]))


@pytest.mark.parametrize("others", [[], [person("x", "nonsense")], [person("stop", NEW_YORK)]])
def test_a_template_that_fails_for_every_contact_stops_the_plan(others):
    loaded = campaign(more='metadata: {x: "{{ row.absent }}"}')
    with pytest.raises(EveryContactFailedError, match=r"visits\.csv:2: metadata\.x: ") as raised:
        plan_of(loaded, [*people(1, 2), *others], suppressed={"stop"})
    assert raised.value.exit_status is ExitStatus.CAMPAIGN_INVALID


def test_queued_contacts_prove_that_the_templates_work():
    loaded = campaign(more='metadata: {x: "{{ row.x }}"}')
    first = plan_of(loaded, [person("a", x="1")])
    history = remembered(first, Availability.TAKEN, "queued")
    plan = plan_of(loaded, [person("a", x="1"), person("b", NEW_YORK)], history=history)
    assert reasons(plan) == {"a": Reason.ALREADY_QUEUED, "b": Reason.TEMPLATE_ERROR}


def test_a_plan_may_have_no_contacts():
    plan = plan_of(campaign(contacts="  where: \"{{ row.name == 'Bob' }}\""), people(1, 2))
    assert (plan.rows, len(plan.calls)) == (2, 0)
    assert Counter(reasons(plan).values()) == {Reason.FILTERED: 2}


# The plan as a whole


def test_the_same_input_gives_the_same_plan():
    loaded = campaign(more='metadata: {name: "{{ row.name }}"}')
    one, other = (plan_of(loaded, people(1, 2)) for _ in range(2))
    assert list(one.calls) == list(other.calls)
    assert one.plan_id == other.plan_id
    assert one.plan_id.startswith("sha256:")
    assert len(one.plan_id) == len("sha256:") + 64


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        (people(1, 2), {"now": NOW + 1}),
        (people(2, 1), {}),
        (people(1), {}),
        ([people(1)[0] | {"name": "Bob"}, people(2)[0]], {}),
        (people(1, 2), {"key": b"another"}),
        (people(1, 2), {"limit": 1}),
        (people(1, 2), {"suppressed": {"p1"}}),
    ],
    ids=["time", "order", "fewer", "metadata", "key", "limit", "suppressed"],
)
def test_any_difference_gives_the_plan_another_id(rows, more):
    loaded = campaign(more='metadata: {name: "{{ row.name }}"}')
    assert plan_of(loaded, rows, **more).plan_id != plan_of(loaded, people(1, 2)).plan_id


def test_no_exclusion_repeats_the_rows_content():
    loaded = campaign(more='metadata: {x: "{{ row.x | int }}"}')
    rows = [
        person("a", x="1"),
        person("b", "617 555 0199 ext 77", x="1"),
        person("c", CHICAGO, x="secret"),
        person("d", SAN_FRANCISCO, tz="secret person", x="1"),
        person("e", TOLL_FREE, x="1"),
    ]
    details = json.dumps([exclusion.detail for exclusion in plan_of(loaded, rows).exclusions])
    assert len(json.loads(details)) == 4
    assert not [private for private in ("secret", "555", "77", "Ann") if private in details]


def test_a_pace_above_the_request_rate_is_lowered_and_warned_of_at_its_line():
    loaded = campaign(more="pacing: {calls_per_minute: 1000}")
    plan = plan_of(loaded, people(*range(10)))
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.code) == (Severity.WARNING, "pace_above_request_rate")
    assert "the plan uses 300" in warning.message
    assert Counter(call.start_timestamp for call in plan.calls).most_common(1)[0][1] == 5


def test_a_fixed_zone_that_calls_people_at_night_is_warned_of_with_the_count():
    loaded = campaign(more="  timezone: America/New_York")
    rows = [person("east"), person("west", SAN_FRANCISCO), person("middle", CHICAGO)]
    plan = plan_of(loaded, rows)
    assert {call.timezones for call in plan.calls} == {("America/New_York",)}
    (warning,) = plan.diagnostics
    assert warning.code == "asleep"
    assert warning.message.startswith("1 of 3 calls")
    assert "timezone: contact" in warning.hint


def test_hours_at_night_are_warned_of_under_the_contact_s_own_clock_too():
    evening = NOW + 14 * HOUR
    plan = plan_of(
        campaign(hours="10:00-05:00"), [person("east"), person("west", SAN_FRANCISCO)], now=evening
    )
    (warning,) = plan.diagnostics
    assert (warning.code, warning.line) == ("asleep", 14)
    assert warning.message.startswith("1 of 2 calls")
    assert "5 pm is 17:00" in warning.hint


def test_a_start_at_21_is_warned_of_and_one_before_is_not():
    for hours, codes in (("20:59-21:45", []), ("21:00-21:45", ["asleep"]), ("08:00-09:00", [])):
        plan = plan_of(campaign(hours=hours), [person("east")], now=NOW)
        assert [warning.code for warning in plan.diagnostics] == codes


THREE_ATTEMPTS = "retry_policy: {max_attempts: 3, reattempt_wait: 45m}"


def test_a_redial_at_night_is_warned_of_with_the_count_and_the_latest_hour():
    """The first dial is at 19:45; Insight dials again until the window closes, less close_margin."""
    plan = plan_of(campaign(hours="19:45-23:00", more=THREE_ATTEMPTS), [person("east")])
    (warning,) = plan.diagnostics
    assert warning.code == "asleep"
    assert warning.message.startswith("1 of 1 calls may be dialled outside 8:00 to 21:00")
    assert warning.message.endswith("the latest at 22:55 in America/New_York")


@pytest.mark.parametrize(
    ("hours", "more"),
    [
        ("19:45-23:00", ""),
        ("17:15-21:00", THREE_ATTEMPTS),
        ("17:15-21:00", f"  close_margin: 0s\n{THREE_ATTEMPTS}"),
        ("20:30-21:14", THREE_ATTEMPTS),
    ],
    ids=["single attempt", "closes before 21:00", "closes at 21:00", "no time for a second attempt"],
)
def test_a_call_without_a_redial_at_night_is_not_warned_of(hours, more):
    assert plan_of(campaign(hours=hours, more=more), [person("east")]).diagnostics == ()


def test_a_redial_is_checked_on_the_contacts_own_clock():
    loaded = campaign(hours="17:15-21:00", more=f"  timezone: America/Chicago\n{THREE_ATTEMPTS}")
    (warning,) = plan_of(loaded, [person("east")]).diagnostics
    assert warning.code == "asleep"
    assert "the latest at 21:55 in America/New_York" in warning.message


def test_an_imported_contact_is_not_called_nor_is_another_row_with_its_number():
    loaded = campaign()
    rows = [person("x", BOSTON), person("c-2", BOSTON), person("c-3", CHICAGO)]
    plan = plan_of(loaded, rows, imported=lambda key, _phone: key == "c-2")
    assert [call.key for call in plan.calls] == ["c-3"]
    assert [(each.key, each.reason, each.cause) for each in plan.exclusions] == [
        ("x", Reason.ALREADY_QUEUED, Cause.IMPORTED),
        ("c-2", Reason.ALREADY_QUEUED, Cause.IMPORTED),
    ]
