"""`runner users`: who may use the private address of `serve`."""

import getpass
import sys

from rich.text import Text

from runner.calls import Role
from runner.commands.terminal import actor, ledger_to_read, note, say
from runner.errors import ExitStatus, UsageError
from runner.ledger.users import User, users_of
from runner.reports.console import columns, print_lines, standard_console
from runner.reports.plan_facts import count
from runner.reports.times import machine_time
from runner.services.users import UserDesk, open_users, user_name
from runner.settings import load_settings


def add(given: str, role: Role, *, from_stdin: bool, without_password: bool) -> int:
    if from_stdin and without_password:
        raise UsageError("--password-stdin and --no-password cannot be combined")
    name = user_name(given)
    password = None if without_password else _new_password(name, from_stdin=from_stdin)
    with open_users(actor(), load_settings()) as desk:
        desk.add(name, role, password)
        say(f"{name} is added, as {_article(role)}")
    return ExitStatus.DONE


def show_list() -> int:
    with ledger_to_read(load_settings()) as ledger:
        found = users_of(ledger.engine)
    if found:
        print_lines(standard_console(), columns([_row(user) for user in found]))
    else:
        say("there are no users: anybody on the machine of serve may act without signing in")
    return ExitStatus.DONE


def remove(given: str) -> int:
    name = user_name(given)
    with open_users(actor(), load_settings()) as desk:
        desk.remove(name)
        say(f"{name} is removed, with all sessions and tokens")
        if not desk.users():
            note(
                "no user is left: anybody on the machine of serve may act without signing in, and serve "
                "does not start on an address that other machines reach"
            )
    return ExitStatus.DONE


def password(given: str, *, from_stdin: bool) -> int:
    name = user_name(given)
    new = _new_password(name, from_stdin=from_stdin)
    with open_users(actor(), load_settings()) as desk:
        desk.set_password(name, new)
        say(f"{name} has a new password, and must sign in again")
        _note_tokens(desk, name)
    return ExitStatus.DONE


def role(given: str, new: Role) -> int:
    name = user_name(given)
    with open_users(actor(), load_settings()) as desk:
        desk.set_role(name, new)
        say(f"{name} is {_article(new)} from now on")
    return ExitStatus.DONE


def token(given: str, *, revoke: bool) -> int:
    """A new token is the only thing on stdout."""
    name = user_name(given)
    with open_users(actor(), load_settings()) as desk:
        if revoke:
            say(f"{count(desk.revoke_tokens(name), 'token')} of {name} revoked")
        else:
            say(desk.add_token(name))
            note(
                f"programs send it as `Authorization: Bearer TOKEN`, and act as {name}; it is not shown again"
            )
    return ExitStatus.DONE


def _new_password(name: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal on which to ask for the password",
            hint="add --password-stdin, and give it on the first line of standard input",
        )
    first = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("Repeat the password: ") != first:
        raise UsageError("the two passwords differ; nothing was changed")
    return first


def _note_tokens(desk: UserDesk, name: str) -> None:
    tokens = next((user.tokens for user in desk.users() if user.name == name), 0)
    if tokens:
        note(f"{count(tokens, 'token')} still in force; to revoke: runner users token {name} --revoke")


def _article(role: Role) -> str:
    return "an operator" if role is Role.OPERATOR else "a viewer"


def _row(user: User) -> tuple[str | Text, ...]:
    password = "" if user.password else "no password"
    tokens = count(user.tokens, "token") if user.tokens else ""
    return (user.name, user.role, password, tokens, f"added {machine_time(user.added_at)} by {user.added_by}")
