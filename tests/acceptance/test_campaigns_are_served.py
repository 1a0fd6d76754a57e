"""`runner serve`: every campaign of a folder, as git says and as people approve."""

import signal
import socket
import subprocess
from collections import Counter

import pytest
from shell import end, said, wait_until

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


def called_once(sandbox, number):
    wait_until(lambda: len(sandbox.calls()) >= number, f"{number} calls")
    assert set(called(sandbox).values()) == {1}
    assert len(sandbox.calls()) == number


def test_campaigns_go_on_as_git_and_people_say_though_serve_is_killed(tree, sandbox):
    serving = tree.start("serve", "campaigns")
    said(serving, "broken: campaigns/broken.yaml:")
    said(serving, "steady: waiting for approval")
    for name in ("steady", "changed", "growing"):
        approve(tree, name)
    called_once(sandbox, 30)
    end(serving)

    tree.write("campaigns/growing.csv", rows("growing", 0, 11))
    tree.write("campaigns/changed.csv", rows("changed", 0, 14))
    tree.write("campaigns/changed.yaml", campaign("changed", more="description: Another text\n"))
    commit(tree)
    serving = tree.start("serve", "campaigns")
    said(serving, "changed: waiting for approval")
    called_once(sandbox, 33)
    end(serving)

    serving = tree.start("serve", "campaigns")
    said(serving, "changed: waiting for approval")
    serving.send_signal(signal.SIGHUP)
    approve(tree, "changed")
    called_once(sandbox, 37)
    serving.send_signal(signal.SIGTERM)
    _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    assert called(sandbox).total() == 37
    assert tree.run("history", "changed").stdout.count("approve: content") == 2
