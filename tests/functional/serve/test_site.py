"""The pages of `serve` over a real ledger and real sockets."""

import re
import time

import pytest
from ledger_values import UNCERTAIN, begin, claim_all, rows
from page_campaigns import IDENTITY, Shown, a_view, broken, enter, served, waiting
from planned_calls import CAMPAIGN, NOW, call
from private_sites import private_site
from sqlalchemy import select

from runner.calls import CallState, Resolution
from runner.errors import LedgerUnavailableError
from runner.ledger.approvals import approvals_of
from runner.ledger.operators import Operators
from runner.ledger.overview import acts, overview
from runner.ledger.suppressions import entries_in_force
from runner.ledger.tables import calls
from runner.serve import sessions
from runner.serve.served import ServeStatus

HTML = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def campaign_file(tmp_path):
    path = tmp_path / "clinic.yaml"
    path.write_text("version: 1\nname: clinic\n")
    return path


def csrf(site, path):
    return re.search(r'name="csrf" value="([^"]+)"', site.ask(path).body)[1]


def post(site, path, *, on=None, **fields):
    """Sends the form of the page `on`."""
    form = {"csrf": csrf(site, on or path), **fields}
    return site.ask(path, "POST", form=form, **HTML)


def done_by(ledger, campaign="clinic"):
    return [(act.verb, act.who) for act in acts(ledger.engine, campaign)]


def state_of(ledger, ref):
    with ledger.engine.begin() as connection:
        return connection.scalar(select(calls.c.state).where(calls.c.ref == ref))


def test_without_a_folder_the_campaigns_of_the_ledger_are_shown(ledger):
    enter(ledger, planned=3, completed=1)
    with private_site(ledger) as site:
        listed, own = site.ask("/"), site.ask("/campaigns/clinic")
    assert (listed.status, own.status) == (200, 200)
    assert "1 campaign" in listed.body
    assert "1 of 4 calls ended" in listed.body
    assert "This server does not carry it out." in own.body


def test_every_status_can_be_shown(ledger, campaign_file):
    shown = [served(f"c-{status.value.replace('_', '-')}", status, plan=a_view()) for status in ServeStatus]
    with private_site(ledger, Shown(ledger, *shown, broken(), waiting(campaign_file))) as site:
        assert site.ask("/").status == 200
        answers = [site.ask(f"/campaigns/{each.name}") for each in shown]
    assert {answer.status for answer in answers} == {200}


def test_a_person_approves_the_content_that_the_page_showed(ledger, campaign_file):
    shown = waiting(campaign_file)
    with private_site(ledger, Shown(ledger, shown)) as site:
        plan = site.ask("/campaigns/clinic/plan")
        answer = post(site, "/campaigns/clinic/approve", on="/campaigns/clinic/plan", content=shown.content)
    assert "Plan: 12 to call" in plan.body
    assert answer.status == 200
    with ledger.engine.begin() as connection:
        assert approvals_of(connection, ["clinic"])["clinic"].content == shown.content


def test_another_content_than_the_page_showed_is_not_approved(ledger, campaign_file):
    shown = waiting(campaign_file)
    with private_site(ledger, Shown(ledger, shown)) as site:
        campaign_file.write_text("version: 1\nname: clinic\ndescription: changed\n")
        answer = post(site, "/campaigns/clinic/approve", on="/campaigns/clinic/plan", content=shown.content)
    assert answer.status == 409
    assert "changed while it was reviewed; nothing was approved" in answer.body
    with ledger.engine.begin() as connection:
        assert approvals_of(connection, ["clinic"]) == {}


def test_a_canceled_campaign_is_not_offered_for_approval(ledger, campaign_file):
    found = waiting(campaign_file, status=ServeStatus.CANCELED)
    with private_site(ledger, Shown(ledger, found)) as site:
        plan = site.ask("/campaigns/clinic/plan").body
    assert "The campaign is canceled" in plan
    assert ">Approve</button>" not in plan


