"""A key that only the ledger's list or the policy's names keeps the numbers of its row from being called for
another row, in a plan and while a run goes on.
"""

import time
from contextlib import closing

import pytest

from runner.calls import Reason
from runner.campaign.loader import load_campaign
from runner.ledger.ledger import Ledger
from runner.ledger.suppressions import SuppressionActs, Target
from runner.services.planning import prepare_plan
from runner.settings import Settings, sqlite_url

CAMPAIGN = """\
version: 1
name: clinic
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: people.csv}]
  phone: ["{{ row.mobile }}", "{{ row.home }}"]
  key: "{{ row.id }}"
  region: US
  where: "{{ row.active }}"
calling_windows: {weekly: {daily: "00:00-24:00"}}
"""
PEOPLE = """\
id,mobile,home,active
out,617 555 0101 x5,,1
former,617 555 0102,,0
a,617 555 0101,,1
b,617 555 0102,,1
c,617 555 0103,,1
d,617 555 0104,617 555 0103,1
"""
SHARED = "with the key of another contact that has this number"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clinic.yaml").write_text(CAMPAIGN)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


@pytest.fixture
def ledger(folder):
    with closing(Ledger.open(sqlite_url(folder / "ledger.sqlite3"))) as ledger:
        yield ledger


def prepared(folder, ledger, policy=None):
    settings = Settings(ledger_url=sqlite_url(folder / "ledger.sqlite3"), policy_file=policy)
    return prepare_plan(load_campaign(folder / "clinic.yaml"), settings, ledger, now=time.time(), limit=None)


def suppress(ledger, *keys):
    targets = [(Target("", key), key) for key in keys]
    SuppressionActs(ledger.engine, "tester").add(targets, None, None, "", time.time() - 1)


def suppressed_as_shared(plan):
    return [
        each.key
        for each in plan.exclusions
        if each.reason is Reason.SUPPRESSED and each.detail.endswith(SHARED)
    ]


def test_a_plan_calls_nobody_at_the_number_of_a_key_in_the_ledgers_list(folder, ledger):
    suppress(ledger, "OUT", "former")
    plan = prepared(folder, ledger).plan
    assert [call.key for call in plan.calls] == ["c", "d"]
    assert suppressed_as_shared(plan) == ["a", "b"]


def test_a_plan_calls_nobody_at_the_number_of_a_key_in_a_list_of_the_policy(folder, ledger):
    policy = folder / "policy.yaml"
    policy.write_text('suppress: [{type: csv, path: stop.csv, key: "{{ row.id }}"}]\n')
    (folder / "stop.csv").write_text("id\nout\nformer\n")
    plan = prepared(folder, ledger, policy).plan
    assert [call.key for call in plan.calls] == ["c", "d"]
    assert suppressed_as_shared(plan) == ["a", "b"]


def test_a_running_apply_learns_of_a_key_that_is_suppressed_meanwhile(folder, ledger):
    suppressed = prepared(folder, ledger).suppressed
    assert suppressed.match("a", "+16175550101") is None
    suppress(ledger, "out")
    assert suppressed.refresh() is True
    assert suppressed.match("a", "+16175550101").endswith(SHARED)
    assert suppressed.match("b", "+16175550102") is None
    suppress(ledger, "d")
    assert suppressed.refresh() is True
    assert suppressed.match("c", "+16175550103").endswith(SHARED)
