"""Rehearsals: days of calls and callbacks in seconds, each at its time, for one campaign or several."""

import asyncio
import http.server
import json
import threading
import urllib.request

import pytest
from sqlalchemy import text

from runner.campaign.loader import load_campaign
from runner.dispatch.events import RunEnd
from runner.insight.sandbox import Behavior, parse_callbacks, parse_outcomes
from runner.services.apply import Apply
from runner.services.rehearsal import rehearsal
from runner.settings import Settings

PEOPLE = 30
HANGS_AFTER_SECONDS = 120
WORK_SECONDS = 5
"""The clock goes on while requests are under way."""
BEHAVIOR = Behavior(
    outcomes=parse_outcomes("answered=40%"), callbacks=parse_callbacks("lost=20%,doubled=20%,late:7200=20%")
)
CAMPAIGN = """\
version: 1
name: {name}
survey: {{survey_id: "48211", instance_id: "{instance}"}}
contacts:
  sources: [{{type: csv, path: {name}.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: UTC
calling_windows: {{weekly: {{daily: ["06:00-06:20", "18:00-18:20"]}}}}
retry_policy: {{max_attempts: 2, reattempt_wait: 2m}}
pacing: {{calls_per_minute: 1}}
{more}
"""


@pytest.fixture
def receiver():
    """Its address, and all that came in."""
    came = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/results", came
        server.shutdown()
        thread.join()


def applied(environment, folder, name, instance, result_url, *, wait):
    more = f"result_url: {result_url}" if result_url else ""
    (folder / f"{name}.yaml").write_text(CAMPAIGN.format(name=name, instance=instance, more=more))
    rows = "".join(f"{name}-{n},617 555 {1000 * instance + n}\n" for n in range(PEOPLE))
    (folder / f"{name}.csv").write_text(f"id,phone\n{rows}")
    return Apply(load_campaign(folder / f"{name}.yaml", data_roots=tuple), environment, wait=wait)


def rehearse(folder, result_url, *names, learned=None):
    """Rehearses these campaigns side by side. Returns how they ended, and the sandbox's books.

    `learned` takes the state of each call in the ledger, by its call_id.
    """
    with rehearsal(Settings(), BEHAVIOR) as environment:
        works = [
            applied(environment, folder, name, instance, result_url, wait=learned is not None)
            for instance, name in enumerate(names, start=1)
        ]
        plans = [work.plan() for work in works]

        async def together():
            async with asyncio.timeout(HANGS_AFTER_SECONDS):
                return await asyncio.gather(
                    *(work.run(plan, lambda _event: None) for work, plan in zip(works, plans, strict=True))
                )

        ends = asyncio.run(together())
        if learned is not None:
            learned |= {call.call_id: call.state for call in rows_of(environment.ledger)}
        return ends, books_of(environment)


def books_of(environment):
    root = environment.settings.insight_base_url.removesuffix("/api")
    with urllib.request.urlopen(f"{root}/_sandbox/calls", timeout=10) as answer:
        return json.load(answer)


def rows_of(ledger):
    with ledger.engine.connect() as connection:
        return connection.execute(text("SELECT call_id, state FROM calls")).all()


def test_results_come_into_the_ledger_by_callback_and_by_asking(tmp_path):
    learned = {}
    _, books = rehearse(tmp_path, "", "clinic", learned=learned)
    assert len({call["result_url"] for call in books}) == PEOPLE
    answers = {callback["answer"] for call in books for callback in call["callbacks"]}
    assert answers == {"answered 200"}
    assert learned == {str(call["call_id"]): call["status"] for call in books}
    assert set(learned.values()) == {"completed", "failed"}
    assert any(not call["callbacks"] for call in books)


@pytest.mark.parametrize("names", [["clinic"], ["clinic", "hospital"]])
def test_every_call_and_every_callback_comes_at_its_time(receiver, tmp_path, names):
    result_url, came = receiver
    ends, books = rehearse(tmp_path, result_url, *names)
    assert ends == [RunEnd.DONE] * len(names)
    assert len({call["phone_number"] for call in books}) == len(books) == PEOPLE * len(names)
    assert max(call["received_at"] for call in books) - min(call["received_at"] for call in books) > 43_200
    over = max(call["received_at"] for call in books)
    after = {"on_time": [0], "lost": [], "doubled": [0, 0], "late": [7200]}
    for call in books:
        due = [call["ends_at"] + seconds for seconds in after[call["delivery"]]]
        sent = [callback["sent_at"] for callback in call["callbacks"]]
        assert all(wanted <= at < wanted + WORK_SECONDS for wanted, at in zip(due, sent, strict=False))
        # The run ends with its last request: what is due later is not sent any more.
        assert len(sent) >= sum(wanted < over for wanted in due)
    assert len(came) == sum(len(call["callbacks"]) for call in books) > PEOPLE / 4


def test_the_same_seed_makes_the_same_calls_end_in_the_same_way(receiver, tmp_path):
    result_url, _ = receiver
    first, second = (
        {call["phone_number"]: call["dials"] for call in books}
        for _, books in (rehearse(tmp_path, result_url, "clinic"), rehearse(tmp_path, result_url, "clinic"))
    )
    assert first == second


def test_callbacks_that_are_due_at_once_are_all_recorded_and_answered(tmp_path):
    """More than a small machine has threads: none is left to record what the others wait for."""
    (tmp_path / "many.yaml").write_text(
        CAMPAIGN.format(name="many", instance=1, more="").replace("calls_per_minute: 1", "queue_ahead: 1m")
    )
    rows = "".join(f"many-{n},617 555 {1000 + n}\n" for n in range(PEOPLE))
    (tmp_path / "many.csv").write_text(f"id,phone\n{rows}")
    with rehearsal(Settings(requests_per_second=1000), Behavior()) as environment:
        work = Apply(load_campaign(tmp_path / "many.yaml", data_roots=tuple), environment, wait=True)

        async def run():
            async with asyncio.timeout(HANGS_AFTER_SECONDS):
                return await work.run(work.plan(), lambda _event: None)

        assert asyncio.run(run()) is RunEnd.DONE
        answers = [callback["answer"] for call in books_of(environment) for callback in call["callbacks"]]
        assert answers == ["answered 200"] * PEOPLE
