"""The promise: what Insight says of a call is in the ledger when it is answered, and calls nobody again."""

import http.client
import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from shell import end, said, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
COMPLETED = "status=completed&attempts=1&events[0][event]=dialing&events[0][timestamp]=1796166310"


def without_result_url(text):
    return re.sub(r"(?m)^result_url:.*\n", "", text)


@contextmanager
def receiver(person) -> Iterator[str]:
    """The address of `runner serve` in a process of its own; stopped in order at the end."""
    person.environment["RUNNER_RECEIVER_LISTEN"] = "127.0.0.1:0"
    process = person.start("serve")
    try:
        yield re.search(r"(http://\S+)/results/", said(process, "taking results on"))[1]
    finally:
        person.said_last = end(process, signal.SIGTERM)[1]
    assert process.returncode == 0, person.said_last


def post(url, body, method="POST"):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, parts.path, body=body, headers=FORM)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def ready(customer):
    customer.write("campaign.yaml", without_result_url(campaign_yaml(pacing=AHEAD)))
    customer.write("contacts.csv", contacts_csv(6))
    return customer


def test_each_call_has_an_address_for_its_result_that_works_and_nobody_is_called_again(ready, sandbox):
    with receiver(ready) as address:
        ready.environment["RUNNER_PUBLIC_URL"] = f"{address}/"
        assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
        urls = [call["result_url"] for call in sandbox.calls()]
        assert len(set(urls)) == 6
        assert all(re.fullmatch(rf"{address}/results/[a-z2-7]{{52}}", url) for url in urls)
        assert [post(url, COMPLETED) for url in urls[:3]] == [200, 200, 200]
        assert post(urls[3], "status=failed&attempts=3") == 200
        assert post(urls[3], "status=failed&attempts=3") == 200
        assert post(urls[4], "what is this? call +1 617 555 0199") == 200
        assert post(urls[5], None, "GET") == 200
        assert post(urls[5][:-1] + ("a" if urls[5][-1] != "a" else "b"), COMPLETED) == 404
        states = ready.status("five-zones")["states"]
        assert (states["completed"], states["failed"], states["queued"]) == (3, 1, 2)
        told = ready.run("history", "five-zones").stdout
        assert "queued → failed: Insight posted it: 3 dials (Insight)" in told
        assert "callback: failed: the call had this result already (Insight)" in told
        unreadable = "callback: ?: nothing changed: it cannot be read: "
        assert f"{unreadable}its beginning is shown with --show-contacts (Insight)" in told
        shown = ready.run("history", "five-zones", "--show-contacts").stdout
        assert f"{unreadable}what is this? call +1 617 555 0199 (Insight)" in shown
        assert "results: 2 awaited; the newest: " in ready.run("status", "five-zones").stdout
    assert "6 callbacks taken: 4 applied, 1 repeated, 1 unreadable" in ready.said_last
    for url in urls:
        assert url.rpartition("/")[2] not in ready.said_last
    again = ready.run("apply", "campaign.yaml", "--yes")
    assert again.returncode == 0, again.stderr
    assert len(sandbox.calls()) == 6


def test_a_lost_answer_is_settled_by_the_token_of_its_request(ready, sandbox):
    sandbox.set_faults("reset-after*6")
    with receiver(ready) as address:
        ready.environment["RUNNER_PUBLIC_URL"] = address
        assert ready.run("apply", "campaign.yaml", "--yes").returncode == 6
        assert ready.status("five-zones")["states"]["uncertain"] == 6
        for call in sandbox.calls():
            assert post(call["result_url"], COMPLETED) == 200
    assert ready.status("five-zones")["states"]["completed"] == 6


def test_a_plan_does_not_change_with_the_address_of_the_receiver(ready):
    def plan():
        return ready.run("plan", "campaign.yaml", "--output", "json", "--as-of", "2026-12-01")

    before = plan()
    ready.environment["RUNNER_PUBLIC_URL"] = "https://results.example.org"
    after = plan()
    assert after.stdout == before.stdout
    assert "https://results.example.org/results/" not in before.stderr
    assert after.stderr.count("https://results.example.org/results/") == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RUNNER_RECEIVER_LISTEN", "8027", "RUNNER_RECEIVER_LISTEN is not an address and a port: 8027"),
        ("RUNNER_PUBLIC_URL", "http://results.example.org", "RUNNER_PUBLIC_URL"),
        ("RUNNER_RECEIVER_LISTEN", "203.0.113.7:80", "203.0.113.7:80 cannot be used"),
    ],
)
def test_a_wrong_address_is_one_clear_line(person, name, value, words):
    person.environment[name] = value
    failed = person.run("serve")
    assert (failed.returncode, words in failed.stderr) == (1, True), failed.stderr


def test_results_are_not_sent_over_the_open_network(ready):
    ready.environment["RUNNER_PUBLIC_URL"] = "http://results.example.org"
    failed = ready.run("apply", "campaign.yaml", "--yes")
    assert failed.returncode == 1
    assert "RUNNER_PUBLIC_URL is plain http" in failed.stderr


def soon():
    """Windows and a pace under which calls start at once, and are over soon."""
    return {"windows": '{timezone: UTC, weekly: {daily: "00:00-24:00"}}', "pacing": "{calls_per_minute: 600}"}


def test_refresh_asks_about_every_call_that_has_begun(customer):
    customer.write("campaign.yaml", without_result_url(campaign_yaml(**soon())))
    customer.write("contacts.csv", contacts_csv(4))
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    asked = []

    def refresh():
        done = customer.run("refresh", "five-zones", "--output", "json")
        assert done.returncode == 0, done.stderr
        asked.append(json.loads(done.stdout))
        return asked[-1]

    # The pace starts them within seconds.
    wait_until(
        lambda: refresh()["waiting"] == 4 or sum(sum(each["learned"].values()) for each in asked) > 0, "calls"
    )
    assert asked[-1]["asked"] == asked[-1]["waiting"] + sum(asked[-1]["learned"].values()) > 0
    assert isinstance(asked[-1]["responses"], int)
    text = customer.run("refresh").stdout
    assert text.startswith("five-zones: asked about ")


def test_refresh_says_what_keeps_insight_from_answering(customer):
    customer.write("campaign.yaml", without_result_url(campaign_yaml(**soon())))
    customer.write("contacts.csv", contacts_csv(2))
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    customer.environment["RUNNER_INSIGHT_USERNAME"] = "somebody-else@example.org"
    failed = customer.run("refresh", "five-zones")
    assert failed.returncode == 1
    assert "another Insight account" in failed.stderr
