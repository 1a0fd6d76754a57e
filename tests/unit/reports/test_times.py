"""Times as people read them: by the clock of the contact, or of the machine, with its zone."""

import time
from datetime import UTC, datetime

import pytest
from plan_views import CHICAGO, HOUR, LOS_ANGELES, NEW_YORK, NINE_IN_NEW_YORK, call, plan_view

from runner.reports.plan_facts import verdict
from runner.reports.plan_text import request_fields
from runner.reports.times import due_words, machine_time

FOUR_PM_UTC = int(datetime(2026, 12, 1, 16, tzinfo=UTC).timestamp())


@pytest.fixture
def in_new_york(monkeypatch):
    monkeypatch.setenv("TZ", NEW_YORK)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_a_time_without_a_contact_is_the_machine_s_with_its_zone():
    assert machine_time(FOUR_PM_UTC) == "2026-12-01 11:00:00 EST"
    assert due_words(FOUR_PM_UTC, FOUR_PM_UTC - 1) == "2026-12-01 11:00:00 EST"
    assert due_words(FOUR_PM_UTC, FOUR_PM_UTC) == "now, since 2026-12-01 11:00:00 EST"


def test_the_verdict_of_a_plan_has_the_first_and_last_start_by_the_contacts_own_clocks():
    first, last = call(1), call(2, start=NINE_IN_NEW_YORK + 3 * HOUR, zones=(LOS_ANGELES,))
    assert verdict(plan_view([first, last])) == (
        "The first call may start Tue 2026-12-01 09:00 EST, the last Tue 2026-12-01 09:00 PST, "
        "by the contacts' own clocks."
    )


def test_the_order_of_calls_does_not_decide_by_whose_clock_the_verdict_is():
    calls = [call(1), call(2, zones=(CHICAGO,)), call(3, start=NINE_IN_NEW_YORK + HOUR)]
    assert verdict(plan_view(calls)) == verdict(plan_view(calls[::-1]))


def test_a_request_leaves_at_a_time_of_the_contact_s_clock():
    assert ("leaves at", "Tue 2026-12-01 08:00 EST") in list(request_fields(call(1)))
