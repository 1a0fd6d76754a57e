"""`runner serve`: every campaign of a folder, as git says and as people approve, by page and by command."""

import signal
import subprocess

import pytest
from chaos import HOURS
from playwright.sync_api import expect
from reconciliation import read_books, reconcile
from shell import end, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

PASSWORD = "seven quiet green lamps"
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
    customer.environment |= {"RUNNER_LISTEN": "127.0.0.1:0", "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0"}
    customer.run("users", "add", "ana", "--role", "operator", "--password-stdin", stdin=f"{PASSWORD}\n")
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
    """Reads the log until each of these is in a line of it, in whatever order; gives these lines."""
    found = {}
    for line in process.stderr:
        found |= {each: line for each in words if each in line}
        if len(found) == len(words):
            return found
    raise AssertionError(f"never said: {set(words) - set(found)}")


class Desk:
    """A person at the pages of one `serve`."""

    def __init__(self, browser, address):
        self._address = address
        self.page = browser.new_page()
        self.main = self.page.get_by_role("main")

    def sign_in(self):
        self.page.goto(self._address)
        self.page.get_by_label("Name").fill("ana")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def review(self, name):
        self.page.goto(self._address)
        self.page.get_by_role("link", name=f"Review and approve of {name}").click()
        return self.page.get_by_role("heading", level=1)

    def approve(self, name):
        self.page.get_by_role("button", name="Approve", exact=True).click()
        expect(self.main).to_contain_text(f"{name} is approved")

    def open(self, name):
        self.page.goto(f"{self._address}campaigns/{name}")
        return self.main


def started(tree, browser, *words):
    """`serve`, once its log has said all of these, and a person at its pages who has signed in."""
    serving = tree.start("serve", "campaigns")
    showing = "showing campaigns on"
    desk = Desk(browser, all_said(serving, showing, *words)[showing].split()[-1])
    desk.sign_in()
    return serving, desk


def test_campaigns_go_on_as_git_and_people_say_though_serve_is_killed(browser, tree, sandbox):
    waiting = [f"{name}: waiting for approval" for name in CSV_OF]
    serving, desk = started(tree, browser, "broken: campaigns/broken.yaml:", *waiting)
    expect(desk.review("steady")).to_contain_text("12 to call")
    assert sandbox.calls() == []
    desk.approve("steady")
    main = desk.open("steady")
    for name in ("changed", "growing", "breaking"):
        approve(tree, name)
    wait_until(lambda: len(sandbox.calls()) > 24, "calls of every campaign")
    expect(main).to_contain_text("Approved by ana")
    # The page follows by itself.
    expect(main).to_contain_text("Waiting for results", timeout=30_000)
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
    waiting = ("changed: waiting for approval", "breaking: waiting for results")
    serving, desk = started(tree, browser, *waiting)
    expect(desk.review("changed")).to_contain_text("4 to call")
    desk.approve("changed")
    serving.send_signal(signal.SIGHUP)
    all_said(serving, "changed: waiting for results")
    serving.send_signal(signal.SIGTERM)
    _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    found = reconcile(sandbox.calls(), read_books(ledger_of(tree)), HOURS, people=12 + 14 + 11 + 6)
    found.check()
    assert found.accepted >= found.states["queued"] == found.states.total() - found.states["uncertain"]
    approvals = tree.run("history", "changed").stdout
    assert approvals.count("approve: content") == 2
    assert "ana" in approvals
