"""Into which ledger a saved plan went, as this machine remembers it."""

from contextlib import closing

import pytest
from ledger_values import BINDING, NOW, THIS, begin, call, phone, plan
from sqlalchemy import make_url

from runner.errors import LedgerError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.ledger.used_plans import UsedPlans


def test_a_plan_went_elsewhere_only_after_it_was_noted_there(tmp_path):
    here, there = UsedPlans(tmp_path / "marks", "here"), UsedPlans(tmp_path / "marks", "there")
    assert not there.entered_elsewhere("sha256:1")
    here.note("sha256:1")
    here.note("sha256:1")
    assert there.entered_elsewhere("sha256:1")
    assert not here.entered_elsewhere("sha256:1")
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_a_role_that_may_only_read_sees_whether_a_plan_went_into_another_ledger(
    postgres, postgres_ledger, tmp_path
):
    owned = postgres_ledger.engine.url
    role = f"reader_of_{owned.database}"
    postgres.execute(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data")
    url = make_url(owned).set(username=role).render_as_string(hide_password=False)
    with closing(Ledger.open(url)) as read_only:
        UsedPlans(tmp_path, "another").note("sha256:1")
        assert _used_plans(read_only, tmp_path).entered_elsewhere("sha256:1")

        RollbackGuard(postgres_ledger, tmp_path).check()
        begin(postgres_ledger, call("a", phone(1)))
        _used_plans(postgres_ledger, tmp_path).note("sha256:2")
        assert not _used_plans(read_only, tmp_path).entered_elsewhere("sha256:2")


def _used_plans(ledger, folder):
    """As plan asks for them."""
    guard = RollbackGuard(ledger, folder)
    guard.verify()
    return UsedPlans(folder, guard.ledger_id)


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
