"""The promise: a person can pause, resume, cancel, resolve and look back, from another terminal."""

import re

from shell import wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv


def prepare(customer, count=200):
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    customer.write("contacts.csv", contacts_csv(count))


def said(process, words):
    """Reads the log up to the line that holds `words`; what comes later stays to be read."""
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")


def test_pause_and_resume_take_effect_on_a_running_apply(customer, sandbox):
    prepare(customer)
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")

    assert customer.run("pause", "campaign.yaml").returncode == 0
    said(process, "paused by an operator")
    states = customer.status("five-zones")["states"]
    assert states["sending"] == 0
    assert states["queued"] == len(sandbox.calls())
    paused_at = len(sandbox.calls())

    assert customer.run("resume", "five-zones").returncode == 0
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
    assert customer.status("five-zones")["standing"] == "active"
    assert "PAUSED" not in customer.run("plan", "campaign.yaml").stdout
    since = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ by \S+@\S+: nothing is"
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
    assert seen["standing"] == "paused"
    assert "@" in seen["standing_by"]
    assert seen["standing_since"] > 0
    customer.run("cancel", "five-zones", "--yes")
    for command in (("status",), ("plan", "campaign.yaml")):
        assert re.search(f"CANCELED {since} ever sent again", customer.run(*command).stdout)
    said = customer.run("apply", "campaign.yaml", "--yes").stderr
    assert re.search(r"canceled, which is final \(by \S+@\S+, \d{4}-\d\d-\d\d \d\d:\d\d UTC\)", said)


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
    faulty = start_sandbox("--fault", "reset-before*3")
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
    settled = customer.run("resolve", "five-zones", three, "--as", "queued")
    assert settled.returncode == 1
    assert "this call is abandoned, not uncertain" in settled.stderr

    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    states = customer.status("five-zones")["states"]
    assert (states["queued"], states["abandoned"], states["uncertain"]) == (5, 1, 0)
    history = customer.run("history", "five-zones", one).stdout
    assert re.search(r"uncertain → planned: resolved as not-queued by \S+@", history)
    assert "sending → queued" in history


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


def test_operators_are_told_when_there_is_nothing_to_act_on(customer):
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
