"""The promise: a person can pause, resume, cancel, resolve and look back, from another terminal."""

import json
import re
import signal

from shell import end, said, wait_until

from campaigns import due_at_once


def prepare(customer, count=200):
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    due_at_once(customer, count)


def test_pause_and_resume_take_effect_on_a_running_apply(customer, sandbox):
    prepare(customer)
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")

    assert customer.run("pause", "campaign.yaml").returncode == 0
    assert "nothing is sent until `runner resume five-zones`" in said(process, "PAUSED since")
    states = customer.status("five-zones")["states"]
    assert states["sending"] == 0
    assert states["queued"] == len(sandbox.calls())
    paused_at = len(sandbox.calls())

    assert customer.run("resume", "five-zones").returncode == 0
    said(process, "resumed: calls are sent again")
    wait_until(lambda: len(sandbox.calls()) > paused_at, "a call after the pause")
    canceled = customer.run("cancel", "five-zones", "--yes")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "canceled for good" in canceled.stdout
    states = customer.status("five-zones")["states"]
    assert states["queued"] == len(sandbox.calls()) < 200
    assert states["skipped"] == 200 - states["queued"]
    assert "Done" in out


def test_a_pause_lasts_over_restarts_and_a_cancel_is_final(customer, sandbox):
    prepare(customer, 4)
    first = customer.run("apply", "campaign.yaml", "--yes", "--limit", "1")
    assert first.returncode == 0
    customer.run("pause", "five-zones")
    paused = customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    assert paused.returncode == 0
    assert "The campaign is paused" in paused.stdout
    assert len(sandbox.calls()) == 1
    customer.run("resume", "five-zones")
    customer.run("cancel", "five-zones", "--yes")
    for command in (("apply", "campaign.yaml", "--yes"), ("resume", "five-zones"), ("pause", "five-zones")):
        refused = customer.run(*command)
        assert refused.returncode == 1
        assert "canceled, which is final" in refused.stderr
    assert len(sandbox.calls()) == 1


def test_status_plan_and_apply_say_that_a_campaign_is_paused_or_canceled_since_when_and_by_whom(customer):
    prepare(customer, 3)
    customer.run("apply", "campaign.yaml", "--yes", "--limit", "1")
    assert customer.status("five-zones")["state"] == "active"
    assert "PAUSED" not in customer.run("plan", "campaign.yaml").stdout
    since = r"since \d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(Z| \S+) by \S+@\S+: nothing is"
    customer.run("pause", "five-zones")
    for command in (
        ("status",),
        ("plan", "campaign.yaml"),
        ("apply", "campaign.yaml", "--yes", "--until-idle"),
    ):
        assert re.search(
            f"PAUSED {since} sent until `runner resume five-zones`", customer.run(*command).stdout
        )
    seen = customer.status("five-zones")
    assert seen["state"] == "paused"
    assert "@" in seen["state_by"]
    assert seen["state_since"] > 0
    customer.run("cancel", "five-zones", "--yes")
    again = customer.run("cancel", "five-zones", "--yes").stdout
    assert re.search(f"^five-zones was canceled already: CANCELED {since} ever sent again", again)
    for command in (("status",), ("plan", "campaign.yaml")):
        assert re.search(f"CANCELED {since} ever sent again", customer.run(*command).stdout)
    canceled = customer.run("plan", "campaign.yaml", "--detailed-exitcode")
    assert canceled.returncode == 0
    assert canceled.stdout.startswith("Plan: nobody to call, the campaign is canceled\n")
    said = customer.run("apply", "campaign.yaml", "--yes").stderr
    assert re.search(r"canceled, which is final \(by \S+@\S+, \d{4}-\d\d-\d\d \d\d:\d\d \w+\)", said)


def test_cancel_is_for_good_so_it_asks_and_without_a_terminal_needs_a_yes(customer):
    prepare(customer, 3)
    customer.run("apply", "campaign.yaml", "--yes", "--limit", "1")
    unasked = customer.run("cancel", "five-zones", stdin="five-zones\n")
    assert unasked.returncode == 64
    assert "--yes" in unasked.stderr
    status, said = customer.at_a_terminal("cancel", "five-zones", typing="yes\n")
    assert status == 1
    assert "nothing is ever sent again under this name" in " ".join(said.split())
    assert "nothing was changed" in said
    assert customer.run("resume", "five-zones").returncode == 0
    status, said = customer.at_a_terminal("cancel", "five-zones", typing="five-zones\n")
    assert status == 0
    assert "five-zones is canceled for good" in said
    assert "which is final" in customer.run("resume", "five-zones").stderr


