"""A ledger that forgot what was sent is noticed before anybody is called again."""

import shutil
import stat
from contextlib import closing

import pytest
from ledger_values import CAMPAIGN, NOW, begin, call, claim_all, people, phone, rows

from runner.errors import LedgerError
from runner.ledger.call_queue import CallQueue
from runner.ledger.ledger import Ledger
from runner.ledger.mark import Mark


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "marks"


def send(ledger, folder, *calls):
    """Claims these calls as an apply does."""
    mark = Mark(ledger, folder)
    mark.check()
    run, _ = begin(ledger, *calls)
    return claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=mark.advance))


def test_a_new_ledger_and_one_that_is_as_it_was_left_are_fine(ledger, folder):
    send(ledger, folder, call("a", phone(1)))
    send(ledger, folder, call("b", phone(2)))
    Mark(ledger, folder).check()


def test_a_ledger_that_knows_of_fewer_attempts_than_were_made_is_refused(ledger, folder):
    send(ledger, folder, *people(3))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="knows of 2 attempts, but 3 were made") as caught:
        Mark(ledger, folder).check()
    assert "runner trust-ledger" in caught.value.hint


def test_a_ledger_that_a_person_trusts_is_used_again_and_the_act_is_kept(ledger, folder):
    send(ledger, folder, *people(3))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
    Mark(ledger, folder).trust("ann@desk", NOW)
    Mark(ledger, folder).check()
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
        Mark(ledger, folder).check()


def test_a_copy_beside_the_original_is_refused(sqlite_ledger, folder, tmp_path):
    send(sqlite_ledger, folder, call("a", phone(1)))
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with (
        closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy,
        pytest.raises(LedgerError, match="is a copy"),
    ):
        Mark(copy, folder).check()


def test_a_copy_that_never_sent_anything_is_as_good_as_new(sqlite_ledger, folder, tmp_path):
    begin(sqlite_ledger, call("a", phone(1)))
    Mark(sqlite_ledger, folder).check()
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        Mark(copy, folder).check()


def test_a_new_ledger_in_the_place_of_one_that_was_used_is_refused(sqlite_url, folder):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        ledger.path.unlink()
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="not the one that was used here"),
    ):
        Mark(ledger, folder).check()


def test_the_mark_is_private_and_moves_before_the_claims_are_handed_out(sqlite_ledger, folder):
    claims = send(sqlite_ledger, folder, *people(2))
    file = sqlite_ledger.path.with_name("ledger.sqlite3.mark")
    assert file.read_text().split()[1] == str(len(claims))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


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
        pytest.raises(LedgerError, match="knows of 1 attempts, but 2 were made"),
    ):
        Mark(ledger, folder).check()


def test_a_machine_that_only_renewed_its_lease_knows_what_the_others_sent(ledger, tmp_path):
    here, there = Mark(ledger, tmp_path / "here"), Mark(ledger, tmp_path / "there")
    run, _ = begin(ledger, *people(3))
    claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=here.advance))
    there.note(ledger.lease(CAMPAIGN, run).renew().last_attempt)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="knows of 2 attempts, but 3 were made"):
        Mark(ledger, tmp_path / "there").check()


def test_a_ledger_that_goes_back_in_time_during_a_run_is_noticed(ledger, folder):
    mark = Mark(ledger, folder)
    mark.advance(7)
    mark.note(9)
    mark.note(9)
    for notice in (lambda: mark.note(8), lambda: mark.advance(9)):
        with pytest.raises(LedgerError, match="forgotten what was committed"):
            notice()
    mark.advance(10)
