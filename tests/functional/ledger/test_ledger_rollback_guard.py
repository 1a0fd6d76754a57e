"""A ledger that lost calls is refused before anybody is called again, and so is a plan applied elsewhere."""

import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from ledger_values import THIS, begin, claim_all, rows
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from planned_calls import calls as people
from sqlalchemy import make_url, text

from runner.calls import CallState, ReasonCode, Resolution, StateReason
from runner.errors import LedgerError
from runner.ledger import postgresql
from runner.ledger import state_file as state_file_module
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators
from runner.ledger.revision import LedgerRevision
from runner.ledger.rollback_guard import RollbackGuard
from runner.ledger.state_file import LedgerState, locked, read_state, write_state


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "states"


def send(ledger, folder, *calls):
    """Claims these calls as an apply does."""
    guard = RollbackGuard(ledger, folder)
    guard.check()
    run, _ = begin(ledger, *calls)
    return claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=guard.advance))


def state_file(folder):
    (file,) = folder.glob("*.json")
    return file


def sidecar(ledger):
    return ledger.path.with_name(f"{ledger.path.name}.state")


def test_a_new_ledger_and_an_unchanged_one_pass(ledger, folder):
    send(ledger, folder, call("a", phone(1)))
    send(ledger, folder, call("b", phone(2)))
    RollbackGuard(ledger, folder).check()


def test_a_ledger_that_knows_of_fewer_attempts_than_were_made_is_refused(ledger, folder):
    send(ledger, folder, *people(3))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="holds only 2 of 3 calls that were sent") as caught:
        RollbackGuard(ledger, folder).check()
    assert "runner trust-ledger" in caught.value.hint


def test_a_ledger_that_a_person_trusts_is_used_again_and_the_act_is_recorded(ledger, folder):
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


def test_a_copy_next_to_the_original_is_refused(sqlite_ledger, folder, tmp_path):
    send(sqlite_ledger, folder, call("a", phone(1)))
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with (
        closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy,
        pytest.raises(LedgerError, match="is a copy"),
    ):
        RollbackGuard(copy, folder).check()


def test_a_copy_of_a_ledger_without_runs_is_accepted_and_stays_accepted(sqlite_ledger, folder, tmp_path):
    sqlite_ledger.privacy_key()
    RollbackGuard(sqlite_ledger, folder).check()
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        send(copy, tmp_path / "states of another machine", call("a", phone(1)))
        RollbackGuard(copy, tmp_path / "states of another machine").check()


def test_a_copy_with_a_plan_is_refused_on_any_machine_even_if_nothing_was_sent(
    sqlite_ledger, folder, tmp_path
):
    """Both would call the same people."""
    RollbackGuard(sqlite_ledger, folder).check()
    begin(sqlite_ledger, call("a", phone(1)))
    shutil.copy(sqlite_ledger.path, tmp_path / "copy.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        elsewhere = RollbackGuard(copy, tmp_path / "states of another machine")
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


def test_a_ledger_is_accepted_whether_or_not_the_server_s_number_may_be_read(
    postgres_ledger, folder, monkeypatch
):
    """The role that runs campaigns may have more rights than the role that inspects them."""
    with postgres_ledger.engine.begin() as connection:
        connection.execute(text("CREATE ROLE limited_role"))
        connection.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
    try:
        with postgres_ledger.engine.begin() as connection:
            allowed = postgresql.identity(connection)
            connection.execute(text("SET LOCAL ROLE limited_role"))
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
            connection.execute(text("DROP ROLE limited_role"))


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
        guard = RollbackGuard(ledger, folder)
        guard.check()
        run, _ = begin(ledger, *people(2))
        queue = CallQueue(ledger.engine, CAMPAIGN, run, intended=guard.advance)
        (claim,) = claim_all(queue, most=1)
        queue.finish(
            claim,
            AttemptResult(
                state=CallState.UNCERTAIN, reason=StateReason.of(ReasonCode.UNCERTAIN, problem="no answer")
            ),
            NOW,
        )
        backup = shutil.copy(ledger.path, ledger.path.with_name("backup"))
        act(Operators(ledger.engine, "ann@desk"))
        guard.check()
        path = ledger.path
    shutil.copy(backup, path)
    with closing(Ledger.open(sqlite_url)) as ledger:
        with pytest.raises(LedgerError, match="lacks the last decisions of operators"):
            RollbackGuard(ledger, folder).check()
        RollbackGuard(ledger, folder).trust("ann@desk", NOW)
        RollbackGuard(ledger, folder).check()


def test_an_act_does_not_lower_what_a_run_stored_at_the_same_time(sqlite_ledger, folder):
    desk = RollbackGuard(sqlite_ledger, folder)
    desk.check()
    send(sqlite_ledger, folder, *people(2))
    Operators(sqlite_ledger.engine, "ann@desk").pause(CAMPAIGN, NOW)
    desk.note(LedgerRevision(attempt=0, act=1))
    with sqlite_ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
    with pytest.raises(LedgerError, match="holds only 0 of 2 calls that were sent"):
        RollbackGuard(sqlite_ledger, folder).check()


def test_a_new_ledger_in_the_place_of_one_whose_campaign_was_canceled_is_refused(sqlite_url, folder):
    with closing(Ledger.open(sqlite_url)) as ledger:
        begin(ledger, *people(2))
        Operators(ledger.engine, "ann@desk").cancel(CAMPAIGN, NOW)
        RollbackGuard(ledger, folder).check()
        ledger.path.unlink()
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="was used here: operators made 1 decision in that one"),
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


