"""`/healthz`, `/readyz` and `/metrics` over real sockets."""

import threading

import pytest
from private_sites import private_site

from runner.errors import LedgerUnavailableError
from runner.serve import health
from runner.serve.private_site import NothingServed


class Looked(NothingServed):
    def __init__(self, ago):
        self._ago = ago

    def seconds_since_look(self):
        return self._ago


def test_serve_is_ready_while_the_ledger_answers_and_campaigns_are_looked_at(ledger):
    with private_site(ledger, Looked(2)) as site:
        assert (site.ask("/healthz").status, site.ask("/healthz").body) == (200, "ok\n")
        assert (site.ask("/readyz").status, site.ask("/readyz").body) == (200, "ready\n")


def test_serve_is_not_ready_when_campaigns_were_not_looked_at_for_a_minute(ledger):
    with private_site(ledger, Looked(61)) as site:
        answer = site.ask("/readyz")
        assert (answer.status, answer.body) == (503, "campaigns were last looked at 61 s ago\n")
        assert site.ask("/healthz").status == 200


def test_serve_is_not_ready_without_its_ledger_and_the_reason_shows_no_secret(ledger, monkeypatch):
    def unavailable():
        raise LedgerUnavailableError("no connection to db.example.org as ana")

    monkeypatch.setattr(ledger, "campaigns", unavailable)
    with private_site(ledger) as site:
        answer = site.ask("/readyz")
        assert (answer.status, answer.body) == (503, "the ledger cannot be read\n")


def test_a_ledger_that_hangs_is_asked_once_and_serve_answers_meanwhile(ledger, monkeypatch):
    asked, release = [], threading.Event()
    monkeypatch.setattr(health, "_LEDGER_SECONDS", 0.1)
    monkeypatch.setattr(ledger, "campaigns", lambda: asked.append(1) or release.wait(60))
    with private_site(ledger) as site:
        answers = [site.ask("/readyz") for _ in range(3)]
        assert site.ask("/healthz").status == 200
        release.set()
    assert {answer.status for answer in answers} == {503}
    assert asked == [1]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_any_name(ledger, path):
    with private_site(ledger) as site:
        assert site.ask(path, host="10.4.0.7:8026").status == 200
        assert site.ask(path, method="POST").status == 405


def test_metrics_are_for_those_who_may_see_pages(ledger):
    with private_site(ledger) as site:
        answer = site.ask("/metrics")
        assert (answer.status, answer.headers["content-type"]) == (
            200,
            "text/plain; version=1.0.0; charset=utf-8",
        )
        assert "runner_ledger_up 1.0" in answer.body.splitlines()
        assert site.ask("/metrics", host="evil.example.org").status == 421
