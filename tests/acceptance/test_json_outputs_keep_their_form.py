"""What commands print as JSON has the keys that `schemas/outputs` describes, and no others."""

import json

from json_forms import check_form

from campaigns import due_at_once


def test_each_json_output_of_a_campaign_has_the_keys_of_its_form(customer, sandbox):
    due_at_once(customer, 4)
    sandbox.set_faults("400*1", "reset-after*1")
    customer.run("apply", "campaign.yaml", "--yes")
    customer.run("pause", "five-zones")

    def printed(*arguments):
        return json.loads(customer.run(*arguments, "--output", "json").stdout)

    check_form("history", printed("history", "five-zones"), printed("history", "five-zones", "c-0001"))
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
