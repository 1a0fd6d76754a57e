"""`runner users`, and what follows from it for `runner serve`."""

import os
import pty
import re
import signal
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from shell import RUNNER, end, said

PASSWORD = "seven quiet green lamps"


def add(person, name, *arguments):
    done = person.run("users", "add", name, *arguments, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return done


def status_of(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_users_are_added_changed_and_removed(person):
    add(person, "Ana", "--role", "viewer")
    assert person.run("users", "add", "phones", "--role", "operator", "--no-password").returncode == 0
    token = person.run("users", "token", "phones")
    assert re.fullmatch(r"runner_\S{43}\n", token.stdout)
    assert person.run("users", "role", "ana", "operator").returncode == 0
    listed = person.run("users", "list").stdout
    assert re.search(r"ana +operator +added", listed)
    assert re.search(r"phones +operator +no password +1 token", listed)
    assert "1 token of phones revoked" in person.run("users", "token", "phones", "--revoke").stdout
    changed = person.run("users", "password", "ana", "--password-stdin", stdin="another long password\n")
    assert "must sign in again" in changed.stdout
    assert "no user is left" not in person.run("users", "remove", "phones").stderr
    assert "no user is left" in person.run("users", "remove", "ana").stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "words"),
    [
        (("add", "ana", "--role", "viewer"), "", 64, "add --password-stdin"),
        (("add", "ana", "--role", "viewer", "--password-stdin"), "short\n", 64, "at least 12 characters"),
        (("add", "ana b", "--role", "viewer", "--no-password"), "", 64, "invalid user name"),
        (("add", "ana", "--role", "admin"), "", 64, "'viewer', 'operator'"),
        (("password", "ana", "--password-stdin"), f"{PASSWORD}\n", 1, "unknown user ana"),
        (("remove", "ana"), "", 1, "add one: runner users add ana"),
    ],
)
def test_what_is_wrong_is_said(person, arguments, stdin, status, words):
    failed = person.run("users", *arguments, stdin=stdin)
    assert (failed.returncode, words in failed.stderr) == (status, True), failed.stderr


def answering(person, answers, *arguments):
    """Exit status and what a terminal showed, where each answer is typed after the words that ask for it:
    what is typed before is not taken.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [RUNNER, *arguments],
        cwd=person.folder,
        env=person.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    # Linux ends a terminal that nobody holds any more with an error.
    with suppress(OSError):
        while part := os.read(ours, 4096):
            shown += part
            if answers and shown.endswith(answers[0][0]):
                os.write(ours, f"{answers.pop(0)[1]}\n".encode())
    os.close(ours)
    return process.wait(60), shown.decode()


@pytest.mark.parametrize(
    ("again", "expected", "words"),
    [("another", 64, "the two passwords differ"), (PASSWORD, 0, "ana is added, as a viewer")],
)
def test_a_terminal_asks_for_the_password_twice_and_does_not_show_it(person, again, expected, words):
    answers = [(b"Password of ana: ", PASSWORD), (b"Repeat the password: ", again)]
    status, shown = answering(person, answers, "users", "add", "ana", "--role", "viewer")
    assert (status, words in shown, PASSWORD in shown) == (expected, True, False), shown


def test_serve_listens_for_other_machines_only_where_people_sign_in(person):
    person.environment |= {"RUNNER_LISTEN": "0.0.0.0:0", "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0"}
    refused = person.run("serve")
    assert refused.returncode == 1
    assert "runner users add NAME --role operator" in refused.stderr
    add(person, "ana", "--role", "operator")
    token = person.run("users", "token", "ana").stdout.strip()
    serving = person.start("serve")
    port = re.search(r":(\d+)/", said(serving, "showing campaigns on"))[1]
    assert said(serving, "passwords cross the network in the clear")
    url = f"http://127.0.0.1:{port}/api/nothing"
    assert [status_of(url), status_of(url, "wrong"), status_of(url, token)] == [401, 401, 404]
    _, log = end(serving, signal.SIGTERM)
    assert serving.returncode == 0, log
    assert token not in log
