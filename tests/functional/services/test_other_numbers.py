"""Somebody of whom any number opted out is not called at another, in a plan and while a run goes on."""

import time
from contextlib import closing

import pytest

from runner.calls import Reason
from runner.campaign.loader import load_campaign
from runner.ledger.ledger import Ledger
from runner.services.further_rounds import FurtherRounds, NewestPlan
from runner.services.planning import prepare_plan
from runner.settings import Settings, sqlite_url

CAMPAIGN = """\
version: 1
name: clinic
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: people.csv}]
  suppress: [{type: csv, path: listed.csv, phone: "{{ row.phone }}"}]
  phone: ["{{ row.mobile }}", "{{ row.home }}"]
  key: "{{ row.id }}"
  region: US
calling_windows: {weekly: {daily: "00:00-24:00"}}
"""
MOBILE = "+16175550101"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clinic.yaml").write_text(CAMPAIGN)
    (tmp_path / "people.csv").write_text(
        "id,mobile,home\na,617 555 0101,212 555 0102\nb,,212 555 0103\nc,617 555 0104,\n"
    )
    (tmp_path / "listed.csv").write_text("phone\n212 555 0103\n")
    return tmp_path


@pytest.fixture
def prepared(folder):
    settings = Settings(ledger_url=sqlite_url(folder / "ledger.sqlite3"))
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        yield lambda: prepare_plan(
            load_campaign(folder / "clinic.yaml"), settings, ledger, now=time.time(), limit=None
        )


def test_a_running_apply_learns_of_the_other_number_of_a_contact(folder, prepared):
    suppressed = prepared().suppressed
    assert suppressed.match("a", MOBILE) is None
    (folder / "listed.csv").write_text("phone\n212 555 0103\n212 555 0102\n")
    assert suppressed.refresh() is True
    assert suppressed.match("a", MOBILE) == "on listed.csv:3, with another number of the same row"
    assert suppressed.match("c", "+16175550104") is None


def test_a_plan_of_a_later_round_knows_the_other_numbers_too(folder, prepared):
    first, second = prepared(), prepared()
    (folder / "listed.csv").write_text("phone\n212 555 0102\n")
    first.suppressed.refresh()
    numbers = second.working_set
    kept = first.suppressed.for_plan(numbers.shared_numbers, numbers.other_numbers, time.time())
    assert kept.match("a", MOBILE) == "on listed.csv:2, with another number of the same row"


def test_the_next_plan_excludes_the_contact(folder, prepared):
    (folder / "listed.csv").write_text("phone\n212 555 0102\n")
    plan = prepared().plan
    assert [(each.key, each.reason) for each in plan.exclusions] == [("a", Reason.SUPPRESSED)]
    assert [call.key for call in plan.calls] == ["b", "c"]


def test_an_opt_out_that_a_plan_of_later_rounds_reads_first_is_found_by_the_run_too(folder, prepared):
    rounds = FurtherRounds(prepared(), environment=None, binding=None, run=1, on_event=print)
    (folder / "listed.csv").write_text("phone\n212 555 0103\n617 555 0104\n")
    later = prepared()
    rounds.newest_plan = NewestPlan(later.working_set, later.suppressed)
    assert rounds.newly_suppressed()("c", "+16175550104")
    assert rounds.newly_suppressed() is None
