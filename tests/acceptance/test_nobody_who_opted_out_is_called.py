"""The promise: who is on a suppression list is not called, not even when the list grows while runner runs."""

import re
import signal
import time

import pytest
from shell import end, said, wait_until
from sqlalchemy import NullPool, create_engine

from campaigns import AHEAD, campaign_yaml, contacts_csv

SUPPRESS = """\
  suppress:
    - {type: csv, path: do-not-call.csv, phone: "{{ row.phone }}", key: "{{ row.id }}"}
"""


def prepare(customer, listed):
    text = campaign_yaml(pacing=AHEAD).replace("  region: US\n", f"  region: US\n{SUPPRESS}")
    customer.write("campaign.yaml", text)
    customer.write("contacts.csv", contacts_csv(30))
    customer.write("do-not-call.csv", "phone,id\n" + "".join(f"{line}\n" for line in listed))


def test_by_number_and_by_key(customer, sandbox):
    prepare(customer, ["(212) 555-2000,", ",c-0001"])
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 0, result.stderr
    assert "2 suppressed" in result.stdout
    dialled = {call["phone_number"].split(";")[0] for call in sandbox.calls()}
    assert len(dialled) == 28
    assert dialled.isdisjoint({"tel:+12125552000", "tel:+13125552001"})


INVISIBLE = "\x7f\x01\u034f\ufe0f\u3164\u2800"


def test_however_another_program_writes_their_keys_and_numbers(customer, sandbox):
    """Also at the number of a row whose key is listed, when that number is in another row too."""
    text = campaign_yaml(pacing=AHEAD).replace("  region: US\n", f"  region: US\n{SUPPRESS}")
    customer.write(
        "campaign.yaml", text.replace('key: "{{ row.id }}"}', 'key: "{{ row.id }}", allow_invalid: true}')
    )
    rows = [
        (key, f"212-555-{2000 + n}")
        for n, key in enumerate(["0002", "17", "c-3", "c-4", "c-5", "c-6", "c-7"])
    ]
    # The number of c-3 is in another row as well.
    rows.append(("c-8", "(212) 555 2002"))
    contacts = "".join(f"{key},Ann,{number},EN\n" for key, number in rows)
    customer.write("contacts.csv", f"id,first name,phone,lang\n{contacts}")
    listed = [
        ",2",
        ",00017.0",
        f",C-3{INVISIBLE}",
        "212-555-2003 x5,",
        ",c\u20115",
        "555 (no number),",
        "212-555-2005#,",
    ]
    customer.write("do-not-call.csv", "phone,id\n" + "".join(f"{line}\n" for line in listed))
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 0, result.stderr
    assert [call["phone_number"].split(";")[0] for call in sandbox.calls()] == ["tel:+12125552006"]
    assert "7 suppressed" in result.stdout
    assert "1 row of do-not-call.csv cannot be read" in " ".join((result.stdout + result.stderr).split())


@pytest.mark.parametrize(
    ("list_of_campaign", "content", "code", "advice"),
    [
        ('{type: csv, path: no.csv, key: "row.id"}', "id\nc-0001\n", 3, "{{ row.id }}"),
        (
            "{type: csv, path: no.csv, phone: \"{{ row['212-555-2000'] }}\"}",
            "212-555-2000\n212-555-2001\n",
            3,
            "names the columns",
        ),
    ],
)
def test_a_list_that_would_miss_somebody_stops_the_run(
    customer, sandbox, list_of_campaign, content, code, advice
):
    text = campaign_yaml().replace("  region: US\n", f"  region: US\n  suppress: [{list_of_campaign}]\n")
    customer.write("campaign.yaml", text)
    customer.write("contacts.csv", contacts_csv(3))
    customer.write("no.csv", content)
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == code, result.stderr
    assert advice in result.stderr
    assert sandbox.statuses() == []


