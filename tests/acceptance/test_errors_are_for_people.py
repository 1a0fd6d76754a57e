"""The promise: whatever a user can cause ends in a line that says where, what and what to do."""

import re
import subprocess
from pathlib import Path

import pytest
from shell import RUNNER, wait_until

from campaigns import campaign_yaml, due_at_once
from runner.insight.sandbox.faults import MEANINGS


@pytest.fixture
def ready(customer):
    due_at_once(customer, 3)
    return customer


def fails(person, arguments, *, status, says):
    result = person.run(*arguments)
    assert result.returncode == status, result.stdout + result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    return result.stderr


APPLY = ("apply", "campaign.yaml", "--yes")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "campaign.yaml"),
        ("plan", "campaign.yaml", "--output", "json"),
        ("validate", "campaign.yaml"),
        ("status",),
        ("schema",),
        ("--help",),
        APPLY,
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_and_nobody_is_called(ready, sandbox, arguments):
    result = ready.run(*arguments, stdout=Path("/dev/full"))
    assert result.returncode == 1
    assert result.stderr.endswith("error: the output cannot be written: No space left on device\n")
    assert "Traceback" not in result.stderr
    assert sandbox.calls() == []


def test_without_an_output_everything_is_done_all_the_same(ready, sandbox):
    command = f"{RUNNER} apply campaign.yaml --yes >&-"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ready.folder,
        env=ready.environment,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(sandbox.calls()) == 3


def test_a_run_that_an_error_stops_says_what_is_queued_and_how_to_go_on(ready, sandbox):
    ready.environment |= {"RUNNER_REQUESTS_PER_SECOND": "5", "RUNNER_MAX_IN_FLIGHT": "1"}
    due_at_once(ready, 200)
    process = ready.start(*APPLY)
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    sandbox.set_faults("403")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Insight answered 403" in err
    queued = len(sandbox.calls())
    assert f"Stopped early: {queued} calls are queued at " in out
    assert f"{200 - queued} planned and not sent yet" in out
    assert "To continue: runner apply campaign.yaml" in out


def test_missing_credentials(ready, sandbox):
    del ready.environment["RUNNER_INSIGHT_DEVELOPER_KEY"]
    said = fails(ready, APPLY, status=1, says="RUNNER_INSIGHT_DEVELOPER_KEY is not set")
    assert "--sandbox" in said
    assert sandbox.calls() == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.org/api", "not a valid web address"),
        ("http://insight.example.org/api", "plain http"),
        ("https://me:secret@insight.example.org/api", "holds credentials"),
        ("nonsense", "not a valid web address"),
    ],
)
def test_wrong_base_url(ready, url, says):
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = url
    said = fails(ready, APPLY, status=1, says=says)
    assert "secret" not in said


def test_unreachable_host(ready):
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = "http://127.0.0.1:9/api"
    said = fails(ready, APPLY, status=1, says="cannot be reached at http://127.0.0.1:9/api")
    assert "nothing was queued" in said
    assert ready.run("status", "five-zones").returncode == 1


def test_wrong_credentials_stop_before_anything_is_planned(ready, start_sandbox):
    refusing = start_sandbox("401")
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = refusing.base_url
    fails(ready, APPLY, status=1, says="RUNNER_INSIGHT_USERNAME")


@pytest.mark.parametrize("code", ["403", "409"])
def test_a_breaker_status_stops_the_campaign_and_leaves_every_call_planned(ready, start_sandbox, code):
    refusing = start_sandbox(code)
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = refusing.base_url
    said = fails(ready, APPLY, status=1, says=f"Insight answered {code}")
    assert "hint:" in said
    assert ready.status("five-zones")["states"]["planned"] == 3


