"""The JSON API over real sockets: what it answers, does, and refuses."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from ledger_values import CAMPAIGN, QUEUED, begin, claim_all, rows, states
from planned_calls import NOW, call, calls, phone
from private_sites import private_site

from runner.calls import CallState, Resolution, Role
from runner.contacts.identity import Identity
from runner.ledger.claim import AttemptResult
from runner.ledger.operators import Operators
from runner.ledger.users import UserActs
from runner.reports.status import status_json
from runner.serve.openapi import openapi, openapi_text
from runner.services.passwords import new_token, secret_hash
from runner.services.planning import privacy_key
from runner.services.status import ledger_status
from runner.settings import Settings

DOCUMENT = Path(__file__).parents[3] / "schemas" / "openapi.json"


class Program:
    """Uses the API with a token."""

    def __init__(self, site, ledger, role):
        self.site, self.token = site, new_token()
        acts = UserActs(ledger.engine, "ops@desk")
        acts.add(f"phones-{role}", role, "", time.time())
        acts.add_token(f"phones-{role}", secret_hash(self.token), time.time())

    def ask(self, path, method="GET", body=None, **headers):
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        answer = self.site.ask(f"/api{path}", method, body=body, **headers)
        return answer.status, json.loads(answer.body)

    def post(self, path, body=None):
        return self.ask(path, "POST", {} if body is None else body)


@pytest.fixture(autouse=True)
def states_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def site(ledger):
    with private_site(ledger) as served:
        yield served


@pytest.fixture
def program(site, ledger):
    return Program(site, ledger, Role.OPERATOR)


def _times_sent(listed):
    return {name: listed[name] for name in ("round", "attempt")}


def uncertain(ledger, count):
    _, queue = begin(ledger, *calls(count))
    for claim in claim_all(queue, most=count):
        queue.finish(claim, AttemptResult(state=CallState.UNCERTAIN), NOW)


def test_the_document_is_what_the_forms_give(program):
    assert DOCUMENT.read_text(encoding="utf-8") == openapi_text()
    assert program.ask("/openapi.json") == (200, openapi())


def test_campaigns_are_answered_as_the_commands_do(ledger):
    begin(ledger, *calls(3))
    with private_site(ledger) as site:
        program = Program(site, ledger, Role.VIEWER)
        _, listed = program.ask("/campaigns")
        (entry,) = listed["campaigns"]
        counted = {state.value: 3 * (state is CallState.PLANNED) for state in CallState}
        assert (entry["campaign"], entry["states"], entry["serve"]) == (CAMPAIGN, counted, None)
        _, found = program.ask(f"/campaigns/{CAMPAIGN}")
        identity = Identity(privacy_key(Settings(), ledger))
        expected = status_json(ledger_status(CAMPAIGN, ledger, Settings(), identity, time.time()), identity)
        assert found["status"] == json.loads(json.dumps(expected))
        status, report = program.ask(f"/campaigns/{CAMPAIGN}/report")
        assert (status, report["campaign"], report["contacts"]) == (200, CAMPAIGN, 3)


def test_acts_are_those_of_the_commands_and_kept_with_who(program, ledger):
    uncertain(ledger, 2)
    for path, body in [
        ("pause", {}),
        ("resume", {}),
        ("resolve", {"calls": [{"contact": "c0", "round": 1, "attempt": 1}], "resolution": "abandoned"}),
        ("acknowledge", {}),
        ("cancel", {"confirm": CAMPAIGN}),
    ]:
        status, answer = program.post(f"/campaigns/{CAMPAIGN}/{path}", body)
        assert (status, bool(answer["done"])) == (200, True), answer
    found = rows(ledger, "SELECT verb, actor FROM actions WHERE campaign IS NOT NULL ORDER BY id")
    assert {row["actor"] for row in found} == {"phones-operator"}
    assert [row["verb"] for row in found] == ["pause", "resume", "resolve", "acknowledge", "cancel"]


def test_a_decision_that_is_sent_again_decides_on_no_later_attempt(program, ledger):
    uncertain(ledger, 3)
    with ledger.hold(CAMPAIGN):
        _, listed = program.ask(f"/campaigns/{CAMPAIGN}/calls?state=uncertain")
        seen = [{"contact": each["ref"], **_times_sent(each)} for each in listed["calls"]]
        decision = {"calls": seen, "resolution": "not-queued"}
        first, _ = program.post(f"/campaigns/{CAMPAIGN}/resolve", decision)
        assert states(ledger) == {"c0": "planned", "c1": "planned", "c2": "planned"}
        _, queue = begin(ledger, *calls(3), now=NOW + 5)
        for claim in claim_all(queue, now=NOW + 5, most=3):
            queue.finish(claim, AttemptResult(state=CallState.UNCERTAIN), NOW + 5)
        again, answer = program.post(f"/campaigns/{CAMPAIGN}/resolve", decision)
    assert (first, again) == (200, 409)
    assert "was sent again since" in answer["detail"]
    assert set(states(ledger).values()) == {"uncertain"}


@pytest.mark.parametrize("name", ["c0", "ref-c0"])
@pytest.mark.parametrize(
    ("resolution", "ends"),
    [("not-queued", AttemptResult(state=CallState.UNCERTAIN)), ("failed", QUEUED)],
)
def test_a_decision_on_one_round_that_is_sent_again_decides_on_no_later_round(
    program, ledger, name, resolution, ends
):
    uncertain(ledger, 1)
    with ledger.hold(CAMPAIGN):
        (problem,) = program.ask(f"/campaigns/{CAMPAIGN}")[1]["status"]["problems"]
        seen = {"contact": name, **_times_sent(problem)}
        Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["c0"], Resolution.FAILED, None, NOW)
        _, queue = begin(ledger, call("c0", round=2), now=NOW + 5)
        queue.finish(*claim_all(queue, now=NOW + 5), ends, NOW + 5)
        decision = {"calls": [seen], "resolution": resolution}
        stale, answer = program.post(f"/campaigns/{CAMPAIGN}/resolve", decision)
        both = {**decision, "calls": [{**seen, "round": 2}, seen]}
        mixed, _ = program.post(f"/campaigns/{CAMPAIGN}/resolve", both)
    assert (stale, mixed, answer["detail"]) == (
        409,
        409,
        "this call is failed, not uncertain: there is nothing to resolve",
    )
    assert rows(ledger, "SELECT state FROM calls ORDER BY round") == [
        {"state": "failed"},
        {"state": ends.state},
    ]


def test_calls_are_listed_page_by_page_in_the_order_of_their_keys(program, ledger):
    begin(ledger, *calls(7), call(phone(99), phone(99), ref="0123456789"))
    pages, after = [], ""
    while after is not None:
        status, page = program.ask(f"/campaigns/{CAMPAIGN}/calls?limit=3{after and f'&after={after}'}")
        assert status == 200
        assert phone(99) not in str(page)
        pages.append([each["contact"][:2] for each in page["calls"]])
        after = page["next"]
    (masked, *first), *others = pages
    assert masked not in {"+1", "c7"}
    assert [first, *others] == [["c0", "c1"], ["c2", "c3", "c4"], ["c5", "c6"]]
    assert program.ask(f"/campaigns/{CAMPAIGN}/calls?state=queued")[1]["calls"] == []
    assert len(program.ask(f"/campaigns/{CAMPAIGN}/calls?state=planned")[1]["calls"]) == 8


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=x", "state=dialled"])
def test_a_page_that_cannot_be_asked_for_is_refused_with_the_reason(program, ledger, query):
    begin(ledger, call("c0"))
    status, problem = program.ask(f"/campaigns/{CAMPAIGN}/calls?{query}")
    assert (status, query.partition("=")[0] in problem["detail"]) == (400, True)


def test_a_campaign_is_canceled_only_by_its_name(program, ledger):
    begin(ledger, call("c0", phone(0)))
    status, problem = program.post(f"/campaigns/{CAMPAIGN}/cancel", {"confirm": "another"})
    assert (status, problem["title"]) == (400, "Bad Request")
    assert rows(ledger, "SELECT state FROM calls") == [{"state": "planned"}]


def test_nothing_is_approved_where_nothing_is_served(program):
    assert program.post("/campaigns/clinic/approve", {"content": "a" * 64})[0] == 404


def test_a_phone_system_suppresses_somebody_as_often_as_it_likes(program, ledger):
    begin(ledger, call("c0", phone(0)), call("c1", phone(1)))
    body = {"number": phone(0), "reason": "pressed 9"}
    status, first = program.post("/suppressions", body)
    assert (status, first["is_new"], first["kind"], first["withdrawn"]) == (
        200,
        True,
        "number",
        {CAMPAIGN: 1},
    )
    assert phone(0) not in str(first)
    status, again = program.post("/suppressions", body)
    assert (status, again["is_new"]) == (200, False)
    _, listed = program.ask("/suppressions")
    (entry,) = listed["entries"]
    assert (entry["by"], entry["reason"], phone(0) in str(listed)) == ("phones-operator", "pressed 9", False)
    _, removed = program.post("/suppressions/remove", {"number": phone(0)})
    assert (removed["removed"], removed["left"]) == (1, 0)
    assert program.post("/suppressions/remove", {"number": phone(0)})[1]["removed"] == 0
    assert program.ask("/suppressions")[1]["entries"] == []


def test_keys_national_numbers_and_single_campaigns_are_suppressed_too(program, ledger):
    begin(ledger, call("c0", phone(0)))
    body = {"key": "c0", "campaign": CAMPAIGN, "until": "2999-12-31"}
    status, found = program.post("/suppressions", body)
    assert (status, found["kind"], found["campaign"], found["withdrawn"]) == (
        200,
        "key",
        CAMPAIGN,
        {CAMPAIGN: 1},
    )
    assert program.post("/suppressions", {"number": "617 555 0100", "region": "US"})[0] == 200
    assert len(program.ask(f"/suppressions?campaign={CAMPAIGN}")[1]["entries"]) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "not valid JSON"),
        ('{"key": "a", "key": "b"}', "a key is given twice"),
        ('{"key": NaN}', "NaN is not a number"),
        ('{"key": 1e999}', "key"),
        ("[]", "the request"),
        ("[" * 50_000, "nested"),
        ({"key": 7}, "key: input should be a valid string"),
        ({"key": "a", "colour": "red"}, "colour: extra inputs are not permitted"),
        ({"key": "a\u202eb"}, "invisible characters"),
        ({"key": "x" * 501}, "key: string should have at most 500 characters"),
        ({}, "name one person"),
        ({"key": "a", "number": "+16175550100"}, "name one person"),
        ({"number": "not a number"}, "not a phone number"),
        ({"number": "617 555 0100"}, "its country is missing"),
        ({"key": "a", "until": "tomorrow"}, "must be a date"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(program, body, words):
    status, problem = program.post("/suppressions", body)
    assert (status, words.lower() in problem["detail"].lower()) == (400, True), problem
    assert program.ask("/suppressions")[1]["entries"] == []


@pytest.mark.parametrize(
    "name", ["nothing", "..%2f..%2fetc%2fpasswd", "%2e%2e", "campaign.yaml", "a%00b", "%2Fetc", "%C3%A4"]
)
def test_the_name_of_a_campaign_is_never_a_path(program, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.yaml").write_text("version: 1\nname: [secret]\n")
    for path in (f"/campaigns/{name}", f"/campaigns/{name}/report"):
        status, problem = program.ask(path)
        assert (status, "secret" in str(problem)) == (404, False)
    assert program.post("/suppressions", {"key": "a", "campaign": "campaign.yaml"})[0] == 404


def test_a_viewer_reads_and_does_not_act(site, ledger):
    begin(ledger, call("c0", phone(0)))
    viewer = Program(site, ledger, Role.VIEWER)
    assert viewer.ask(f"/campaigns/{CAMPAIGN}")[0] == 200
    for path in (f"/campaigns/{CAMPAIGN}/pause", "/suppressions", "/suppressions/remove"):
        status, problem = viewer.post(path, {"key": "c0"})
        assert (status, "only operators" in problem["detail"]) == (403, True)


def test_the_api_keeps_what_its_document_says(program, ledger):
    # Loaded where it is used: it takes a second.
    import schemathesis  # noqa: PLC0415
    from schemathesis import checks  # noqa: PLC0415

    uncertain(ledger, 2)
    kept = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_dict(openapi())
    for operation in schema.get_all_operations():

        @settings(
            max_examples=6,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.ok().as_strategy())
        def ask(case):
            if "name" in case.path_parameters:
                case.path_parameters["name"] = CAMPAIGN
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{program.site.port}",
                headers={"Authorization": f"Bearer {program.token}"},
                checks=kept,
            )

        ask()


def test_the_api_keeps_to_its_answers_with_postgresql(postgres_ledger):
    ledger = postgres_ledger
    begin(ledger, call("c0", phone(0)))
    with private_site(ledger) as site:
        program = Program(site, ledger, Role.OPERATOR)
        assert program.ask("/campaigns/a%00b")[0] == 404
        assert program.ask(f"/campaigns/{CAMPAIGN}")[1]["status"]["states"]["planned"] == 1
        assert program.post("/suppressions", {"key": "c0"})[1]["withdrawn"] == {CAMPAIGN: 1}
        assert program.post(f"/campaigns/{CAMPAIGN}/pause")[0] == 200
        signed_in = site.ask("/sign-in", "POST", form={"name": "a\x00b", "password": "x"})
        assert signed_in.status == 403
