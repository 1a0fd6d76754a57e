"""Into which ledger a saved plan went, as this machine remembers it."""

import pytest
from ledger_values import BINDING, NOW, THIS, call, phone, plan

from runner.errors import LedgerError
from runner.ledger.used_plans import UsedPlans


def test_a_plan_went_elsewhere_only_after_it_was_noted_there(tmp_path):
    here, there = UsedPlans(tmp_path / "marks", "here"), UsedPlans(tmp_path / "marks", "there")
    assert not there.entered_elsewhere("sha256:1")
    here.note("sha256:1")
    here.note("sha256:1")
    assert there.entered_elsewhere("sha256:1")
    assert not here.entered_elsewhere("sha256:1")
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_of_two_who_enter_it_at_the_same_moment_one_is_refused(tmp_path):
    UsedPlans(tmp_path, "here").note("sha256:1")
    with pytest.raises(LedgerError, match="another ledger at the same moment"):
        UsedPlans(tmp_path, "there").note("sha256:1")


def test_where_the_note_cannot_be_made_nothing_is_entered(ledger):
    def refuse():
        raise LedgerError("no")

    with pytest.raises(LedgerError, match="no"):
        ledger.begin_run(BINDING, plan(call("a", phone(1))), THIS, NOW, entered=refuse)
    assert not ledger.knows(BINDING.campaign)


def test_a_plan_that_is_refused_is_not_noted(ledger):
    noted = []
    with pytest.raises(LedgerError):
        ledger.begin_run(
            BINDING, plan(call("a", phone(1)), stamp="old"), THIS, NOW, entered=lambda: noted.append(1)
        )
    assert not noted
