"""One apply at a time: the lock names its owner, and goes when its owner does."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from planned_calls import NOW

from runner.errors import CampaignHeldError, ExitStatus
from runner.ledger.holder import hold, holder

HOLD = """
import sys
from pathlib import Path
from runner.ledger.holder import hold
with hold(Path(sys.argv[1]), sys.argv[2], 1796166000):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_holds(ledger, campaign):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ledger), campaign],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_campaign_is_held_by_one_process_and_the_error_of_the_second_names_it(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    with another_process_holds(ledger, "clinic") as other:
        with pytest.raises(CampaignHeldError) as caught, hold(ledger, "clinic", NOW):
            pass
        assert f"process {other.pid} on {socket.gethostname()}" in caught.value.message
        assert "2026-12-01 23:00:00 UTC" in caught.value.message
        assert caught.value.exit_status is ExitStatus.CAMPAIGN_HELD
        assert f"process {other.pid} on" in holder(ledger, "clinic")


def test_a_killed_process_releases_its_hold(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    with another_process_holds(ledger, "clinic") as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert holder(ledger, "clinic") is None
        with hold(ledger, "clinic", NOW):
            assert f"process {os.getpid()} on" in holder(ledger, "clinic")


def test_a_campaign_is_free_after_the_block_even_after_an_error(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    with pytest.raises(ZeroDivisionError), hold(ledger, "clinic", NOW):
        raise ZeroDivisionError
    assert holder(ledger, "clinic") is None
    with hold(ledger, "clinic", NOW):
        pass


def test_a_second_hold_in_the_same_process_is_refused_too(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    with (
        hold(ledger, "clinic", NOW),
        pytest.raises(CampaignHeldError, match=str(os.getpid())),
        hold(ledger, "clinic", NOW),
    ):
        pass


def test_a_failed_hold_takes_nothing_from_the_holder(tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    with hold(ledger, "clinic", NOW):
        for _ in range(2):
            with pytest.raises(CampaignHeldError), hold(ledger, "clinic", NOW):
                pass
        assert f"process {os.getpid()} on" in holder(ledger, "clinic")


def test_campaigns_and_ledgers_are_held_each_for_itself(tmp_path):
    with (
        hold(tmp_path / "one.sqlite3", "clinic", NOW),
        hold(tmp_path / "one.sqlite3", "hospital", NOW),
        hold(tmp_path / "two.sqlite3", "clinic", NOW),
    ):
        assert holder(tmp_path / "one.sqlite3", "other") is None


def test_a_ledger_that_is_named_through_a_link_has_the_same_lock(tmp_path):
    ledger, link = tmp_path / "ledger.sqlite3", tmp_path / "elsewhere" / "link.sqlite3"
    ledger.touch()
    link.parent.mkdir()
    link.symlink_to(ledger)
    with hold(ledger, "clinic", NOW):
        assert holder(link, "clinic") is not None
        with pytest.raises(CampaignHeldError), hold(link, "clinic", NOW):
            pass


def test_a_campaign_that_was_never_held_has_no_holder(tmp_path):
    assert holder(tmp_path / "ledger.sqlite3", "clinic") is None
    assert list(tmp_path.iterdir()) == []


def test_a_look_at_the_holder_keeps_no_other_process_from_holding_it(tmp_path, monkeypatch):
    ledger = tmp_path / "ledger.sqlite3"
    with hold(ledger, "clinic", NOW):
        (lock,) = tmp_path.iterdir()
    glance = lock.open()
    fcntl.flock(glance, fcntl.LOCK_SH)
    monkeypatch.setattr("runner.ledger.holder.time.sleep", lambda _seconds: glance.close())
    with hold(ledger, "clinic", NOW):
        assert glance.closed
