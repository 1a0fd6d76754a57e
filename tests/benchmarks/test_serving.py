"""How close to its time each call leaves, and what memory it takes, while `serve` carries out many campaigns.

SERVING_CAMPAIGNS and SERVING_CONTACTS make it smaller, for a first look.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import many_contacts
import pytest
from postgres import postgres_server
from queueing import sandbox
from sqlalchemy import NullPool, create_engine, text
from table import row

CAMPAIGNS = int(os.environ.get("SERVING_CAMPAIGNS", "100"))
CONTACTS = int(os.environ.get("SERVING_CONTACTS", "10000"))
CALLS_A_SECOND = 50
MEASURED_SECONDS = 120
SETTLING_SECONDS = 20
"""All campaigns begin at the same minute; from then on their paces differ."""
CHANGE_SECONDS = 5
"""So often a list gets a row, so that a campaign is planned next to its run, which the row joins."""
QUEUE_AHEAD_SECONDS = 300
PLANNED_A_SECOND = 1_500
PUNCTUAL_SECONDS = 0.25
MOST_MIB = 500
PLACES = ("UTC", "Asia/Tokyo", "America/New_York", "Pacific/Auckland")
RUNNER = str(Path(sys.executable).with_name("runner"))


@dataclass(frozen=True)
class Opening:
    """When the windows of all campaigns open."""

    zone: str
    at: datetime

    @property
    def first_due(self):
        return self.at.timestamp() - QUEUE_AHEAD_SECONDS


def opening():
    """Late enough that all is planned by then, in a zone where the day goes on long enough."""
    lead = 30 + 2 * CAMPAIGNS + CAMPAIGNS * CONTACTS / PLANNED_A_SECOND
    soon = datetime.now().astimezone() + timedelta(seconds=lead + QUEUE_AHEAD_SECONDS + 60)
    zone = next(place for place in PLACES if soon.astimezone(ZoneInfo(place)).hour < 16)
    return Opening(zone, soon.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0))


def campaign_yaml(number, opens):
    usual = 60 * CALLS_A_SECOND / CAMPAIGNS
    pace = round(usual * (0.75 + 0.5 * number / (CAMPAIGNS - 1)))
    return f"""\
