"""What a PostgreSQL server must be for a ledger, and how the options of a connection are read."""

import pytest

from runner.errors import LedgerError, SettingsError
from runner.ledger.postgresql import REQUIRED, ServerState, asked_settings, check


def state(*, schema="public", is_standby=False, version=18, **values):
    told = {**REQUIRED, "server_version": f"{version}.1", "server_version_num": f"{version}0001", **values}
    return ServerState(values=told, schema=schema, is_standby=is_standby, backend=1)


def test_a_server_that_has_what_the_ledger_needs_is_taken():
    check(state(), {})
    check(state(version=12), {})


@pytest.mark.parametrize(
    ("name", "unsafe"),
    [
        ("synchronous_commit", "off"),
        ("synchronous_commit", "local"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("transaction_isolation", "repeatable read"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ],
)
def test_a_server_that_does_not_hold_a_setting_is_refused_with_what_it_has(name, unsafe):
    with pytest.raises(LedgerError, match=f"the server has {name} = {unsafe}, and the ledger needs"):
        check(state(**{name: unsafe}), {})


def test_a_standby_is_refused():
    with pytest.raises(LedgerError, match="standby"):
        check(state(is_standby=True), {})


def test_a_server_that_is_too_old_is_refused():
    with pytest.raises(LedgerError, match=r"PostgreSQL 11\.1; runner needs 12"):
        check(state(version=11), {})


@pytest.mark.parametrize(
    ("search_path", "schema"),
    [
        ("surveys", "surveys"),
        ("Surveys, public", "surveys"),
        ('"Our ""surveys"", all", public', 'Our "surveys", all'),
        ("$user, public", "public"),
        ('"$user", public', None),
        ("", None),
    ],
)
def test_a_search_path_is_satisfied_by_the_schema_that_it_names_first(search_path, schema):
    check(state(schema=schema), {"search_path": search_path})


@pytest.mark.parametrize("schema", ["public", None])
def test_a_schema_that_was_asked_for_and_is_not_used_is_refused(schema):
    with pytest.raises(LedgerError, match="names the schema surveys, which does not exist"):
        check(state(schema=schema), {"search_path": "surveys, public"})


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", {}),
        ("-c search_path=surveys", {"search_path": "surveys"}),
        ("-csearch_path=surveys --Work-Mem=8MB", {"search_path": "surveys", "work_mem": "8MB"}),
        (r"  -c  search_path=a,\ b\\c ", {"search_path": r"a, b\c"}),
        ("-c search_path=a -c search_path=b", {"search_path": "b"}),
        ("-c search_path=", {"search_path": ""}),
    ],
)
def test_options_are_read_as_the_server_reads_them(options, settings):
    assert asked_settings(options) == settings


@pytest.mark.parametrize("options", ["-B 10", "surveys", "-c", "-c surveys", "-c search_path=a, b", "--=x"])
def test_unknown_options_are_refused(options):
    with pytest.raises(SettingsError, match="options of the PostgreSQL connection cannot be read"):
        asked_settings(options)
