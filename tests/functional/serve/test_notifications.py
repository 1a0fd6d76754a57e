"""Notifications over a real ledger and a real webhook."""

import asyncio
import json
import threading
from pathlib import Path
from typing import get_args

import pytest
from json_forms import check_form
from ledger_values import QUEUED, UNCERTAIN, begin, claim_all, rows
from planned_calls import CAMPAIGN, NOW, call
from test_reconciler import PATIENCE_SECONDS
from web_hooks import Hook

from runner.campaign.model import Notification, NotifyEvent
from runner.contacts.sources.context import Connection
from runner.dispatch import timer
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.ledger import notifications as ledger_notifications
from runner.ledger.notifications import Report
from runner.ledger.operators import Operators
from runner.serve import notifications
from runner.serve.notifications import Notifications, pause_after
from runner.serve.private_site import NothingServed
from runner.serve.served import Problem, ServedCampaign, ServeStatus
from runner.services.environment import Environment
from runner.settings import Settings

ALL = get_args(NotifyEvent)


@pytest.fixture
def hook():
    with Hook().listening() as listening:
        yield listening


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(notifications, "_FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(notifications, "_ASK_SECONDS", 0)
    monkeypatch.setattr(timer, "RECHECK_SECONDS", 0.05)


def campaign(status, *, since=NOW, content="c1", problem=None, on=ALL, name=CAMPAIGN):
    return ServedCampaign(
        name=name,
        path=Path("campaigns/clinic.yaml"),
        status=status,
        since=since,
        problem=problem,
        content=content,
        approved=None,
        planned_at=None,
        plan=None,
        next_due=None,
        notify=(Notification(connection="slack", on=list(on)),),
        last_events=(),
    )


class Served(NothingServed):
    def __init__(self, *found):
        self.found = found

    def campaigns(self):
        return self.found


def failures_at(ledger, url):
    """The first post fails."""
    failures = []
    serving(ledger, url, [campaign(ServeStatus.STOPPED)], [lambda: bool(failures)], failures)
    return failures


def serving(ledger, url, found, until, failures=None):
    """Serves with what is found, one after the other, and until what was posted is enough."""
    served, failures = Served(), [] if failures is None else failures
    environment = Environment(Settings(), ledger, Timer(), RateLimit(5), is_rehearsal=False)

    async def run():
        kept = Notifications(
            environment,
            served,
            on_failure=lambda unsent, error: failures.append((unsent.tries, error.message)),
            on_problem=lambda error: pytest.fail(error.message),
            connections=lambda name: Connection(name, url, "t0ken"),
        )
        keeping = asyncio.create_task(kept.keep())
        async with asyncio.timeout(PATIENCE_SECONDS):
            for each, enough in zip(found, until, strict=True):
                served.found = (each,)
                while not enough():  # noqa: ASYNC110 - the hook calls nobody
                    await asyncio.sleep(0.02)
            kept.stop()
            await keeping
        return kept

    return asyncio.run(run()), failures


def test_a_finished_campaign_is_reported_once_over_restarts_and_again_after_its_next_run(ledger, hook):
    _, queue = begin(ledger, call("c1"))
    queue.finish(claim_all(queue)[0], QUEUED, NOW)
    done = campaign(ServeStatus.FINISHED)
    serving(ledger, hook.url, [done], [lambda: hook.events == ["finished"]])
    other = campaign(ServeStatus.WAITING_FOR_APPROVAL, content="c2")
    serving(ledger, hook.url, [done, other], [lambda: True, lambda: len(hook.taken) == 2])
    assert hook.events == ["finished", "waiting_for_approval"]
    begin(ledger, call("c2"))
    serving(ledger, hook.url, [done], [lambda: hook.events[2:] == ["finished"]])

    path, headers, body, _ = hook.posts[0]
    assert path == "/hook?key=k"
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer t0ken", "application/json")
    assert body["text"] == (
        f"{CAMPAIGN}: Finished. Nothing is left to send, and no result is awaited. There was no call."
    )
    assert (body["campaign"], body["status"], body["states"]["queued"]) == (CAMPAIGN, "finished", 1)
    check_form("notification", *hook.taken)
    assert "+1617" not in json.dumps([body for _, _, body, _ in hook.posts])


def test_a_campaign_that_stops_again_after_it_went_on_is_reported_again(ledger, hook):
    problem = Problem(message="Insight does not accept the credentials", hint="check the key")
    stopped = [campaign(ServeStatus.STOPPED, since=NOW + n, problem=problem) for n in range(3)]
    running = campaign(ServeStatus.RUNNING, since=NOW + 1)

    def taken(number):
        return lambda: len(hook.taken) == number

    steps = [stopped[0], stopped[1], campaign(ServeStatus.BROKEN, content="c2"), running, stopped[2]]
    serving(ledger, hook.url, steps, [taken(1), taken(1), taken(2), looked(ledger), taken(3)])
    assert [(body["event"], body["status"]) for body in hook.taken] == [
        ("stopped", "stopped"),
        ("stopped", "broken"),
        ("stopped", "stopped"),
    ]
    assert hook.taken[0]["text"] == (
        f"{CAMPAIGN}: Stopped, and nothing is sent: Insight does not accept the credentials; check the key"
    )


def looked(ledger):
    """Whether nothing that was reported lasts."""

    def over():
        with ledger.engine.connect() as connection:
            asked = "SELECT count(*) FROM notifications WHERE over_at IS NULL"
            return connection.exec_driver_sql(asked).scalar() == 0

    return over


def test_posts_that_fail_are_tried_again_in_order(ledger):
    with Hook([500, 302, 429]).listening() as hook:
        steps = [campaign(ServeStatus.STOPPED), campaign(ServeStatus.WAITING_FOR_APPROVAL)]
        kept, failures = serving(
            ledger, hook.url, steps, [lambda: bool(hook.posts), lambda: len(hook.taken) == 2]
        )
    assert hook.events == ["stopped", "waiting_for_approval"]
    assert [tries for tries, _ in failures] == [1, 2, 3]
    assert "server answered 500" in failures[0][1]
    assert "redirects to another address" in failures[1][1]
    assert {path for path, *_ in hook.posts} == {"/hook?key=k"}
    assert dict(kept.outcomes) == {"sent": 2, "retried": 3, "given_up": 0}


def test_calls_that_need_a_decision_are_reported_until_somebody_has_acknowledged_them(ledger, hook):
    _, queue = begin(ledger, call("c1"), call("c2"))
    first, second = claim_all(queue)
    queue.finish(first, UNCERTAIN, NOW)
    running = campaign(ServeStatus.RUNNING)
    serving(ledger, hook.url, [running], [lambda: hook.events == ["needs_person"]])
    assert hook.taken[0]["text"].startswith(f"{CAMPAIGN}: 1 refused or uncertain call needs a decision.")
    Operators(ledger.engine, "ann@desk").acknowledge(CAMPAIGN, NOW)
    serving(ledger, hook.url, [running], [looked(ledger)])
    queue.finish(second, UNCERTAIN, NOW)
    serving(ledger, hook.url, [running], [lambda: hook.events == ["needs_person"] * 2])


def test_a_post_is_given_up_after_a_day(ledger, monkeypatch):
    monkeypatch.setattr(notifications, "_GIVE_UP_SECONDS", 0)
    with Hook([404]).listening() as hook:
        steps = [campaign(ServeStatus.STOPPED), campaign(ServeStatus.FINISHED)]
        kept, _ = serving(ledger, hook.url, steps, [lambda: bool(hook.posts), lambda: bool(hook.taken)])
    assert hook.events == ["finished"]
    assert kept.outcomes["given_up"] == 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example.org/x", "is plain http"),
        ("https://me:secret@hooks.example.org/x", "holds credentials"),
        ("not a url", "is not a URL that can be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_failure_that_shows_no_secret(ledger, url, problem):
    failures = failures_at(ledger, url)
    assert problem in failures[0][1]
    assert "secret" not in failures[0][1]


def test_notifications_are_never_posted_to_insight(ledger):
    failures = failures_at(ledger, "https://insight.plumvoice.com/hook")
    assert "leads to Insight" in failures[0][1]


def test_only_what_is_posted_at_once_is_taken_while_a_web_hook_is_slow(ledger, monkeypatch):
    may_end, posted = threading.Event(), []

    def post(_self, unsent):
        assert may_end.wait(PATIENCE_SECONDS)
        posted.append(unsent.id)

    monkeypatch.setattr(Notifications, "_post", post)
    for number in range(9):
        found = Report(campaign=f"c{number}", event="stopped", subject="s", at=NOW, body={})
        ledger_notifications.report(ledger.engine, found, ["slack"])

    def taken():
        return len(rows(ledger, "SELECT id FROM notifications WHERE tries > 0"))

    def all_are_posted():
        if not may_end.is_set():
            taken_first.append(taken())
            may_end.set()
        return len(posted) >= 9

    taken_first, goes_on = [], campaign(ServeStatus.WAITING_FOR_RESULTS)
    serving(ledger, "", [goes_on, goes_on], [lambda: taken() >= 4, all_are_posted])
    assert taken_first == [4]
    assert len(posted) == len(set(posted)) == 9


def test_pauses_between_tries_grow_to_an_hour(monkeypatch):
    monkeypatch.undo()
    assert [pause_after(tries) for tries in (1, 2, 3, 12, 500)] == [5, 10, 20, 3600, 3600]