version: 1
name: wave-{number:03}
survey: {{survey_id: "48211", instance_id: "{number}"}}
contacts:
  sources: [{{type: csv, path: {number:03}.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
calling_windows:
  timezone: {opens.zone}
  weekly: {{daily: "{opens.at:%H:%M}-24:00"}}
pacing: {{calls_per_minute: {pace}, queue_ahead: {QUEUE_AHEAD_SECONDS}s}}
retry_policy: {{max_attempts: 3, reattempt_wait: 45m}}
metadata:
  first_name: "{{{{ row.first_name | title }}}}"
  language: "{{{{ 'es' if row.lang == 'ES' else 'en' }}}}"
"""


def write_campaigns(folder, opens):
    everybody = folder.parent / "everybody.csv"
    many_contacts.write_contacts(everybody, CAMPAIGNS * CONTACTS + MEASURED_SECONDS // CHANGE_SECONDS)
    with everybody.open() as rows:
        header = next(rows)
        for number in range(CAMPAIGNS):
            lines = [next(rows) for _ in range(CONTACTS)]
            (folder / f"{number:03}.csv").write_text(header + "".join(lines))
            (folder / f"wave-{number:03}.yaml").write_text(campaign_yaml(number, opens))
        return list(rows)


class Watched:
    """What /proc says of a process and of those that it started: memory each moment, and time of the CPU."""

    def __init__(self, process):
        self._pid = process.pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self.most_mib = 0
        self.most_mib_alone = 0

    def end(self):
        self._ended.set()
        self._thread.join()

    @property
    def cpu_seconds(self):
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _watch(self):
        while not self._ended.wait(0.5):
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
            alone = self._mib(self._pid)
            self.most_mib_alone = max(self.most_mib_alone, alone)
            self.most_mib = max(self.most_mib, alone + sum(map(self._mib, children)))

    def _mib(self, pid):
        """Its own pages, and its part of those that it shares."""
        try:
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            return 0
        return int(found[1]) / 1024 if found else 0


@contextmanager
def serving(folder, environment):
    with (folder.parent / "log").open("w") as log:
        process = subprocess.Popen([RUNNER, "serve", "."], cwd=folder, env=environment, stderr=log)
    watched = Watched(process)
    try:
        yield watched
    finally:
        watched.end()
        process.terminate()
        assert process.wait(120) == 0


def wait_until_all_run(log, deadline):
    while len(running := set(re.findall(r" (wave-\d+): running", log.read_text()))) < CAMPAIGNS:
        assert time.time() < deadline, f"only {len(running)} campaigns were planned in time"
        time.sleep(1)


def lists_grow(folder, rows):
    for number, line in enumerate(rows):
        time.sleep(CHANGE_SECONDS)
        with (folder / f"{number % CAMPAIGNS:03}.csv").open("a") as file:
            file.write(line)


def received_at(base_url):
    with urllib.request.urlopen(f"{base_url.removesuffix('/api')}/_sandbox/calls", timeout=60) as answer:
        return {str(call["call_id"]): call["received_at"] for call in json.load(answer)}


def due_between(url, first, last):
    """(call_id, queue_at) of every call that was due then; the call_id is empty where it was not sent."""
    engine = create_engine(url, poolclass=NullPool)
    query = text("SELECT coalesce(call_id, ''), queue_at FROM calls WHERE queue_at BETWEEN :first AND :last")
    with engine.connect() as connection:
        return connection.execute(query, {"first": first, "last": last}).all()


@pytest.fixture
def ledger_url():
    with postgres_server() as server:
        yield server.new_database()


def test_calls_of_a_hundred_campaigns_leave_on_time_in_one_process(tmp_path, ledger_url):
    folder = tmp_path / "campaigns"
    folder.mkdir()
    opens = opening()
    more_rows = write_campaigns(folder, opens)
    began = time.time()
    with sandbox() as base_url:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "RUNNER_LEDGER_URL": ledger_url,
            "RUNNER_INSIGHT_BASE_URL": base_url,
            "RUNNER_INSIGHT_USERNAME": "me@example.org",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "key",
            "RUNNER_REQUESTS_PER_SECOND": "1000",
            "RUNNER_APPROVAL": "merge",
            "RUNNER_LISTEN": "127.0.0.1:0",
            "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0",
        }
        with serving(folder, environment) as process:
            wait_until_all_run(tmp_path / "log", opens.first_due)
            planned_seconds = time.time() - began
            first = opens.first_due + SETTLING_SECONDS
            time.sleep(max(0, first - time.time()))
            cpu = process.cpu_seconds
            lists_grow(folder, more_rows)
            cpu = (process.cpu_seconds - cpu) / MEASURED_SECONDS
            time.sleep(5)
            due = due_between(ledger_url, int(first), int(first) + MEASURED_SECONDS)
            received = received_at(base_url)
    late = sorted(received.get(call_id, float("inf")) - at for call_id, at in due)
    worst_of_99 = late[int(len(late) * 0.99)]
    on_time = worst_of_99 <= PUNCTUAL_SECONDS and late[0] >= 0
    small = process.most_mib <= MOST_MIB
    what = f"serve with {CAMPAIGNS} campaigns of {CONTACTS:,} contacts on PostgreSQL"
    row(
        f"{what}, {len(late) / MEASURED_SECONDS:.0f} calls a second, a new row each {CHANGE_SECONDS} s",
        f"99 % within {worst_of_99 * 1000:.0f} ms, half within {late[len(late) // 2] * 1000:.0f} ms",
        "99 % within 250 ms, none early",
        on_time,
    )
    row(
        "its memory, with the process that plans",
        f"{process.most_mib:.0f} MiB, {process.most_mib_alone:.0f} MiB without",
        f"at most {MOST_MIB} MiB",
        small,
    )
    row(
        "its share of one core; until all were planned", f"{cpu:.0%}; {planned_seconds:.0f} s", "", holds=True
    )
    assert on_time
    assert small
