"""Users, sessions, tokens and waits in the ledger, in both kinds of database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from ledger_values import rows
from planned_calls import NOW

from runner.calls import Role
from runner.errors import LedgerError
from runner.ledger import sign_ins
from runner.ledger.users import UserActs, users_of
from runner.serve.sessions import wait_of_address, wait_of_name

DAY = 86_400
WAITS = {"name": wait_of_name, "address": wait_of_address}


@pytest.fixture
def acts(ledger):
    return UserActs(ledger.engine, "ops@desk")


def begin(ledger, session="s", password="hash", now=NOW):
    return sign_ins.begin_session(ledger.engine, session, "ana", password, now=now, past=now - DAY)


def test_every_act_is_in_the_history_with_who(ledger, acts):
    acts.add("ana", Role.VIEWER, "hash", NOW)
    acts.set_role("ana", Role.OPERATOR, NOW)
    acts.set_password("ana", "other", NOW)
    acts.add_token("ana", "t", NOW)
    acts.revoke_tokens("ana", NOW)
    acts.remove("ana", NOW)
    found = rows(ledger, "SELECT actor, verb, detail FROM actions ORDER BY id")
    assert {row["actor"] for row in found} == {"ops@desk"}
    assert [(row["verb"], row["detail"]) for row in found] == [
        ("user-add", "ana as viewer"),
        ("user-role", "ana as operator"),
        ("user-password", "ana"),
        ("user-token", "ana"),
        ("user-revoke", "ana, 1"),
        ("user-remove", "ana"),
    ]


def test_users_are_listed_with_their_tokens(ledger, acts):
    acts.add("ben", Role.OPERATOR, "", NOW)
    acts.add("ana", Role.VIEWER, "hash", NOW)
    acts.add_token("ben", "t1", NOW)
    acts.add_token("ben", "t2", NOW)
    assert [(user.name, user.role, user.tokens) for user in users_of(ledger.engine)] == [
        ("ana", Role.VIEWER, 0),
        ("ben", Role.OPERATOR, 2),
    ]


def test_a_name_that_exists_or_does_not_is_an_error(acts):
    acts.add("ana", Role.VIEWER, "hash", NOW)
    with pytest.raises(LedgerError, match="already"):
        acts.add("ana", Role.VIEWER, "hash", NOW)
    for act in (acts.remove, acts.revoke_tokens):
        with pytest.raises(LedgerError, match="unknown user ben"):
            act("ben", NOW)


def test_sessions_and_tokens_end_with_the_user(ledger, acts):
    acts.add("ana", Role.VIEWER, "hash", NOW)
    acts.add_token("ana", "t", NOW)
    assert begin(ledger)
    acts.remove("ana", NOW)
    assert sign_ins.session_of(ledger.engine, "s") is None
    assert sign_ins.user_of_token(ledger.engine, "t") is None
    # Somebody else may get the name.
    acts.add("ana", Role.OPERATOR, "hash", NOW)
    assert sign_ins.session_of(ledger.engine, "s") is None


def test_a_new_password_ends_sessions_and_a_try_with_the_old_one(ledger, acts):
    acts.add("ana", Role.VIEWER, "hash", NOW)
    assert begin(ledger)
    acts.set_password("ana", "other", NOW)
    assert sign_ins.session_of(ledger.engine, "s") is None
    assert not begin(ledger, "later", "hash")
    assert begin(ledger, "later", "other")


def test_a_new_role_holds_for_sessions_and_tokens_at_once(ledger, acts):
    acts.add("ana", Role.OPERATOR, "hash", NOW)
    acts.add_token("ana", "t", NOW)
    assert begin(ledger)
    acts.set_role("ana", Role.VIEWER, NOW)
    assert sign_ins.session_of(ledger.engine, "s").role is Role.VIEWER
    assert sign_ins.user_of_token(ledger.engine, "t") == ("ana", Role.VIEWER)


def test_old_sessions_are_forgotten(ledger, acts):
    acts.add("ana", Role.OPERATOR, "hash", NOW)
    assert begin(ledger, "old")
    assert begin(ledger, "new", now=NOW + DAY + 1)
    assert rows(ledger, "SELECT id FROM sessions") == [{"id": "new"}]


def test_tries_are_counted_before_they_are_made_and_over_restarts(ledger):
    tries = [sign_ins.begin_try(ledger.engine, WAITS, NOW) for _ in range(7)]
    assert tries == [0, 0, 0, 0, 0, 1, 1]
    assert sign_ins.begin_try(ledger.engine, WAITS, NOW + 1) == 0
    assert sign_ins.begin_try(ledger.engine, WAITS, NOW + 1) == 2
    # Another name at the same address is not held up yet.
    other = {"other": wait_of_name, "address": wait_of_address}
    assert sign_ins.begin_try(ledger.engine, other, NOW + 1) == 0


def test_a_success_clears_the_name_and_takes_back_its_own_try_of_the_address(ledger):
    for _ in range(3):
        sign_ins.begin_try(ledger.engine, WAITS, NOW)
    sign_ins.note_success(ledger.engine, "name", "address")
    assert rows(ledger, "SELECT subject, failures FROM sign_in_failures") == [
        {"subject": "address", "failures": 2}
    ]


def test_failures_are_forgotten_after_a_day(ledger):
    for _ in range(7):
        sign_ins.begin_try(ledger.engine, WAITS, NOW)
    assert sign_ins.begin_try(ledger.engine, WAITS, NOW + DAY + 1) == 0
    assert {row["failures"] for row in rows(ledger, "SELECT failures FROM sign_in_failures")} == {1}


def test_tries_at_the_same_moment_do_not_get_around_the_wait(ledger):
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: sign_ins.begin_try(ledger.engine, WAITS, NOW), range(40)))
    assert waits.count(0) == 5


def test_tries_of_many_names_do_not_fill_the_ledger(ledger, monkeypatch):
    monkeypatch.setattr(sign_ins, "_MOST_SUBJECTS", 10)
    for number in range(30):
        sign_ins.begin_try(ledger.engine, {f"name {number}": wait_of_name}, NOW + number)
    assert rows(ledger, "SELECT count(*) AS n FROM sign_in_failures")[0]["n"] <= 12


def test_who_has_to_wait_writes_nothing_to_the_ledger(ledger):
    guess = {"name 1": wait_of_name, "address": lambda failures: 60 if failures else 0}
    assert sign_ins.begin_try(ledger.engine, guess, NOW) == 0
    assert sign_ins.begin_try(ledger.engine, {**guess, "name 2": wait_of_name}, NOW) == 60
    assert rows(ledger, "SELECT subject FROM sign_in_failures WHERE subject = 'name 2'") == []
