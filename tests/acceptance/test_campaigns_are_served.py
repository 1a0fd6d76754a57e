"""`runner serve`: every campaign of a folder, as git says and as people approve."""

import json
import signal
import socket
import subprocess
from collections import Counter

import pytest
from shell import end, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

CSV_OF = {name: f"{name}.csv" for name in ("steady", "changed", "growing")}


def campaign(name, *, more=""):
    text = campaign_yaml(name=name, pacing=AHEAD, more=more)
    return text.replace("contacts.csv", CSV_OF[name]).replace("{{ row.id }}", f"{name}-{{{{ row.id }}}}")


def rows(name, first, last):
    """Contacts whose numbers no other campaign of these tests has."""
    header, *lines = contacts_csv(last).splitlines()
    digit = list(CSV_OF).index(name)
    return "\n".join([header, *(line.replace("5552", f"55{digit}2") for line in lines[first:])]) + "\n"


@pytest.fixture
def tree(customer):
    """A git work tree with three campaigns, none of them approved, and one that is broken."""
    for name, number in (("steady", 12), ("changed", 10), ("growing", 8)):
        customer.write(f"campaigns/{name}.yaml", campaign(name))
        customer.write(f"campaigns/{CSV_OF[name]}", rows(name, 0, number))
    customer.write("campaigns/broken.yaml", "version: 1\nname: broken\nsurvey: 7\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        customer.environment["RUNNER_RECEIVER_LISTEN"] = f"127.0.0.1:{free.getsockname()[1]}"
    git(customer, "init", "-q")
    commit(customer)
    return customer


def git(person, *arguments):
    settings = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    subprocess.run(["git", *settings, *arguments], cwd=person.folder, check=True, capture_output=True)


def commit(person):
    git(person, "add", "-A")
    git(person, "commit", "-q", "-m", "change")


def approve(person, name, *arguments):
    done = person.run("approve", f"campaigns/{name}.yaml", "--yes", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def called(sandbox):
    """How often each number was queued."""
    return Counter(call["phone_number"].partition(";")[0] for call in sandbox.calls())


def books_agree(person, sandbox):
    """Nobody was called twice, and nobody is lost: each call was queued, or its sender died."""
    states = Counter()
    for campaign in json.loads(person.run("status", "--output", "json").stdout):
        states.update(campaign["states"])
    assert set(called(sandbox).values()) == {1}
    assert states["queued"] <= len(sandbox.calls()) <= states["queued"] + states["uncertain"]
    assert states["queued"] + states["uncertain"] == states.total() == 12 + 14 + 11


def all_said(process, *words):
    """Reads the log until each of these is in a line of it, in whatever order."""
    left = set(words)
    for line in process.stderr:
        left = {each for each in left if each not in line}
        if not left:
            return
    raise AssertionError(f"never said: {left}")


def test_campaigns_go_on_as_git_and_people_say_though_serve_is_killed(tree, sandbox):
    serving = tree.start("serve", "campaigns")
    all_said(serving, "broken: campaigns/broken.yaml:", *(f"{name}: waiting for approval" for name in CSV_OF))
    assert sandbox.calls() == []
    for name in CSV_OF:
        approve(tree, name)
    wait_until(lambda: len(sandbox.calls()) > 24, "calls of every campaign")
    end(serving)

    tree.write("campaigns/growing.csv", rows("growing", 0, 11))
    tree.write("campaigns/changed.csv", rows("changed", 0, 14))
    tree.write("campaigns/changed.yaml", campaign("changed", more="description: Another text\n"))
    commit(tree)
    serving = tree.start("serve", "campaigns")
    all_said(
        serving,
        "changed: waiting for approval",
        *(f"{n}: waiting for results" for n in ("steady", "growing")),
    )
    end(serving)

    serving = tree.start("serve", "campaigns")
    all_said(serving, "changed: waiting for approval")
    serving.send_signal(signal.SIGHUP)
    approve(tree, "changed")
    all_said(serving, "changed: waiting for results")
    serving.send_signal(signal.SIGTERM)
    _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    books_agree(tree, sandbox)
    assert tree.run("history", "changed").stdout.count("approve: content") == 2
