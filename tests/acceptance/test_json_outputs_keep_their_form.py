"""What commands print as JSON has the keys that `schemas/outputs` describes, and no others."""

import json

from json_forms import check_form

from campaigns import AHEAD, campaign_yaml, contacts_csv, due_at_once

RULES_AND_VARIABLES = """\
rules: [us-federal, us-states]
vars: {wave: "1"}
silence: {on_the_hour: "agreed"}
"""


def test_each_json_output_of_a_campaign_has_the_keys_of_its_form(customer, sandbox):
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD, more=RULES_AND_VARIABLES))
    customer.write("contacts.csv", f"{contacts_csv(5)}no-number,Ann,12,EN\n")
    customer.write("imported.csv", "key\nc-0004\n")
    sandbox.set_faults("400*1", "reset-after*1")

    def printed(*arguments):
        return json.loads(customer.run(*arguments, "--output", "json").stdout)

    check_form("validate", printed("validate", "campaign.yaml"))
    check_form("plan", printed("plan", "campaign.yaml", "--var", "wave=2"))
    customer.run("plan", "campaign.yaml", "-o", "plan.json")
    check_form("plan", json.loads((customer.folder / "plan.json").read_text()))
    assert customer.run("apply", "campaign.yaml", "--yes", "--limit", "4").returncode == 6
    customer.run("pause", "five-zones")
    customer.run("import", "campaign.yaml", "imported.csv")
    customer.run("suppress", "c-0002", "c-0003", "--key", "--reason", "asked to stop")
    check_form("plan", printed("plan", "campaign.yaml"))
    check_form("status", printed("status", "campaign.yaml"), *printed("status"))
    check_form("refresh", printed("refresh", "five-zones"), *printed("refresh"))
    check_form("history", printed("history", "five-zones"), printed("history", "five-zones", "c-0001"))
    check_form("report", printed("report", "five-zones"))
    check_form("export-calls", printed("export", "five-zones"))
    check_form("export-contacts", printed("export", "five-zones", "--by", "contact"))
    check_form("suppressions", printed("suppress", "--list"))
    check_form("rules", printed("rules"), printed("rules", "us-fl"))
    check_form("doctor", printed("doctor"))


def test_the_history_as_json_has_every_change_with_its_reason_and_who_made_it(customer, sandbox):
    due_at_once(customer, 2)
    contacts = customer.folder / "contacts.csv"
    contacts.write_text(contacts.read_text().replace("c-0001", "12125550142"))
    sandbox.set_faults("400*1")
    customer.run("apply", "campaign.yaml", "--yes")
    customer.run("pause", "five-zones")
    masked = json.loads(customer.run("history", "five-zones", "--output", "json").stdout)["entries"]
    shown = customer.run("history", "five-zones", "--output", "json", "--show-contacts").stdout
    changes = [(each["before"], each["after"]) for each in masked if each["kind"] == "change"]
    assert sorted(changes, key=str) == [
        *[("planned", "sending")] * 2,
        *[("sending", "queued"), ("sending", "refused")],
        *[(None, "planned")] * 2,
    ]
    (refused,) = (each for each in masked if each["after"] == "refused")
    assert refused["reason_code"] == "refused"
    assert refused["reason_values"]["error"] == refused["reason"]
    assert [each["act"] for each in masked if each["kind"] == "act"] == ["pause"]
    assert all(each["by"] for each in masked)
    assert "12125550142" not in json.dumps(masked)
    assert "12125550142" in {each["contact"] for each in json.loads(shown)["entries"]}