def test_refused_calls_show_the_api_s_own_words_and_end_with_status_6(ready, start_sandbox):
    refusing = start_sandbox("400*1")
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = refusing.base_url
    result = ready.run(*APPLY)
    assert result.returncode == 6
    assert "supplied data improperly formatted or invalid" in result.stdout
    assert ready.status("five-zones")["states"]["refused"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("plan", "missing.yaml"), 1, "there is no file missing.yaml"),
        (("apply", "campaign.yaml"), 64, "--yes"),
        (("plan", "campaign.yaml", "--as-of", "yesterday"), 64, "--as-of yesterday"),
        (("plan", "campaign.yaml", "--as-of", "0001-01-01T00:00:00Z"), 64, "years 2000 to 2999"),
        (("plan", "campaign.yaml", "--as-of", "9999-12-31"), 64, "years 2000 to 2999"),
        (("plan", "campaign.yaml", "--output", "paper"), 64, "paper"),
        (("plan", "campaign.yaml", "--limit", "0"), 64, "--limit"),
        (("dance",), 64, "dance"),
        (("plan",), 64, "CAMPAIGN"),
        (("status", "nobody"), 1, "nobody"),
        (("sandbox", "--fault", "sneeze"), 64, "reset-after: queues the call and resets the connection"),
    ],
)
def test_wrong_usage(ready, arguments, status, says):
    fails(ready, arguments, status=status, says=says)


def test_the_help_of_the_sandbox_explains_every_fault(person):
    said = " ".join(person.run("sandbox", "--help").stdout.split())
    for kind, meaning in MEANINGS.items():
        assert f"{kind} {meaning}" in said


def test_a_name_with_a_line_break_gives_no_command_to_github(ready):
    name = "a\n  ::set-output name=x::y.yaml"
    ready.write(name, "").write_bytes(b"\xff")
    for text in (ready.run("validate", name), ready.run("plan", name), ready.run("apply", name, "--yes")):
        assert text.returncode == 1
        assert not re.search(r"(?m)^\s*::", text.stdout + text.stderr)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNNER_REQUESTS_PER_SECOND", "fast"),
        ("RUNNER_MAX_IN_FLIGHT", "0"),
        ("RUNNER_ACCEPT", "yaml"),
        ("RUNNER_LEDGER_URL", "nonsense"),
        ("RUNNER_LEDGER_URL", "mysql://here/there"),
        ("RUNNER_LEDGER_URL", "sqlite:////proc/ledger.sqlite3"),
        ("RUNNER_ENV_FILE", "/nowhere/.env"),
        ("RUNNER_PRIVACY_KEY", "short"),
    ],
)
def test_wrong_settings(ready, name, value):
    ready.environment[name] = value
    fails(ready, ("plan", "campaign.yaml"), status=1, says="error: ")


def test_an_invalid_campaign_shows_every_error_with_its_place(person):
    person.write(
        "campaign.yaml", campaign_yaml(name="Five Zones").replace("max_attempts: 3", "max_attempts: 11")
    )
    result = person.run("validate", "campaign.yaml")
    assert result.returncode == 3
    assert "campaign.yaml:2:7: error[" in result.stdout
    assert "campaign.yaml:10:30: error[out_of_range]" in result.stdout
    planned = person.run("plan", "campaign.yaml")
    assert planned.returncode == 3
    assert "campaign.yaml:2:7: error[" in planned.stderr


def test_an_unreadable_source_stops_everything(ready):
    (ready.folder / "contacts.csv").unlink()
    fails(ready, APPLY, status=1, says="contacts.csv: there is no such file")


def test_a_wrong_column_is_named_once_where_the_campaign_file_writes_it(ready):
    campaign = ready.folder / "campaign.yaml"
    right = campaign.read_text()
    campaign.write_text(right.replace("{{ row.phone }}", "{{ row.fone }}"))
    says = "campaign.yaml:6:10: error[template_fails]: the templates fail for every contact; the first, "
    said = fails(ready, ("plan", "campaign.yaml"), status=3, says=says)
    assert said.count("there is no column `fone`; did you mean `phone`?") == 1
    ready.write("no.csv", "number\n6175550100\n6175550101\n")
    suppress = '  suppress: [{type: csv, path: no.csv, phone: "{{ row.numbr }}"}]\ncalling_windows'
    campaign.write_text(right.replace("calling_windows", suppress))
    says = "campaign.yaml:9:47: error[template_fails]: this template fails for every row of no.csv"
    said = fails(ready, ("plan", "campaign.yaml"), status=3, says=says)
    assert said.count("there is no column `numbr`; did you mean `number`?") == 1
    assert "allow_invalid" not in said


def test_a_ragged_row_is_named_by_its_line(ready):
    with (ready.folder / "contacts.csv").open("a") as file:
        file.write("x,y\n")
    fails(
        ready, ("plan", "campaign.yaml"), status=3, says="contacts.csv:5: it has 2 fields, the header has 4"
    )