def test_pausing_and_resuming_is_kept_with_the_name_of_the_person(ledger, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    enter(ledger, planned=3)
    with private_site(ledger) as site:
        assert "clinic is paused" in post(site, "/campaigns/clinic/pause").body
        assert "Resume" in site.ask("/campaigns/clinic").body
        assert "clinic is resumed" in post(site, "/campaigns/clinic/resume").body
    assert done_by(ledger) == [("pause", "ann"), ("resume", "ann")]


def test_a_form_that_is_sent_again_does_not_end_a_later_pause(ledger):
    enter(ledger, planned=3)
    with private_site(ledger) as site:
        post(site, "/campaigns/clinic/pause")
        page = site.ask("/campaigns/clinic/resume").body
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        first = site.ask("/campaigns/clinic/resume", "POST", form=form, **HTML)
        post(site, "/campaigns/clinic/pause")
        again = site.ask("/campaigns/clinic/resume", "POST", form=form, **HTML)
    assert (first.status, again.status) == (200, 409)
    assert ledger.pause_info("clinic") is not None


def test_cancelling_needs_the_name_and_withdraws_what_is_not_sent(ledger):
    enter(ledger, planned=3)
    with private_site(ledger) as site:
        refused = post(site, "/campaigns/clinic/cancel", confirm="clinik")
        answer = post(site, "/campaigns/clinic/cancel", confirm="clinic")
    assert refused.status == 400
    assert "nothing was changed" in refused.body
    assert "canceled for good: 3 calls withdrawn unsent" in answer.body
    assert overview(ledger.engine, "clinic", time.time(), 0).states[CallState.SKIPPED] == 3


@pytest.mark.parametrize(
    ("resolution", "state"),
    [
        ("queued", "queued"), ("not-queued", "planned"), ("abandoned", "abandoned"),
        ("completed", "completed"), ("failed", "failed"),
    ],
)  # fmt: skip
def test_an_uncertain_call_is_resolved_as_the_person_found_out(ledger, resolution, state):
    enter(ledger, uncertain=2)
    ref = IDENTITY.ref("clinic-0")
    with private_site(ledger) as site:
        answer = post(site, f"/campaigns/clinic/resolve?contact={ref}", contact=ref, **{"as": resolution})
    assert answer.status == 200
    assert state_of(ledger, ref) == state


def test_all_uncertain_calls_are_resolved_only_where_they_are_those_that_were_shown(ledger):
    enter(ledger, uncertain=2)
    path = "/campaigns/clinic/resolve?all=yes"
    with private_site(ledger) as site:
        which = re.search(r'name="which" value="([^"]+)"', site.ask(path).body)[1]
        form = {"all": "yes", "which": which, "as": "abandoned"}
        post(site, path, contact=IDENTITY.ref("clinic-0"), **{"as": "queued"})
        answer = post(site, path, **form)
    assert answer.status == 409
    assert "calls were sent or decided on since you were asked" in answer.body.lower()
    assert state_of(ledger, IDENTITY.ref("clinic-1")) == "uncertain"


@pytest.mark.parametrize("asked", ["contact=c1", "all=yes"])
def test_a_form_that_is_sent_again_does_not_decide_on_a_later_attempt(ledger, asked):
    _, queue = begin(ledger, call("c1"))
    queue.finish(claim_all(queue)[0], UNCERTAIN, NOW)
    path = f"/campaigns/{CAMPAIGN}/resolve?{asked}"
    with ledger.hold(CAMPAIGN), private_site(ledger) as site:
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', site.ask(path).body))
        form["as"] = "not-queued"
        first = site.ask(path, "POST", form=form, **HTML)
        queue.finish(claim_all(queue)[0], UNCERTAIN, NOW)
        again = site.ask(path, "POST", form=form, **HTML)
    assert (first.status, again.status) == (200, 409)
    assert "nothing was changed" in again.body
    assert rows(ledger, "SELECT state FROM calls") == [{"state": "uncertain"}]


@pytest.mark.parametrize("asked", ["contact=c1", "contact=ref-c1", "all=yes"])
def test_a_form_that_is_sent_again_does_not_decide_on_a_later_round(ledger, asked):
    _, queue = begin(ledger, call("c1"))
    queue.finish(claim_all(queue)[0], UNCERTAIN, NOW)
    path = f"/campaigns/{CAMPAIGN}/resolve?{asked}"
    with ledger.hold(CAMPAIGN), private_site(ledger) as site:
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', site.ask(path).body))
        Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["c1"], Resolution.FAILED, None, NOW)
        _, queue = begin(ledger, call("c1", round=2))
        queue.finish(claim_all(queue)[0], UNCERTAIN, NOW)
        stale = site.ask(path, "POST", form={**form, "as": "not-queued"}, **HTML)
    assert (stale.status, "nothing was changed" in stale.body) == (409, True)
    found = rows(ledger, "SELECT state FROM calls ORDER BY round")
    assert [row["state"] for row in found] == ["failed", "uncertain"]


def test_refused_calls_are_retried_and_problems_acknowledged(ledger):
    enter(ledger, refused=2, uncertain=1)
    with private_site(ledger) as site:
        post(site, "/campaigns/clinic/acknowledge")
        post(site, "/campaigns/clinic/retry?all=yes", all="yes")
    seen = overview(ledger.engine, "clinic", time.time(), 9)
    assert (seen.states[CallState.PLANNED], seen.unacknowledged) == (2, 0)


