"""The promise: in any 60 seconds no more calls start than the campaign allows, whatever happens to runner."""

import signal
import time

from shell import end, wait_until

from campaigns import campaign_yaml, contacts_csv

PACE = 60
SUSPENDED_SECONDS = 5


def starts(sandbox):
    """When each call starts: at its start_timestamp, or when its request came, if that is later."""
    return sorted(max(float(call["start_timestamp"]), call["received_at"]) for call in sandbox.calls())


def test_over_a_suspended_process_and_a_restart(customer, sandbox):
    """Requests go out long ahead, so that the starts of two minutes are known within seconds."""
    always = '{weekly: {daily: "00:00-24:00"}}'
    pacing = f"{{calls_per_minute: {PACE}, queue_ahead: 3m}}"
    customer.write("campaign.yaml", campaign_yaml(windows=always, pacing=pacing))
    customer.write("contacts.csv", contacts_csv(100))
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "20"

    first = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    first.send_signal(signal.SIGSTOP)
    time.sleep(SUSPENDED_SECONDS)
    first.send_signal(signal.SIGCONT)
    wait_until(lambda: len(sandbox.calls()) >= 40, "forty calls")
    end(first, signal.SIGINT)
    assert first.returncode == 130
    assert len(sandbox.calls()) < 100

    second = customer.run("apply", "campaign.yaml", "--yes")
    assert second.returncode == 0, second.stderr
    found = starts(sandbox)
    assert len(found) == 100
    assert all(later - earlier >= 60 for earlier, later in zip(found, found[PACE:], strict=False))