def test_a_new_ledger_is_refused_where_a_moved_one_was_used_before(sqlite_url, folder, tmp_path):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        ledger.path.rename(tmp_path / "moved.sqlite3")
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'moved.sqlite3'}")) as moved:
        RollbackGuard(moved, folder).check()
    with closing(Ledger.open(sqlite_url)) as ledger:
        with pytest.raises(LedgerError, match="was used here: 1 call was sent from that one"):
            RollbackGuard(ledger, folder).check()
        RollbackGuard(ledger, folder).trust("ann@desk", NOW)
        RollbackGuard(ledger, folder).check()
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'moved.sqlite3'}")) as moved:
        RollbackGuard(moved, folder).check()


def test_the_state_file_is_private_and_advances_before_the_claims_are_handed_out(ledger, folder):
    claims = send(ledger, folder, *people(2))
    state = read_state(state_file(folder))
    assert state.revision == LedgerRevision(attempt=len(claims), act=0)
    assert stat.S_IMODE(state_file(folder).stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [state_file(folder)]


_WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from runner.ledger.state_file import LedgerState, raise_counters, write_state
file = Path(sys.argv[1])
for number in range(1, 10**9):
    (raise_counters if number % 10 else write_state)(file, LedgerState(ledger="one", attempt=number))
    print(number, flush=True)
"""


def test_a_state_file_is_whole_and_up_to_date_after_a_kill(tmp_path):
    file = tmp_path / "one.json"
    write_state(file, LedgerState(ledger="one", plans=frozenset(["sha256:1"])))
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_UNTIL_KILLED, file], stdout=subprocess.PIPE, text=True
    )
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    written = int(["20", *process.communicate()[0].split()][-1])
    assert read_state(file).attempt in {written, written + 1}


def test_a_claim_raises_the_counters_in_place_and_waits_for_no_disk(sqlite_ledger, folder, monkeypatch):
    guard = RollbackGuard(sqlite_ledger, folder)
    guard.note_plan("sha256:1")
    before = state_file(folder).stat().st_ino
    monkeypatch.setattr(state_file_module.os, "fsync", lambda _: pytest.fail("waited for the disk"))
    guard.advance(7)
    for file in (state_file(folder), sidecar(sqlite_ledger)):
        state = read_state(file)
        assert (state.attempt, state.plans) == (7, {"sha256:1"})
    assert state_file(folder).stat().st_ino == before


def test_two_processes_do_not_overwrite_each_other_s_state(ledger, folder):
    """Each writes what it read and changed; without the lock one change would be lost."""
    RollbackGuard(ledger, folder).check()
    guards = [RollbackGuard(ledger, folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: guards[number % 4].note_plan(f"sha256:{number}"), range(40)))
    assert len(read_state(state_file(folder)).plans) == 40


def test_a_process_that_keeps_the_state_files_locked_is_reported(ledger, folder, monkeypatch):
    monkeypatch.setattr(state_file_module, "_TRIES_TO_LOCK", 2)
    with locked(folder), pytest.raises(LedgerError, match="another process keeps") as caught:
        RollbackGuard(ledger, folder).note(LedgerRevision(1, 0))
    assert "stopped" in caught.value.hint


_DAMAGED = [b"", b"garbled", b"\xff" * 64, b"[]", b'{"attempt": "x"}']


@pytest.mark.parametrize("content", _DAMAGED)
def test_a_ledger_with_a_damaged_state_file_is_refused_until_a_person_trusts_it(ledger, folder, content):
    send(ledger, folder, call("a", phone(1)))
    state_file(folder).write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged") as caught:
        RollbackGuard(ledger, folder).check()
    assert "runner trust-ledger" in caught.value.hint
    RollbackGuard(ledger, folder).trust("ann@desk", NOW)
    RollbackGuard(ledger, folder).check()


def test_a_damaged_state_file_does_not_block_other_ledgers(sqlite_ledger, other_ledger, folder):
    send(sqlite_ledger, folder, call("a", phone(1)))
    state_file(folder).write_bytes(b"garbled")
    send(other_ledger, folder, call("b", phone(2)))
    guard = RollbackGuard(other_ledger, folder)
    guard.check()
    guard.note_plan("sha256:1")
    with pytest.raises(LedgerError, match="is damaged"):
        RollbackGuard(sqlite_ledger, folder).check()


def test_a_backup_of_the_ledger_file_is_refused_where_the_state_folder_does_not_persist(
    sqlite_url, folder, tmp_path
):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        backup = shutil.copy(ledger.path, tmp_path / "backup")
        send(ledger, tmp_path / "of the second container", call("b", phone(2)))
        path = ledger.path
    shutil.copy(backup, path)
    with closing(Ledger.open(sqlite_url)) as ledger:
        guard = RollbackGuard(ledger, tmp_path / "of the third container")
        with pytest.raises(LedgerError, match="holds only 1 of 2 calls that were sent"):
            guard.check()
        guard.trust("ann@desk", NOW)
        guard.check()


def test_a_new_ledger_next_to_the_state_of_one_that_was_deleted_is_refused(sqlite_url, folder, tmp_path):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        ledger.path.unlink()
    with closing(Ledger.open(sqlite_url)) as ledger:
        guard = RollbackGuard(ledger, tmp_path / "of another container")
        with pytest.raises(LedgerError, match="was used here: 1 call was sent from that one"):
            guard.check()
        guard.trust("ann@desk", NOW)
        guard.check()


@pytest.mark.parametrize("content", _DAMAGED)
def test_a_ledger_with_a_damaged_state_next_to_it_is_refused(sqlite_ledger, folder, content):
    send(sqlite_ledger, folder, call("a", phone(1)))
    sidecar(sqlite_ledger).write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged"):
        RollbackGuard(sqlite_ledger, folder).check()
    RollbackGuard(sqlite_ledger, folder).trust("ann@desk", NOW)
    RollbackGuard(sqlite_ledger, folder).check()


def test_a_state_file_that_cannot_be_written_stops_the_run_before_anything_is_sent(ledger, folder):
    folder.touch()
    with pytest.raises(LedgerError, match="cannot be used"):
        send(ledger, folder, call("a", phone(1)))


def test_a_backup_of_the_whole_data_folder_is_refused(sqlite_url, folder, tmp_path):
    with closing(Ledger.open(sqlite_url)) as ledger:
        send(ledger, folder, call("a", phone(1)))
        data = ledger.path.parent
        backup = shutil.copytree(data, tmp_path / "backup")
        send(ledger, folder, call("b", phone(2)))
    shutil.copytree(backup, data, dirs_exist_ok=True)
    with (
        closing(Ledger.open(sqlite_url)) as ledger,
        pytest.raises(LedgerError, match="holds only 1 of 2 calls that were sent"),
    ):
        RollbackGuard(ledger, folder).check()


def test_renewing_the_lease_stores_what_other_machines_sent(ledger, tmp_path):
    here, there = RollbackGuard(ledger, tmp_path / "here"), RollbackGuard(ledger, tmp_path / "there")
    here.check()
    there.check()
    run, _ = begin(ledger, *people(3))
    claim_all(CallQueue(ledger.engine, CAMPAIGN, run, intended=here.advance))
    there.note(ledger.lease(CAMPAIGN, run).renew().ledger_revision)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)")
    with pytest.raises(LedgerError, match="holds only 2 of 3 calls that were sent"):
        RollbackGuard(ledger, tmp_path / "there").check()


def test_a_ledger_that_is_rolled_back_during_a_run_is_noticed(ledger, folder):
    guard = RollbackGuard(ledger, folder)
    guard.advance(7)
    guard.note(LedgerRevision(attempt=9, act=1))
    guard.note(LedgerRevision(attempt=9, act=1))
    for notice in (
        lambda: guard.note(LedgerRevision(attempt=8, act=1)),
        lambda: guard.note(LedgerRevision(attempt=9, act=0)),
        lambda: guard.advance(9),
    ):
        with pytest.raises(LedgerError, match="lost data that was committed"):
            notice()
    guard.advance(10)


def test_a_check_passes_while_a_run_is_sending(ledger, folder, monkeypatch):
    run, _ = begin(ledger, *people(2))
    queue = CallQueue(ledger.engine, CAMPAIGN, run, intended=RollbackGuard(ledger, folder).advance)
    desk = RollbackGuard(ledger, folder)
    identity = desk._identity  # noqa: SLF001 - read between the two values that are compared

    def identity_while_it_sends():
        assert claim_all(queue, most=1)
        return identity()

    monkeypatch.setattr(desk, "_identity", identity_while_it_sends)
    desk.check()


@pytest.fixture
def other_ledger(tmp_path):
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'other.sqlite3'}")) as ledger:
        yield ledger


def test_a_plan_counts_as_applied_elsewhere_only_after_it_was_applied_there(ledger, other_ledger, folder):
    here, there = RollbackGuard(ledger, folder), RollbackGuard(other_ledger, folder)
    here.check()
    there.check()
    assert not there.applied_elsewhere("sha256:1")
    here.note_plan("sha256:1")
    here.note_plan("sha256:1")
    assert there.applied_elsewhere("sha256:1")
    assert not here.applied_elsewhere("sha256:1")
    assert not there.applied_elsewhere("sha256:2")


def test_of_two_ledgers_that_apply_a_plan_at_the_same_moment_one_is_refused(ledger, other_ledger, folder):
    RollbackGuard(ledger, folder).note_plan("sha256:1")
    with pytest.raises(LedgerError, match="another ledger at the same moment"):
        RollbackGuard(other_ledger, folder).note_plan("sha256:1")


def test_a_plan_stays_applied_after_the_ledger_is_trusted(ledger, other_ledger, folder):
    guard = RollbackGuard(ledger, folder)
    guard.check()
    guard.note_plan("sha256:1")
    RollbackGuard(ledger, folder).trust("ann@desk", NOW)
    assert RollbackGuard(other_ledger, folder).applied_elsewhere("sha256:1")


def test_where_the_state_file_cannot_be_written_no_plan_is_written_to_the_ledger(ledger, folder):
    folder.touch()
    guard = RollbackGuard(ledger, folder)
    with pytest.raises(LedgerError, match="cannot be used"):
        ledger.begin_run(
            BINDING, plan(call("a", phone(1))), THIS, NOW, entered=lambda: guard.note_plan("sha256:1")
        )
    assert not ledger.knows(BINDING.campaign)


def test_a_plan_that_is_refused_is_not_stored_as_applied(ledger):
    stored = []
    with pytest.raises(LedgerError):
        ledger.begin_run(
            BINDING, plan(call("a", phone(1)), revision="old"), THIS, NOW, entered=lambda: stored.append(1)
        )
    assert not stored


def test_verifying_a_ledger_writes_no_state_file(sqlite_ledger, folder):
    begin(sqlite_ledger, *people(2))
    RollbackGuard(sqlite_ledger, folder).verify()
    assert not folder.exists()


def test_a_role_that_may_only_read_sees_whether_a_plan_was_applied_with_another_ledger(
    postgres, postgres_ledger, other_ledger, folder
):
    owned = postgres_ledger.engine.url
    role = f"reader_of_{owned.database}"
    postgres.execute(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data")
    url = make_url(owned).set(username=role).render_as_string(hide_password=False)
    with closing(Ledger.open(url)) as read_only:
        RollbackGuard(other_ledger, folder).note_plan("sha256:1")
        assert _applied_elsewhere(read_only, folder, "sha256:1")

        guard = RollbackGuard(postgres_ledger, folder)
        guard.check()
        begin(postgres_ledger, call("a", phone(1)))
        guard.note_plan("sha256:2")
        assert not _applied_elsewhere(read_only, folder, "sha256:2")


def _applied_elsewhere(ledger, folder, plan_id):
    """As `runner plan` checks it."""
    guard = RollbackGuard(ledger, folder)
    guard.verify()
    return guard.applied_elsewhere(plan_id)
