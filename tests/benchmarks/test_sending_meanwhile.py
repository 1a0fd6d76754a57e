"""How close to its time each call leaves while results come in and a large campaign is planned."""

import asyncio
import threading
import time
from contextlib import closing, contextmanager

import many_contacts
import pytest
from queueing import enter, execute, planned, sandbox
from receiving import OURS, poster, queued_calls, receiver
from table import row
from test_planning import CAMPAIGN, ON_A_LIST
from test_punctuality import (
    IN_FLIGHT,
    LEAD_SECONDS,
    PUNCTUAL_SECONDS,
    SPREAD_CALLS,
    SPREAD_RATE,
    SPREAD_SECONDS,
)

from runner.campaign.loader import load_campaign
from runner.ledger.ledger import Ledger, RunProcess
from runner.services.binding import binding_of
from runner.services.planning import prepare_plan
from runner.settings import load_settings

CALLBACKS_A_SECOND = 100
CONTACTS = 100_000


class Crowd:
    """A campaign whose plan is in the ledger, and that is planned again and again."""

    def __init__(self, folder, ledger):
        many_contacts.write_contacts(folder / "contacts.csv", CONTACTS)
        many_contacts.write_suppressed(folder / "suppressed.csv", CONTACTS // ON_A_LIST, CONTACTS)
        (folder / "campaign.yaml").write_text(CAMPAIGN)
        self._loaded = load_campaign(folder / "campaign.yaml")
        self._settings = load_settings()
        self._ledger = ledger
        self._ended = threading.Event()
        self.plans = 0
        first = self._prepare()
        binding = binding_of(self._loaded, self._settings, first.identity)
        run = ledger.begin_run(binding, first.plan, RunProcess(host="here", pid=1), time.time())
        ledger.end_run(run, "done", time.time())

    @contextmanager
    def planned_again(self):
        """In a thread of this process, as a run plans its further rounds."""
        thread = threading.Thread(target=self._plan_again)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _plan_again(self):
        while not self._ended.is_set():
            self._prepare()
            self.plans += 1

    def _prepare(self):
        return prepare_plan(self._loaded, self._settings, self._ledger, now=time.time(), limit=None)


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:
        yield ledger


def test_calls_leave_on_time_while_callbacks_arrive_and_a_plan_is_made(tmp_path, ledger):
    crowd = Crowd(tmp_path, ledger)
    awaiting = queued_calls(ledger, (LEAD_SECONDS + SPREAD_SECONDS) * CALLBACKS_A_SECOND, first=SPREAD_CALLS)
    with receiver(OURS, f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as port, sandbox() as base_url:
        first = int(time.time()) + LEAD_SECONDS
        due = {
            f"c{number}": first + number * SPREAD_SECONDS // SPREAD_CALLS for number in range(SPREAD_CALLS)
        }
        run = enter(ledger, [planned(number, at) for number, at in enumerate(due.values())])
        callbacks = poster(port, awaiting, CALLBACKS_A_SECOND)
        with crowd.planned_again():
            sending = execute(
                ledger, run, base_url, tmp_path / "states", rate=SPREAD_RATE, in_flight=IN_FLIGHT
            )
            sent = asyncio.run(sending)
        assert callbacks.wait() == 0, "a callback was not taken"
    assert sent.left_at.keys() == due.keys()
    late = sorted(at - due[key] for key, at in sent.left_at.items())
    worst_of_99 = late[int(len(late) * 0.99)]
    holds = worst_of_99 <= PUNCTUAL_SECONDS and late[0] >= 0 and crowd.plans > 0
    row(
        f"punctuality, with {CALLBACKS_A_SECOND} callbacks a second and plans of {CONTACTS:,} contacts",
        f"99 % within {worst_of_99 * 1000:.0f} ms, half within {late[len(late) // 2] * 1000:.0f} ms, "
        f"{crowd.plans} plans made",
        "99 % within 250 ms, none early",
        holds,
    )
    assert holds
