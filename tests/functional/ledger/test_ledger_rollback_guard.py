"""A ledger that forgot what was sent is noticed before anybody is called again."""

import shutil
import stat
from contextlib import closing

import pytest
from ledger_values import CAMPAIGN, NOW, begin, call, claim_all, people, phone, rows
from sqlalchemy import make_url, text

from runner.calls import CallState
from runner.errors import LedgerError
from runner.ledger import postgresql
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators, Resolution
from runner.ledger.revision import LedgerRevision
from runner.ledger.rollback_guard import RollbackGuard


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "marks"


def send(ledger, folder, *calls):
    """Claims these calls as an apply does."""
    mark = RollbackGuard(ledger, folder)
    mark.check()
    run, _ = begin(ledger, *calls)
    return claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=mark.advance))


def test_a_new_ledger_and_one_that_is_as_it_was_left_are_fine(ledger, folder):
    send(ledger, folder, call("a", phone(1)))
    send(ledger, folder, call("b", phone(2)))
    RollbackGuard(ledger, folder).check()


def test_a_ledger_that_knows_of_fewer_attempts_than_were_made_is_refused(ledger, folder):
    send(ledger, folder, *people(3))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="knows of 2 calls that were sent, but there were 3") as caught:
        RollbackGuard(ledger, folder).check()
    assert "runner trust-ledger" in caught.value.hint


def test_a_ledger_that_a_person_trusts_is_used_again_and_the_act_is_kept(ledger, folder):
    send(ledger, folder, *people(3))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
    RollbackGuard(ledger, folder).trust("ann@desk", NOW)
    RollbackGuard(ledger, folder).check()
    (act,) = rows(ledger, "SELECT actor, verb, at FROM actions")
    assert act == {"actor": "ann@desk", "verb": "trust-ledger", "at": NOW}


def test_a_backup_copied_over_the_ledger_is_refused(sqlite_url, folder):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        backup = shutil.copy(ledger.path, ledger.path.with_name("backup"))
        send(ledger, folder, call("b", phone(2)))
        path = ledger.path
    shutil.copy(backup, path)
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="restored from an old copy"),
    ):
        RollbackGuard(ledger, folder).check()


def test_a_copy_beside_the_original_is_refused(sqlite_ledger, folder, tmp_path):
    send(sqlite_ledger, folder, call("a", phone(1)))
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with (
        closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy,
        pytest.raises(LedgerError, match="is a copy"),
    ):
        RollbackGuard(copy, folder).check()


def test_a_copy_that_holds_no_plan_yet_is_as_good_as_new_and_stays_so(sqlite_ledger, folder, tmp_path):
    sqlite_ledger.privacy_key()
    RollbackGuard(sqlite_ledger, folder).check()
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        send(copy, tmp_path / "marks elsewhere", call("a", phone(1)))
        RollbackGuard(copy, tmp_path / "marks elsewhere").check()


def test_a_copy_with_a_plan_of_which_nothing_was_sent_is_refused_on_any_machine(
    sqlite_ledger, folder, tmp_path
):
    """Both would call the same people."""
    RollbackGuard(sqlite_ledger, folder).check()
    begin(sqlite_ledger, call("a", phone(1)))
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        elsewhere = RollbackGuard(copy, tmp_path / "marks elsewhere")
        with pytest.raises(LedgerError, match="is a copy"):
            elsewhere.check()
        elsewhere.trust("ann@desk", NOW)
        elsewhere.check()
    RollbackGuard(sqlite_ledger, folder).check()


def test_a_copied_database_is_refused(postgres, tmp_path):
    url = postgres.new_database()
    with closing(Ledger.open(url)) as ledger:
        RollbackGuard(ledger, tmp_path / "here").check()
        begin(ledger, call("a", phone(1)))
    copied = postgres.new_database(copy_of=make_url(url).database)
    with closing(Ledger.open(copied)) as copy, pytest.raises(LedgerError, match="is a copy"):
        RollbackGuard(copy, tmp_path / "there").check()
    with closing(Ledger.open(url)) as ledger:
        RollbackGuard(ledger, tmp_path / "here").check()


