"""What `validate` says of the places of sources, of contacts, and of the files of a folder."""

import json

import pytest

from runner.cli import run

CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - {type: csv, path: contacts.csv}
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
  suppress:
    - {type: csv, path: stop.csv, phone: "{{ row.phone }}"}
calling_windows:
  weekly: {mon-fri: "9:15-17:45"}
caller_id: "+16175550100"
"""
ANOTHER = CAMPAIGN.replace("followup", "b").replace('"3"', '"4"')
OUTPUTS = ["text", "json", "github", "sarif"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    monkeypatch.delenv("RUNNER_DATA_ROOTS", raising=False)
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "contacts.csv").write_text("id,phone\n1,617-555-0111\n2,617-555-0112\n")
    (folder / "stop.csv").write_text("phone\n617-555-0199\n")
    (tmp_path / "elsewhere.csv").write_text("id,phone\n1,617-555-0111\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def validate(folder, capsys):
    def validate(*arguments, text=CAMPAIGN):
        (folder / "campaign.yaml").write_text(text)
        status = run(["validate", *(arguments or ("campaign.yaml",))])
        return status, capsys.readouterr().out

    return validate


def findings(validate, *more, text=CAMPAIGN):
    found = json.loads(validate("campaign.yaml", "--output", "json", *more, text=text)[1])
    return [(each["severity"], each["code"], each["line"]) for each in found["diagnostics"]]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_source_outside_the_allowed_folders_is_an_error_in_every_form(validate, output):
    outside = CAMPAIGN.replace("contacts.csv", "../elsewhere.csv")
    status, out = validate("campaign.yaml", "--output", output, text=outside)
    assert status == 3
    assert "is outside the campaign's folder" in out


@pytest.mark.parametrize(
    "path", ["../elsewhere.csv", "/etc/hostname", "../no-such-file.csv", ".hidden.csv", "link.csv", "."]
)
def test_a_source_that_may_not_be_read_is_an_error_at_its_path(validate, folder, path):
    (folder / "link.csv").symlink_to("../elsewhere.csv")
    text = CAMPAIGN.replace("path: contacts.csv", f"path: {path}")
    assert findings(validate, text=text) == [("error", "bad_source", 6)]


def test_a_list_outside_the_allowed_folders_is_an_error_too(validate):
    text = CAMPAIGN.replace("stop.csv", "../elsewhere.csv")
    assert findings(validate, text=text) == [("error", "bad_source", 11)]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_source_that_does_not_exist_is_a_warning_in_every_form(validate, folder, output):
    (folder / "contacts.csv").unlink()
    status, out = validate("campaign.yaml", "--output", output)
    assert status == 0
    assert "contacts.csv: there is no such file" in out


def test_a_missing_source_may_be_silenced_for_files_that_only_the_server_has(validate, folder):
    (folder / "contacts.csv").unlink()
    text = CAMPAIGN + "silence: {missing_source: exported at night on the server}\n"
    assert findings(validate, text=text) == []


def test_a_data_root_allows_a_source_outside_the_work_tree(validate, folder, monkeypatch):
    monkeypatch.setenv("RUNNER_DATA_ROOTS", str(folder.parent))
    assert findings(validate, text=CAMPAIGN.replace("contacts.csv", "../elsewhere.csv")) == []
    assert findings(validate, text=CAMPAIGN.replace("contacts.csv", "../missing.csv")) == [
        ("warning", "missing_source", 6)
    ]


# --contacts


def test_contacts_are_read_only_where_asked_to(validate, folder):
    (folder / "contacts.csv").write_text("id,phone\n1\n")
    assert validate()[0] == 0
    status, out = validate("campaign.yaml", "--contacts")
    assert status == 3
    assert "contacts.csv:2: it has 1 field" in out


def test_all_broken_sources_and_lists_are_errors_of_one_run(validate, folder):
    for name in ("contacts.csv", "stop.csv"):
        (folder / name).write_text("id,phone\n1\n")
    assert findings(validate, "--contacts") == [("error", "bad_source", 6), ("error", "bad_source", 11)]


def test_rows_that_cannot_be_called_are_counted_and_the_first_is_named(validate, folder):
    (folder / "contacts.csv").write_text("id,phone\n1,617-555-0111\n2,none\n3,none\n")
    _, out = validate("campaign.yaml", "--contacts")
    assert "warning[faulty_rows]: 2 of 3 rows cannot be called: 2 invalid_phone" in out
    assert "the first is contacts.csv:3" in out
    assert findings(validate, "--contacts") == [("warning", "faulty_rows", 6)]


@pytest.mark.parametrize(
    ("broken", "code"),
    [("row.fone", "template_fails"), ("row.phone", None)],
    ids=["no such column", "as it should be"],
)
def test_a_template_that_fails_for_every_row_is_an_error_of_the_file(validate, broken, code):
    text = CAMPAIGN + f'metadata: {{a: "{{{{ {broken} }}}}"}}\n'
    errors = [found for found in findings(validate, "--contacts", text=text) if found[0] == "error"]
    assert [found for _, found, _ in errors] == ([code] if code else [])


def test_an_empty_list_is_an_error_and_an_empty_source_a_warning(validate, folder):
    (folder / "contacts.csv").write_text("id,phone\n")
    assert findings(validate, "--contacts") == [("warning", "empty_source", 6)]
    (folder / "stop.csv").write_text("phone\n")
    assert findings(validate, "--contacts") == [("error", "bad_source", 11)]


def test_nothing_is_written_into_the_ledger_or_its_folder(validate, folder):
    validate("campaign.yaml", "--contacts")
    assert not (folder.parent / "ledger.sqlite3").exists()


# Folders


def test_each_file_of_a_folder_gets_a_line(validate, folder):
    (folder / "a.yaml").write_text(CAMPAIGN.replace("followup", "a").replace("9:15", "25:15"))
    (folder / "b.yaml").write_text(ANOTHER.replace("9:15", "9:00"))
    status, out = validate(".")
    assert status == 3
    assert out.splitlines()[-4:] == [
        "a.yaml: 1 error",
        "b.yaml: valid, 1 warning",
        "campaign.yaml: valid",
        "1 error in 1 of 3 campaign files",
    ]


def test_two_files_with_one_name_are_warned_of(validate, folder):
    (folder / "copy.yaml").write_text(CAMPAIGN)
    status, out = validate(".")
    assert status == 0
    assert "copy.yaml:2:7: warning[same_name]: campaign.yaml has the same name" in out


def test_two_files_with_one_survey_instance_give_a_warning(validate, folder):
    (folder / "wave-2.yaml").write_text(ANOTHER.replace('"4"', '"3"'))
    status, out = validate(".")
    assert status == 0
    assert "wave-2.yaml:3:43: warning[same_instance]: campaign.yaml uses the same survey instance" in out


def test_numbers_that_two_files_call_are_counted_where_contacts_are_read(validate, folder):
    (folder / "more.csv").write_text("id,phone\nx,617-555-0112\ny,617-555-0199\nz,617-555-0113\n")
    (folder / "wave-2.yaml").write_text(ANOTHER.replace("contacts.csv", "more.csv"))
    words = "1 number is called by this campaign and by campaign.yaml"
    status, out = validate(".", "--contacts")
    assert status == 0
    assert f"wave-2.yaml:6:5: warning[shared_contacts]: {words}" in out
    assert "shared_contacts" not in validate(".")[1]


def test_what_two_files_share_is_not_warned_of_where_a_reason_is_given(validate, folder):
    reasons = 'silence: {same_instance: "one survey", shared_contacts: "a panel", same_name: "a test"}\n'
    (folder / "wave-2.yaml").write_text(CAMPAIGN + reasons)
    out = validate(".", "--contacts")[1]
    assert (
        "3 warnings suppressed: same_instance (one survey), same_name (a test), shared_contacts (a panel)"
        in out
    )
    assert "warning[" not in out


def test_a_file_that_is_named_twice_is_checked_once(validate):
    status, out = validate("campaign.yaml", ".")
    assert (status, out) == (0, "1 campaign file: valid\n")


def test_plan_of_a_folder_writes_a_line_for_each_campaign(folder, capsys):
    (folder / "a.yaml").write_text(CAMPAIGN.replace("followup", "a").replace("9:15", "9:00"))
    (folder / "b.yaml").write_text(CAMPAIGN.replace("followup", "b").replace("contacts.csv", "missing.csv"))
    (folder / "c.yaml").write_text("version: 1\n")
    (folder / "empty.csv").write_text("id,phone\n")
    (folder / "d.yaml").write_text(CAMPAIGN.replace("followup", "d").replace("contacts.csv", "empty.csv"))
    assert run(["plan", "."]) == 3
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert first == "a.yaml: a: 2 to call, 1 warning"
    assert second == "b.yaml: error: missing.csv: there is no such file"
    assert third.startswith("c.yaml: error: ")
    assert fourth == "d.yaml: d: 0 to call, 1 warning, apply will refuse it"


def test_plan_of_a_folder_reports_pending_changes_by_its_exit_status(folder, capsys):
    (folder / "a.yaml").write_text(CAMPAIGN)
    assert run(["plan", ".", "--detailed-exitcode"]) == 2
    assert run(["plan", "."]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("more", [["-o", "plan.json"], ["--output", "json"], ["--explain", "1"]])
def test_plan_of_a_folder_takes_no_option_of_a_single_plan(folder, capsys, more):
    (folder / "a.yaml").write_text(CAMPAIGN)
    assert run(["plan", ".", *more]) == 64
    assert "name one campaign file" in capsys.readouterr().err
