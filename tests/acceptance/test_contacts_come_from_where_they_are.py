"""The promise: a campaign over several systems is planned the same each time, and sent as it was planned.

The contacts are in a workbook that LibreOffice wrote, in PostgreSQL and in a web API with pages. The
organisation's policy adds the rules of the states, a list of people who opted out, and limits.
"""

import json
import shutil
import threading
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from campaigns import AHEAD, future_dates

DATA = Path(__file__).parents[1] / "data"
CAMPAIGN = f"""\
version: 1
name: three-systems
survey: {{survey_id: "48211", instance_id: "3"}}
vars: {{day: "2026-11-30"}}
contacts:
  sources:
    - type: xlsx
      path: visits.xlsx
      sheet: Visits
      key: "{{{{ row['visit id'] }}}}"
      phone: "{{{{ row['Phone Number'] }}}}"
    - type: sql
      connection: warehouse
      query: SELECT id, phone, state FROM visits WHERE day = CAST(:day AS date) ORDER BY id
      parameters: {{day: "{{{{ vars.day }}}}"}}
    - {{type: http, connection: crm, path: /people?size=2, records: data.items, next: links.next}}
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  state: "{{{{ row.state | default('MA') }}}}"
  region: US
calling_windows: {{dates: {future_dates()}, weekly: {{daily: "19:15-21:00"}}}}
retry_policy: {{max_attempts: 2, reattempt_wait: 10m}}
pacing: {AHEAD}
caller_id: "+16175550100"
metadata: {{id: "{{{{ row.id | default('visit') }}}}"}}
silence: {{long_queue_ahead: "the test sends all at once"}}
"""
POLICY = """\
rules: [us-federal, us-states]
contact_limits: {calls: 3, per: 30d}
max_calls_per_day: 5
suppress: [{type: csv, path: stop.csv, phone: "{{ row.phone }}"}]
"""
VISITS = """\
CREATE TABLE visits (id text, phone text, state text, day date);
INSERT INTO visits VALUES
    ('w1', '305 555 0111', 'FL', '2026-11-30'),
    ('w2', '212 555 0112', 'NY', '2026-11-30'),
    ('w3', '212 555 0113', 'NY', '2026-11-29'),
    ('w4', '305 555 0114', 'FL', '2026-11-30')
"""
FLORIDA = {"w1", "w4", "c5"}
PEOPLE = [
    {"id": f"c{number}", "phone": f"{area} 555 012{number}", "state": state}
    for number, (area, state) in enumerate(
        [("617", "MA"), ("617", "MA"), ("212", "NY"), ("617", "MA"), ("305", "FL")], 1
    )
]


@pytest.fixture
def crm():
    """The address of an API that gives two people a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            first = int(self.path.partition("from=")[2] or 0)
            following = f"/people?size=2&from={first + 2}" if first + 2 < len(PEOPLE) else None
            page = {"data": {"items": PEOPLE[first : first + 2]}, "links": {"next": following}}
            is_allowed = self.headers["Authorization"] == "Bearer token-of-the-crm"
            self.send_response(200 if is_allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def clinic(customer, postgres, crm):
    """A user with the campaign, the policy and both connections."""
    warehouse = postgres.new_database()
    with psycopg.connect(warehouse.replace("+psycopg", "")) as connection:
        connection.execute(VISITS)
    office = customer.home / "office"
    office.mkdir()
    (office / "policy.yaml").write_text(POLICY)
    (office / "stop.csv").write_text("phone\n617 555 0124\n")
    shutil.copy(DATA / "visits.xlsx", customer.folder)
    customer.write("campaign.yaml", CAMPAIGN)
    customer.environment |= {
        "RUNNER_CONNECTION_WAREHOUSE": warehouse,
        "RUNNER_CONNECTION_CRM": crm,
        "RUNNER_CONNECTION_CRM_TOKEN": "token-of-the-crm",
        "RUNNER_POLICY_FILE": str(office / "policy.yaml"),
    }
    yield customer
    postgres.remove(warehouse)


def test_what_was_planned_twice_with_the_same_result_is_what_is_sent(clinic, sandbox):
    arguments = ("plan", "campaign.yaml", "--show-contacts", "--output", "json")
    arguments += ("--as-of", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    first, second = clinic.run(*arguments), clinic.run(*arguments, "-o", "plan.json")
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    plan = json.loads(first.stdout)
    assert {source["name"]: source["rows"] for source in plan["sources"]} == {
        "visits.xlsx/Visits": 2,
        "sql:warehouse": 3,
        "http:crm/people": 5,
    }
    assert [(each["contact"], each["reason"]) for each in plan["exclusions"]] == [("c4", "suppressed")]
    check_limits(plan["calls"])

    applied = clinic.run("apply", "plan.json", "--yes")

    assert applied.returncode == 0, applied.stderr
    assert sorted(map(sent, sandbox.calls())) == sorted(map(planned, plan["calls"]))


def check_limits(calls):
    """Each call obeys the policy: the hours of the contact's state, and the number of calls in a day."""
    assert len(calls) == 9
    for call in calls:
        closes = datetime.fromtimestamp(call["end_timestamp"], ZoneInfo("America/New_York"))
        assert f"{closes:%H:%M}" == ("19:55" if call["contact"] in FLORIDA else "20:55")
    days = Counter(datetime.fromtimestamp(call["start_timestamp"], UTC).date() for call in calls)
    assert sorted(days.values()) == [4, 5]


def planned(call):
    return (
        call["phone_number"],
        call["start_timestamp"],
        call["end_timestamp"],
        call["max_attempts"],
        call["metadata"]["id"],
    )


def sent(call):
    numbers = (int(call[name]) for name in ("start_timestamp", "end_timestamp", "max_attempts"))
    return call["phone_number"], *numbers, call["metadata"]["id"]