def test_who_is_listed_by_key_while_calls_go_out_is_not_called_for_another_row_either(customer, sandbox):
    """The row with the key is not called itself: its number is the duplicate of another's."""
    prepare(customer, [",nobody"])
    same = "".join(f"other-{n},Bob,+1212555{2000 + n},EN\n" for n in range(0, 30, 5))
    customer.write("contacts.csv", contacts_csv(30) + same)
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    replacement = customer.write("new-list.csv", "phone,id\n,OTHER-25\n")
    replacement.replace(customer.folder / "do-not-call.csv")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(sandbox.calls()) == 29
    assert not [call for call in sandbox.calls() if call["phone_number"].startswith("tel:+12125552025")]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_who_is_suppressed_in_the_ledger_by_another_process_is_withdrawn_within_two_seconds(
    customer, sandbox, request, engine
):
    url = f"sqlite:///{customer.home}/ledger.sqlite3"
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else url
    customer.environment |= {"RUNNER_LEDGER_URL": url, "RUNNER_REQUESTS_PER_SECOND": "2"}
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    customer.write("contacts.csv", contacts_csv(200))
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    done = customer.run("suppress", "(212) 555-2195", "C-0196", "--region", "US", "--reason", "asked")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: customer.status("five-zones")["states"]["skipped"] == 2, "two withdrawn calls")
    end(process, signal.SIGINT)
    assert len(sandbox.calls()) < 198
    assert _seconds_until_withdrawn(url) < 2
    history = customer.run("history", "five-zones", "c-0195").stdout
    assert "on the ledger's suppression list since" in history
    assert "2 suppressed" in customer.run("plan", "campaign.yaml").stdout


def _seconds_until_withdrawn(url):
    """From just before the entries were committed."""
    engine = create_engine(url, poolclass=NullPool)
    withdrawn = "SELECT max(at) FROM transitions WHERE after = 'skipped'"
    with engine.connect() as connection:
        added_at = connection.exec_driver_sql("SELECT min(added_at) FROM suppressions").scalar()
        return connection.exec_driver_sql(withdrawn).scalar() - added_at


def test_suppress_says_who_is_queued_already_and_until_when(customer):
    prepare(customer, ["(212) 555-9999,"])
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    done = customer.run("suppress", "c-0001", "--campaign", "campaign.yaml")
    assert done.returncode == 0, done.stderr
    assert "c-0001, taken as a key: suppressed for campaign five-zones" in done.stdout
    assert re.search(r"Insight has the call and may dial c-0001 \[\w+\] until \d{4}-", done.stderr)
    assert "runner cancel five-zones --pending-at-insight" in done.stderr
    by_number = customer.run("suppress", "+12125552000").stderr
    assert "dial c-0000 [" in by_number
    assert "c-0001" not in by_number
    assert "the ledger does not know a contact's other numbers" in by_number
    assert "other numbers" not in done.stderr
    late = customer.status("five-zones")["late_opt_outs"]
    assert [each["contact"] for each in late] == ["c-0000", "c-0001"]
    assert late[0]["reason"].startswith("on the ledger's suppression list since ")


def test_a_saved_plan_holds_when_somebody_of_it_is_suppressed_in_the_ledger(customer, sandbox):
    prepare(customer, [",nobody"])
    customer.run("plan", "campaign.yaml", "-o", "plan.json")
    customer.run("suppress", "c-0003")
    applied = customer.run("apply", "plan.json", "--yes")
    assert applied.returncode == 0, applied.stderr
    assert "1 call is excluded, as suppressed: c-0003" in applied.stderr
    assert len(sandbox.calls()) == 29


def test_an_unreadable_or_empty_list_stops_the_run(customer, sandbox):
    prepare(customer, [])
    empty = customer.run("apply", "campaign.yaml", "--yes")
    assert empty.returncode == 3
    assert "suppression list is empty" in empty.stderr
    (customer.folder / "do-not-call.csv").unlink()
    missing = customer.run("apply", "campaign.yaml", "--yes")
    assert missing.returncode == 1
    assert "do-not-call.csv" in missing.stderr
    assert sandbox.statuses() == []


def test_a_list_that_gets_longer_during_a_run_is_applied(customer, sandbox):
    prepare(customer, [",nobody"])
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    everybody = "".join(f",c-{n:04}\n" for n in range(30))
    replacement = customer.write("new-list.csv", f"phone,id\n{everybody}")
    replacement.replace(customer.folder / "do-not-call.csv")
    sent_when_listed = len(sandbox.calls())
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    # What was on its way when the list changed may still arrive: never more than may be in flight.
    assert len(sandbox.calls()) <= sent_when_listed + 8
    assert "withdrawn: now on a suppression list" in err
    assert customer.status("five-zones")["states"]["skipped"] == 30 - len(sandbox.calls())


