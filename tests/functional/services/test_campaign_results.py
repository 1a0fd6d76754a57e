"""The survey's saved report, asked for page by page from a server, and joined to the calls of a ledger."""

import asyncio
import threading
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from sqlalchemy import insert, text

from runner.campaign.loader import parse_campaign
from runner.contacts.identity import Identity
from runner.errors import RunnerError, SettingsError, StoppedError
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.tables import results
from runner.results.dispositions import CodingRules, CompletesFrom, Disposition
from runner.services.binding import account_digest
from runner.services.campaign_results import campaign_results, coding_rules, figures_by_call
from runner.settings import load_settings, origin

PRIVACY_KEY = "a privacy key of 16"
IDENTITY = Identity(PRIVACY_KEY.encode())
HEADER = "Survey ID,Phone Number,Start,End,Completed\n"
FILE = """\
version: 1
name: clinic-followup
survey: {survey_id: "48211", instance_id: "3"}
contacts: {sources: [{type: inline, rows: [{phone: "617 555 0001"}]}], phone: "{{ row.phone }}", region: US}
calling_windows: {weekly: {daily: "09:00-12:00"}}
"""


class ReportServer(ThreadingHTTPServer):
    """Answers with `rows`, two to a page; or with `status` where one is set."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows = []
        self.asked = []
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.server.asked.append((address.path, query))
        offset = int(query["offset"])
        body = (HEADER + "".join(self.server.rows[offset : offset + 2])).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Plum-Total-Rows", str(len(self.server.rows)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ReportServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(server, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_INSIGHT_BASE_URL", f"http://127.0.0.1:{server.server_port}/api")
    monkeypatch.setenv("RUNNER_INSIGHT_USERNAME", "me@example.org")
    monkeypatch.setenv("RUNNER_INSIGHT_DEVELOPER_KEY", "a-developer-key")
    monkeypatch.setenv("RUNNER_REQUESTS_PER_SECOND", "1000")
    monkeypatch.setenv("RUNNER_PRIVACY_KEY", PRIVACY_KEY)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def ledger(settings, tmp_path):
    """A campaign with three calls that Insight has, of which the first two were answered."""
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:
        account = account_digest(settings, IDENTITY)
        binding = replace(BINDING, account=account, origin=origin(settings.insight_base_url))
        three = plan(*(call(f"c{number}") for number in (1, 2, 3)))
        ledger.begin_run(binding, three, RunProcess(host="here", pid=1), NOW)
        learned = {"campaign": CAMPAIGN, "source": "asked", "learned_at": NOW, "attempts": 1}
        with ledger.engine.begin() as connection:
            connection.execute(text("UPDATE calls SET state = 'queued', call_id = contact"))
            for number, status in ((1, "completed"), (2, "completed"), (3, "failed")):
                dialled = {"first_dial": NOW + 400, "last_attempt_timestamp": NOW + 400, "events": []}
                connection.execute(insert(results).values(call=number, status=status, **learned, **dialled))
        yield ledger


def found(ledger, results_of=""):
    """By the campaign file, which declares `results` so."""
    Path("campaign.yaml").write_text(FILE + (f"results: {results_of}\n" if results_of else ""))
    return found_by("campaign.yaml", ledger)


def found_by(given, ledger):
    read = asyncio.run(campaign_results(given, ledger, load_settings(), NOW + 7200))
    return read, {case.calls[0].call.contact: case.disposition for case in read.cases()}


def visit(number, completed="Yes", start=NOW + 410):
    return f"48211,{phone(number)},{start},,{completed}\n"


def test_every_page_of_a_closed_time_range_is_read(server, ledger):
    server.rows = [visit(1), visit(2, "No"), visit(9), visit(3, start=NOW + 9999)]
    read, codes = found(ledger, '{report_id: "7712"}')
    assert codes == {"c1": Disposition.COMPLETE, "c2": Disposition.BREAK_OFF, "c3": Disposition.NOT_REACHED}
    assert [each.row for each in read.visits.unmatched()] == [3, 4]
    assert [path for path, _ in server.asked] == ["/api/report/7712"] * 2
    assert [query["offset"] for _, query in server.asked] == ["0", "2"]
    assert {query["end_timestamp"] for _, query in server.asked} == {str(NOW + 7200)}
    assert {int(query["start_timestamp"]) < NOW for _, query in server.asked} == {True}


def test_an_empty_report_is_asked_for_once(server, ledger):
    _, codes = found(ledger, '{report_id: "7712"}')
    assert (len(server.asked), codes["c1"]) == (1, Disposition.UNKNOWN)


def test_without_a_report_insights_word_counts_and_nothing_is_asked(server, ledger):
    _, codes = found(ledger)
    assert (codes["c1"], codes["c2"], server.asked) == (Disposition.COMPLETE, Disposition.COMPLETE, [])
    read, by_name = found_by(CAMPAIGN, ledger)
    assert (by_name, read.is_declared) == (codes, False)


def test_the_figures_of_calls_that_ended_are_counted_until_the_process_ends(ledger):
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE calls SET state = 'completed' WHERE contact <> 'c3'"))
    ending = threading.Event()
    assert sum(figures_by_call(ledger, CAMPAIGN, ending).contacts.values()) == 2
    ending.set()
    with pytest.raises(RunnerError, match="were not counted"):
        figures_by_call(ledger, CAMPAIGN, ending)


def test_a_report_that_insight_does_not_give_is_an_error(server, ledger):
    server.status = 404
    with pytest.raises(StoppedError, match="did not give the saved report 7712: status 404"):
        found(ledger, '{report_id: "7712"}')


def test_a_report_needs_credentials(ledger, monkeypatch):
    monkeypatch.setenv("RUNNER_INSIGHT_DEVELOPER_KEY", "")
    with pytest.raises(SettingsError):
        found(ledger, '{report_id: "7712"}')


def test_the_report_of_another_account_is_refused(server, ledger, monkeypatch):
    monkeypatch.setenv("RUNNER_INSIGHT_USERNAME", "another@example.org")
    with pytest.raises(RunnerError, match="another Insight account"):
        found(ledger, '{report_id: "7712"}')
    assert server.asked == []


@pytest.mark.parametrize(
    ("declared", "rules"),
    [
        ("", CodingRules()),
        (
            '{report_id: "7712", partials: respondents}',
            CodingRules(CompletesFrom.REPORT, partials_respond=True),
        ),
        ("{eligibility: 0.45}", CodingRules(eligibility=0.45)),
        ("{eligibility: estimate}", CodingRules()),
    ],
)
def test_the_campaign_declares_how_its_calls_are_counted(declared, rules):
    text = FILE + (f"results: {declared}\n" if declared else "")
    assert coding_rules(parse_campaign(text, "campaign.yaml").campaign) == rules