def test_cancel_may_reach_what_waits_at_insight_after_saying_what_that_means(customer):
    prepare(customer, 3)
    customer.run("apply", "campaign.yaml", "--yes")
    unasked = customer.run("cancel", "five-zones", "--pending-at-insight")
    assert unasked.returncode == 64
    assert "EVERY call that waits in instance 3" in unasked.stdout
    done = customer.run("cancel", "five-zones", "--pending-at-insight", "--yes")
    assert done.returncode == 0, done.stderr
    history = customer.run("history", "five-zones").stdout
    assert "cancel-pending" in history


def test_an_uncertain_call_is_settled_by_an_operator_s_word(customer, start_sandbox):
    faulty = start_sandbox("reset-before*3")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = faulty.base_url
    prepare(customer, 6)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 6
    problems = customer.status("five-zones")["problems"]
    assert len(problems) == 3
    one, two, three = (problem["ref"] for problem in problems)

    again = customer.run("resolve", "five-zones", one, "--as", "not-queued")
    assert re.search(r"sent \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: now planned", again.stdout)
    customer.run("resolve", "five-zones", two, "--as", "queued", "--call-id", "4711")
    mistaken = customer.run("resolve", "five-zones", three, "--as", "queued", "--call-id", "4711")
    assert mistaken.returncode == 1
    assert f"call_id 4711 belongs to another call: {two} of campaign five-zones" in mistaken.stderr
    customer.run("resolve", "five-zones", three, "--as", "abandoned")
    settled = customer.run("resolve", "five-zones", two, "--as", "not-queued")
    assert settled.returncode == 1
    assert "this call is queued, not uncertain" in settled.stderr

    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    states = customer.status("five-zones")["states"]
    assert (states["queued"], states["abandoned"], states["uncertain"]) == (5, 1, 0)
    history = customer.run("history", "five-zones", one).stdout
    assert re.search(r"uncertain → planned: resolved as not-queued by \S+@", history)
    assert "sending → queued" in history


def test_resolve_all_asks_first_and_an_abandoned_call_is_resolved_again(customer, start_sandbox):
    faulty = start_sandbox("reset-before*3")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = faulty.base_url
    prepare(customer, 3)
    customer.run("apply", "campaign.yaml", "--yes")
    unasked = customer.run("resolve", "five-zones", "--all", "--as", "abandoned")
    assert unasked.returncode == 64
    assert "--yes" in unasked.stderr
    status, shown = customer.at_a_terminal(
        "resolve", "five-zones", "--all", "--as", "not-queued", typing="yes\n"
    )
    assert status == 1
    assert "This resolves 3 uncertain calls as not-queued" in shown
    assert "called twice" in " ".join(shown.split())
    assert customer.status("five-zones")["states"]["uncertain"] == 3
    status, shown = customer.at_a_terminal(
        "resolve", "five-zones", "--all", "--as", "abandoned", typing="3\n"
    )
    assert status == 0, shown
    (ref, *_) = re.findall(r"\[(\w{10})\]", shown)
    wrong = customer.run("resolve", "five-zones", ref, "--as", "queued", "--call-id", "abc")
    assert wrong.returncode == 64
    assert "invalid --call-id abc" in wrong.stderr
    assert customer.run("resolve", "five-zones", ref, "--as", "queued", "--call-id", "99").returncode == 0
    states = customer.status("five-zones")["states"]
    assert (states["abandoned"], states["queued"]) == (2, 1)
    nothing = customer.run("resolve", "five-zones", "--all", "--as", "queued")
    assert nothing.stdout == "no call is uncertain: there is nothing to resolve\n"


