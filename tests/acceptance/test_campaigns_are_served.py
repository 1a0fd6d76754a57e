"""`runner serve`: every campaign of a folder, as git says and as people approve."""

import signal
import subprocess

import pytest
from chaos import HOURS
from reconciliation import read_books, reconcile
from shell import end, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

CSV_OF = {name: f"{name}.csv" for name in ("steady", "changed", "growing", "breaking")}


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
    """A git work tree with five campaigns, none of them approved, and one of them broken."""
    for name, number in (("steady", 12), ("changed", 10), ("growing", 8), ("breaking", 6)):
        customer.write(f"campaigns/{name}.yaml", campaign(name))
        customer.write(f"campaigns/{CSV_OF[name]}", rows(name, 0, number))
    customer.write("campaigns/broken.yaml", "version: 1\nname: broken\nsurvey: 7\n")
    customer.environment["RUNNER_LEDGER_URL"] = ledger_of(customer)
    customer.environment["RUNNER_RECEIVER_LISTEN"] = "127.0.0.1:0"
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


def ledger_of(person):
    return f"sqlite:///{person.home / 'ledger.sqlite3'}"


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
    tree.write("campaigns/breaking.yaml", campaign("breaking", more="descripton: A misspelled key\n"))
    commit(tree)
    serving = tree.start("serve", "campaigns")
    all_said(
        serving,
        "changed: waiting for approval",
        "broken: campaigns/breaking.yaml:",
        *(f"{n}: waiting for results" for n in ("steady", "growing")),
    )
    end(serving)

    tree.write("campaigns/breaking.yaml", campaign("breaking"))
    commit(tree)
    serving = tree.start("serve", "campaigns")
    all_said(serving, "changed: waiting for approval", "breaking: waiting for results")
    approve(tree, "changed")
    serving.send_signal(signal.SIGHUP)
    all_said(serving, "changed: waiting for results")
    serving.send_signal(signal.SIGTERM)
    _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    found = reconcile(sandbox.calls(), read_books(ledger_of(tree)), HOURS, people=12 + 14 + 11 + 6)
    found.check()
    assert found.accepted >= found.states["queued"] == found.states.total() - found.states["uncertain"]
    assert tree.run("history", "changed").stdout.count("approve: content") == 2