def test_a_list_that_cannot_be_read_for_a_while_holds_sending_until_it_can(customer, sandbox):
    prepare(customer, [",nobody"])
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    customer.write("do-not-call.csv", "phone,id\n,nobody\n,c-0029,\n")
    said(process, "sending is on hold until every suppression list can be read: do-not-call.csv:3")
    sent_when_held = len(sandbox.calls())
    (customer.folder / "do-not-call.csv").unlink()
    said(process, "do-not-call.csv: there is no such file")
    assert len(sandbox.calls()) == sent_when_held
    customer.write("do-not-call.csv", "phone,id\n,nobody\n,c-0029\n")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "sending continues" in err
    assert len(sandbox.calls()) == 29
    assert customer.status("five-zones")["states"]["skipped"] == 1


def test_an_apply_that_is_held_by_an_unreadable_list_ends_on_ctrl_c(customer, sandbox):
    prepare(customer, [",nobody"])
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    (customer.folder / "do-not-call.csv").unlink()
    said(process, "sending is on hold")
    end(process, signal.SIGINT)
    assert process.returncode == 130
    states = customer.status("five-zones")["states"]
    assert states["queued"] == len(sandbox.calls()) < 30
    assert states["planned"] == 30 - states["queued"]


def test_someone_suppressed_since_is_withdrawn_with_the_reason(customer, sandbox):
    prepare(customer, [",nobody"])
    text = (customer.folder / "campaign.yaml").read_text().replace(AHEAD, "{}")
    customer.write("campaign.yaml", text)
    assert customer.run("apply", "campaign.yaml", "--yes", "--until-idle").returncode == 0
    customer.write("do-not-call.csv", "phone,id\n,c-0003\n")
    result = customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    assert "1 withdrawn" in result.stdout
    assert re.search(r"withdrawn  suppressed\n +c-\d+ +on do-not-call.csv:2\n", result.stdout)
    assert customer.status("five-zones")["states"]["skipped"] == 1
    assert sandbox.calls() == []


def test_who_opted_out_before_a_run_is_not_called_by_it_when_an_operator_settles_an_older_call(
    customer, sandbox
):
    prepare(customer, [",nobody"])
    sandbox.set_faults("reset-before*1")
    assert customer.run("apply", "campaign.yaml", "--yes", "--limit", "1").returncode == 6
    customer.write("do-not-call.csv", "phone,id\n,c-0000\n")
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "3"
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    assert customer.run("resolve", "five-zones", "c-0000", "--as", "not-queued").returncode == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(sandbox.calls()) == 29
    assert not [call for call in sandbox.calls() if call["phone_number"].startswith("tel:+12125552000")]


def test_apply_and_status_report_at_once_who_opted_out_after_their_call_was_queued(customer):
    """Also where the contact is in no source any more."""
    prepare(customer, ["(212) 555-9999,"])
    customer.run("apply", "campaign.yaml", "--yes")
    assert customer.status("five-zones")["late_opt_outs"] == []
    contacts = (customer.folder / "contacts.csv").read_text().replace("c-0001,", "c-9999,")
    customer.write("contacts.csv", contacts)
    customer.write("do-not-call.csv", "phone,id\n(212) 555-2000,\n,c-0001\n")

    by_name = customer.status("five-zones")
    assert (by_name["late_opt_outs"], by_name["lists_read"]) == ([], False)
    by_file = customer.status("campaign.yaml")
    assert by_file["lists_read"] is True
    late = {each["contact"]: each for each in by_file["late_opt_outs"]}
    assert set(late) == {"c-0000", "c-0001"}
    assert late["c-0001"]["state"] == "queued"
    assert late["c-0001"]["reason"] == "on do-not-call.csv:3"
    assert late["c-0001"]["dialled_until"] > time.time()

    applied = customer.run("apply", "campaign.yaml", "--yes")
    until = r"c-0001 \[\w+\] until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ \(queued, on do-not-call.csv:3\)"
    assert re.search(rf"2 people are suppressed too late.*{until}", applied.stderr)
    assert re.search(until, applied.stdout)
    assert re.search(until, customer.run("status", "five-zones").stdout)
    customer.write("do-not-call.csv", "")
    unread = customer.run("status", "campaign.yaml")
    assert "warning: the suppression lists cannot be read" in unread.stdout
    assert re.search(until, unread.stdout)