def test_a_refused_call_has_its_own_count_and_is_sent_again_after_a_retry(customer, start_sandbox):
    refusing = start_sandbox("400*2")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = refusing.base_url
    prepare(customer, 3)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 6
    seen = json.loads(customer.run("plan", "campaign.yaml", "--output", "json").stdout)
    counts = seen["summary"]
    assert (counts["refused"], counts["already_queued"], counts["excluded"]) == (2, 1, 0)
    assert counts["rows"] == 3
    assert {found["reason"] for found in seen["exclusions"]} == {"refused", "already_queued"}
    text = customer.run("plan", "campaign.yaml").stdout
    assert text.startswith("Plan: 0 to call, 1 already queued, 2 refused before")
    assert "runner retry five-zones" in " ".join(text.split())
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 6
    acknowledged = customer.run("acknowledge", "five-zones")
    assert acknowledged.stdout.startswith("2 refused or uncertain calls of five-zones acknowledged")
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert customer.status("five-zones")["unacknowledged"] == 0
    again = customer.run("acknowledge", "campaign.yaml")
    assert again.stdout == "no refused or uncertain call is left to acknowledge\n"
    assert "acknowledge" in customer.run("history", "five-zones").stdout
    neither = customer.run("retry", "five-zones")
    assert neither.returncode == 64

    retried = customer.run("retry", "five-zones", "--all")
    assert retried.returncode == 0, retried.stderr
    assert "2 calls planned again: the apply that planned them sends them if it still runs" in retried.stdout
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert customer.status("five-zones")["states"]["queued"] == 3
    assert len(refusing.calls()) == 3
    nothing = customer.run("retry", "five-zones", "--all")
    assert nothing.stdout == "no call is refused: there is nothing to retry\n"


def test_status_watch_waits_for_the_first_apply(customer):
    prepare(customer, 2)
    watching = customer.start("status", "campaign.yaml", "--watch", "--output", "json")
    assert "waiting for the first apply" in watching.stderr.readline()
    customer.run("apply", "campaign.yaml", "--yes")
    assert json.loads(watching.stdout.readline())["campaign"] == "five-zones"
    end(watching, signal.SIGINT)


def test_history_names_the_person_for_a_person_s_acts_and_the_process_for_a_run_s(customer):
    prepare(customer, 2)
    customer.run("apply", "campaign.yaml", "--yes", "--limit", "1")
    customer.run("pause", "five-zones")
    customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    customer.run("cancel", "five-zones", "--yes")
    moves = customer.run("history", "five-zones").stdout.splitlines()
    (canceled,) = [line for line in moves if "planned → skipped" in line]
    assert re.search(r"\(\S+@[^ )]+\)$", canceled)
    planned = [line for line in moves if "new → planned" in line]
    assert len(planned) == 2
    assert all(re.search(r"new → planned \(\S+ process \d+\)$", line) for line in planned)


def test_resuming_what_is_not_paused_changes_nothing_and_says_so(customer):
    prepare(customer, 2)
    customer.run("apply", "campaign.yaml", "--yes", "--limit", "1")
    resumed = customer.run("resume", "five-zones")
    assert resumed.returncode == 0
    assert resumed.stdout == "five-zones was not paused: nothing was changed\n"
    assert "resume" not in customer.run("history", "five-zones").stdout


def test_an_operator_command_says_when_there_is_nothing_to_act_on(customer):
    for arguments, status, says in (
        (("pause", "nobody"), 1, "no campaign nobody"),
        (("resolve", "nobody", "--as", "queued"), 64, "--all"),
        (("resolve", "nobody", "x", "--as", "perhaps"), 64, "perhaps"),
    ):
        result = customer.run(*arguments)
        assert result.returncode == status
        assert says in result.stderr


def test_the_doctor_finds_nothing_wrong_on_a_sound_machine(customer):
    result = customer.run("doctor")
    assert result.returncode == 0, result.stdout
    assert "problem" not in result.stdout
    assert "its clock and ours" in result.stdout


def test_the_doctor_names_what_is_wrong_and_what_to_do(customer):
    customer.run("doctor")
    (ledger,) = customer.home.rglob("ledger.sqlite3")
    ledger.chmod(0o644)
    customer.environment["RUNNER_INSIGHT_DEVELOPER_KEY"] = ""
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = "http://127.0.0.1:9/api"
    result = customer.run("doctor")
    assert result.returncode == 1
    assert f"chmod 600 {ledger}" in result.stdout
    assert "RUNNER_INSIGHT_DEVELOPER_KEY is not set" in result.stdout
    assert "cannot be reached" in result.stdout