def test_a_server_may_hide_its_number_from_some(postgres_ledger, folder, monkeypatch):
    """Whoever runs the campaigns may have more rights than whoever looks after them."""
    with postgres_ledger.engine.begin() as connection:
        connection.execute(text("CREATE ROLE nobody_in_particular"))
        connection.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
    try:
        with postgres_ledger.engine.begin() as connection:
            allowed = postgresql.identity(connection)
            connection.execute(text("SET LOCAL ROLE nobody_in_particular"))
            hidden = postgresql.identity(connection)
        assert set(allowed) == {"database", "server"}
        assert hidden == {"database": allowed["database"]}
        RollbackGuard(postgres_ledger, folder).check()
        begin(postgres_ledger, call("a", phone(1)))
        for seen in (hidden, allowed):
            monkeypatch.setattr(postgresql, "identity", lambda _connection, seen=seen: seen)
            RollbackGuard(postgres_ledger, folder).check()
    finally:
        with postgres_ledger.engine.begin() as connection:
            connection.execute(text("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC"))
            connection.execute(text("DROP ROLE nobody_in_particular"))


@pytest.mark.parametrize(
    "act",
    [
        lambda operators: operators.cancel(CAMPAIGN, NOW),
        lambda operators: operators.pause(CAMPAIGN, NOW),
        lambda operators: operators.resolve(CAMPAIGN, ["c0"], Resolution.ABANDONED, None, NOW + 10**9),
    ],
)
def test_a_backup_from_before_an_operator_s_act_is_refused(sqlite_url, folder, act):
    """Put back, it would send what was canceled, or send again what was given up."""
    with closing(Ledger.open(sqlite_url)) as ledger:
        mark = RollbackGuard(ledger, folder)
        mark.check()
        run, _ = begin(ledger, *people(2))
        queue = CallQueue(ledger.engine, CAMPAIGN, run, intended=mark.advance)
        (claim,) = claim_all(queue, most=1)
        queue.finish(claim, AttemptResult(state=CallState.UNCERTAIN, reason="no answer"), NOW)
        backup = shutil.copy(ledger.path, ledger.path.with_name("backup"))
        act(Operators(ledger.engine, "ann@desk"))
        mark.check()
        path = ledger.path
    shutil.copy(backup, path)
    with closing(Ledger.open(sqlite_url)) as ledger:
        with pytest.raises(LedgerError, match="lacks the last decisions of operators"):
            RollbackGuard(ledger, folder).check()
        RollbackGuard(ledger, folder).trust("ann@desk", NOW)
        RollbackGuard(ledger, folder).check()


def test_an_act_leaves_alone_what_a_run_beside_it_marked(sqlite_ledger, folder):
    desk = RollbackGuard(sqlite_ledger, folder)
    desk.check()
    send(sqlite_ledger, folder, *people(2))
    Operators(sqlite_ledger.engine, "ann@desk").pause(CAMPAIGN, NOW)
    desk.note(LedgerRevision(attempt=0, act=1))
    with sqlite_ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
    with pytest.raises(LedgerError, match="knows of 0 calls that were sent, but there were 2"):
        RollbackGuard(sqlite_ledger, folder).check()


def test_a_new_ledger_in_the_place_of_one_whose_campaign_was_canceled_is_refused(sqlite_url, folder):
    with closing(Ledger.open(sqlite_url)) as ledger:
        begin(ledger, *people(2))
        Operators(ledger.engine, "ann@desk").cancel(CAMPAIGN, NOW)
        RollbackGuard(ledger, folder).check()
        ledger.path.unlink()
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(
            LedgerError, match="not the one that was used here: operators made 1 decision in that one"
        ),
    ):
        RollbackGuard(ledger, folder).check()