def test_a_number_is_suppressed_for_all_campaigns_or_for_one(ledger):
    enter(ledger, planned=1)
    with private_site(ledger) as site:
        everywhere = post(site, "/suppress", target="+16175550100")
        here = post(site, "/campaigns/clinic/suppress", target="+16175550101", scope="campaign")
        unclear = post(site, "/suppress", target="617 555 0102")
    assert "for all campaigns of this ledger" in everywhere.body
    assert "for campaign clinic" in here.body
    assert unclear.status == 400
    assert "its country is missing" in unclear.body
    assert [each.campaign for each in entries_in_force(ledger.engine, None, time.time())] == [None, "clinic"]


def test_numbers_are_masked_until_an_operator_asks_which_the_history_keeps(ledger):
    enter(ledger, uncertain=1, refused=1, planned=1)
    with private_site(ledger) as site:
        pages = [site.ask(path).body for path in ("/", "/campaigns/clinic")]
        answer = post(site, "/campaigns/clinic/show-numbers")
    assert not any("+1617" in body for body in pages)
    assert answer.body.count("+1617") == 2
    assert answer.headers["cache-control"] == "no-store"
    assert [verb for verb, _ in done_by(ledger)] == ["show-numbers"]


@pytest.mark.usefixtures("viewer")
def test_a_viewer_sees_no_act_and_may_do_none(ledger, campaign_file):
    enter(ledger, uncertain=2, planned=1)
    found = waiting(campaign_file)
    with private_site(ledger, Shown(ledger, found)) as site:
        pages = [site.ask(path).body for path in ("/", "/campaigns/clinic", "/campaigns/clinic/plan")]
        answers = [
            site.ask(f"/campaigns/clinic/{act}", **HTML) for act in ("pause", "resolve", "cancel", "suppress")
        ]
    assert not any("<form" in body.replace('<form id="find"', "") for body in pages)
    assert not any(f"/clinic/{act}" in body for body in pages for act in ("pause", "cancel", "resolve"))
    assert {answer.status for answer in answers} == {403}
    assert "You may not do this" in answers[0].body


@pytest.mark.usefixtures("viewer")
@pytest.mark.parametrize("path", ["/campaigns/clinic/pause", "/campaigns/wave-2/approve", "/suppress"])
def test_a_viewer_who_sends_a_form_is_refused(ledger, campaign_file, path):
    enter(ledger, planned=1)
    found = waiting(campaign_file, "wave-2")
    form = {
        "csrf": sessions.csrf_of(ledger.privacy_key(), "of the local person"),
        "content": found.content,
        "target": "+16175550100",
    }
    with private_site(ledger, Shown(ledger, found)) as site:
        answer = site.ask(path, "POST", form=form, **HTML)
    assert answer.status == 403
    assert "is a viewer; only operators may do this" in answer.body
    assert done_by(ledger) == done_by(ledger, "wave-2") == []


def test_a_ledger_that_cannot_be_reached_is_a_page_that_says_so(ledger, monkeypatch):
    def fail(*_):
        raise LedgerUnavailableError("the ledger does not answer", hint="start its database")

    monkeypatch.setattr("runner.serve.private_site.totals", fail)
    with private_site(ledger) as site:
        answer = site.ask("/", **HTML)
    assert answer.status == 503
    assert "The ledger cannot be reached" in answer.body
    assert "Start its database." in answer.body


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nothing", "Page not found"),
        ("/campaigns/nobody", "has a campaign nobody"),
        ("/campaigns/nobody/pause", "has a campaign nobody"),
        ("/campaigns/clinic/dance", "Page not found"),
        ("/campaigns/clinic/plan", "this server carries out no campaign clinic"),
    ],
)
def test_what_does_not_exist_is_a_page_that_says_so(ledger, path, says):
    enter(ledger, planned=1)
    with private_site(ledger) as site:
        answer = site.ask(path, **HTML)
    assert answer.status == 404
    assert says.lower() in answer.body.lower()
    assert '<a class="button main" href="/">' in answer.body


def test_an_act_that_cannot_be_done_says_why(ledger):
    enter(ledger, planned=1)
    with private_site(ledger) as site:
        answer = post(site, "/campaigns/clinic/retry", contact="clinic-0")
    assert answer.status == 409
    assert "this call is planned, not refused" in answer.body.lower()


def test_files_of_pages_have_the_hash_of_their_content_in_their_address(ledger):
    with private_site(ledger) as site:
        found = re.search(r'href="(/static/[0-9a-f]{16}/site.css)"', site.ask("/").body)[1]
        style = site.ask(found)
        other = site.ask(found.replace("/static/", "/static/0"))
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ".bar" in style.body
    assert other.status == 404