def test_a_new_ledger_in_the_place_of_one_that_was_used_is_refused(sqlite_url, folder):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        ledger.path.unlink()
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="not the one that was used here"),
    ):
        RollbackGuard(ledger, folder).check()


def test_the_mark_is_private_and_moves_before_the_claims_are_handed_out(sqlite_ledger, folder):
    claims = send(sqlite_ledger, folder, *people(2))
    file = sqlite_ledger.path.with_name("ledger.sqlite3.mark")
    assert file.read_text().split()[1] == str(len(claims))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"garbled", b"\xff" * 64, b"0123456789abcdef twelve".ljust(64)])
def test_a_damaged_mark_is_refused_until_a_person_says_otherwise(ledger, folder, content):
    send(ledger, folder, call("a", phone(1)))
    for file in folder.glob("*.mark"):
        file.write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged") as caught:
        RollbackGuard(ledger, folder).check()
    assert "runner trust-ledger" in caught.value.hint
    RollbackGuard(ledger, folder).trust("ann@desk", NOW)
    RollbackGuard(ledger, folder).check()


def test_a_mark_that_cannot_be_written_stops_the_run_before_anything_is_sent(ledger, folder):
    file = ledger.path.with_name("ledger.sqlite3.mark") if ledger.path else folder
    file.parent.mkdir(exist_ok=True)
    if ledger.path:
        file.mkdir()
    else:
        file.touch()
    with pytest.raises(LedgerError, match="cannot be written"):
        send(ledger, folder, call("a", phone(1)))


def test_a_backup_that_holds_the_mark_beside_the_ledger_too_is_refused(sqlite_url, folder, tmp_path):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        data = ledger.path.parent
        backup = shutil.copytree(data, tmp_path / "backup")
        send(ledger, folder, call("b", phone(2)))
    shutil.copytree(backup, data, dirs_exist_ok=True)
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="knows of 1 calls that were sent, but there were 2"),
    ):
        RollbackGuard(ledger, folder).check()


def test_a_machine_that_only_renewed_its_lease_knows_what_the_others_sent(ledger, tmp_path):
    here, there = RollbackGuard(ledger, tmp_path / "here"), RollbackGuard(ledger, tmp_path / "there")
    here.check()
    there.check()
    run, _ = begin(ledger, *people(3))
    claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=here.advance))
    there.note(ledger.lease(CAMPAIGN, run).renew().ledger_revision)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="knows of 2 calls that were sent, but there were 3"):
        RollbackGuard(ledger, tmp_path / "there").check()


def test_a_ledger_that_goes_back_in_time_during_a_run_is_noticed(ledger, folder):
    mark = RollbackGuard(ledger, folder)
    mark.advance(7)
    mark.note(LedgerRevision(attempt=9, act=1))
    mark.note(LedgerRevision(attempt=9, act=1))
    for notice in (
        lambda: mark.note(LedgerRevision(attempt=8, act=1)),
        lambda: mark.note(LedgerRevision(attempt=9, act=0)),
        lambda: mark.advance(9),
    ):
        with pytest.raises(LedgerError, match="forgotten what was committed"):
            notice()
    mark.advance(10)


def test_a_run_that_sends_while_somebody_checks_is_no_reason_for_doubt(ledger, folder, monkeypatch):
    run, _ = begin(ledger, *people(2))
    queue = CallQueue(ledger.engine, CAMPAIGN, run, intended=RollbackGuard(ledger, folder).advance)
    desk = RollbackGuard(ledger, folder)
    identity = desk._identity  # noqa: SLF001 - it is asked for between the two that are compared

    def identity_while_it_sends():
        assert claim_all(queue, most=1)
        return identity()

    monkeypatch.setattr(desk, "_identity", identity_while_it_sends)
    desk.check()


def test_verifying_a_ledger_writes_no_mark(sqlite_ledger, folder):
    begin(sqlite_ledger, *people(2))
    RollbackGuard(sqlite_ledger, folder).verify()
    assert not folder.exists()
