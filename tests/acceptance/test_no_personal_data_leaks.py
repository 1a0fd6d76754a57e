"""The promise: people's data and secrets stay out of outputs, logs, errors and other people's reach."""

import stat

import pytest

from campaigns import AHEAD, campaign_yaml

NAME = "Canarina Featherstone"
NUMBER = "2125552468"
KEY = "developer-key-of-the-test"
CONTACTS = f"id,first name,phone,lang\n{NUMBER},{NAME},{NUMBER},EN\n"


def assert_silent(*texts: str) -> None:
    for text in texts:
        for canary in (NAME, NAME.split()[1].upper(), NUMBER, NUMBER[3:], KEY):
            assert canary not in text


@pytest.fixture
def ready(customer):
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    customer.write("contacts.csv", CONTACTS)
    # The most that a log can hold.
    customer.environment["RUNNER_LOG_LEVEL"] = "debug"
    return customer


def test_no_output_of_a_run_holds_a_number_a_name_or_the_key(ready, sandbox):
    for arguments in (
        ("validate", "campaign.yaml"),
        ("plan", "campaign.yaml"),
        ("plan", "campaign.yaml", "--output", "json"),
        ("apply", "campaign.yaml", "--yes"),
        ("apply", "campaign.yaml", "--yes"),
        ("status", "five-zones"),
        ("status", "--output", "json"),
        ("apply", "campaign.yaml", "--sandbox", "--yes"),
    ):
        result = ready.run(*arguments)
        assert result.returncode == 0, result.stderr
        assert_silent(result.stdout, result.stderr)
    assert [call["metadata"]["first_name"] for call in sandbox.calls()] == [NAME]


FORMS = ("text", "json", "markdown", "html", "github")
SECOND_NAME = "Belladonna Quarrington"
PEOPLE = f"""\
id,first name,phone,lang
{NUMBER},{NAME},{NUMBER},EN
{NUMBER}1,{NAME},{NUMBER},EN
{NAME},{NAME},2125552469,EN
{NAME}-bad,{NAME},{NUMBER}{NUMBER},EN
stopped-{NUMBER},{NAME},2125552470,EN
filtered,{NAME},2125552471,no
moves,{NAME},2125552472,EN
goes,{NAME},2125552473,EN
"""


def _lifetime(person, sandbox):
    """Every command in every form, through a failed, a stale and an uncertain run; yields what each said."""

    def run(*arguments):
        person.environment["GITHUB_STEP_SUMMARY"] = str(person.folder / "summary.md")
        result = person.run(*arguments)
        return result.stdout + result.stderr

    yield run("validate", "campaign.yaml", "--output", "github")
    for form in FORMS:
        yield run("plan", "campaign.yaml", "-o", "plan.json", "--output", form)
    sandbox.set_faults("401*9")
    yield run("apply", "plan.json", "--yes")
    person.write(
        "contacts.csv", PEOPLE.replace(f"moves,{NAME}", f"moves,{SECOND_NAME}").replace("goes,", "new,")
    )
    stale = run("apply", "plan.json", "--yes")
    assert "no longer holds" in stale
    yield stale
    yield run("plan", "campaign.yaml", "-o", "plan.json")
    for form in FORMS:
        yield run("show", "plan.json", "--output", form)
    for row in range(2, 10):
        yield run("plan", "campaign.yaml", "--explain", f"contacts.csv:{row}")
    sandbox.set_faults("reset-after*1")
    yield run("apply", "plan.json", "--yes")
    yield run("apply", "plan.json", "--yes", "--events", "-")
    yield run("plan", "campaign.yaml", "--explain", NUMBER)
    yield run("resolve", "five-zones", "--all", "--as", "queued", "--yes")
    for command in ("status", "history", "pause", "resume"):
        yield run(command, "five-zones")
    yield run("status", "--output", "json")
    yield run("history", "five-zones", "--output", "json")
    yield run("doctor")
    person.write("campaign.yaml", campaign_yaml().replace("row.lang ==", "row.language =="))
    yield run("plan", "campaign.yaml")
    person.write("contacts.csv", f"{PEOPLE}{NUMBER},{NAME}\n")
    yield run("plan", "campaign.yaml")


def test_nothing_that_a_campaign_leaves_behind_reveals_who_was_called(ready, sandbox):
    more = """\
  where: "{{ row.lang != 'no' }}"
  suppress: [{type: csv, path: stop.csv, phone: "{{ row.number }}"}]
calling_windows:"""
    ready.write("campaign.yaml", campaign_yaml(pacing=AHEAD).replace("calling_windows:", more))
    ready.write("contacts.csv", PEOPLE)
    ready.write("stop.csv", "number,name\n2125552470,{NAME}\n")
    canaries = (NAME, *NAME.split(), *SECOND_NAME.split(), KEY)
    canaries += tuple(f"25552{last}" for last in (468, 469, 470, 471, 472, 473))
    said = list(_lifetime(ready, sandbox))
    assert {call["metadata"]["first_name"] for call in sandbox.calls()} == {NAME, SECOND_NAME}
    inputs = {"campaign.yaml", "contacts.csv", "stop.csv"}
    left = [path for path in ready.folder.rglob("*") if path.is_file() and path.name not in inputs]
    left += [path for path in ready.home.rglob("*") if path.is_file() and "ledger.sqlite3" not in path.name]
    assert {"plan.json", "summary.md"} <= {path.name for path in left}
    for text in (*said, *(path.read_text() for path in left)):
        for canary in canaries:
            assert canary.lower() not in text.lower()


def test_show_contacts_shows_what_is_sent(ready):
    result = ready.run("plan", "campaign.yaml", "--show-contacts")
    assert NUMBER in result.stdout
    assert NAME in result.stdout


@pytest.mark.parametrize(
    "row", [f"{NUMBER},{NAME},{NUMBER}99,EN", f"{NUMBER},{NAME}", f"{NUMBER},{NAME},{NUMBER} or {NUMBER},EN"]
)
def test_complaints_about_a_row_do_not_quote_it(ready, row):
    ready.write("contacts.csv", f"id,first name,phone,lang\nok,Bob,2125552001,EN\n{row}\n")
    result = ready.run("plan", "campaign.yaml")
    assert_silent(result.stdout.replace("Bob", ""), result.stderr)
    assert "contacts.csv:3" in result.stdout + result.stderr


def test_template_errors_do_not_quote_values(ready):
    ready.write("contacts.csv", CONTACTS + "two,Bob,2125552001,EN\n")
    ready.write(
        "campaign.yaml",
        campaign_yaml(pacing=AHEAD).replace(
            "| title", "| int" if False else "+ 1 if row.lang == 'EN' else 2"
        ),
    )
    result = ready.run("plan", "campaign.yaml")
    assert_silent(result.stdout, result.stderr)
    assert "metadata.first_name" in result.stdout + result.stderr


def test_an_uncertain_answer_that_echoes_data_stays_in_the_ledger(ready, start_sandbox):
    faulty = start_sandbox("reset-after*1")
    ready.environment["RUNNER_INSIGHT_BASE_URL"] = faulty.base_url
    result = ready.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 6
    status = ready.run("status", "five-zones")
    assert_silent(result.stdout, result.stderr, status.stdout)


def test_the_ledger_is_for_its_owner_alone(ready):
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
    files = [path for path in ready.home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        if "ledger" in path.name:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_environment_file_of_the_work_tree_is_not_read(ready):
    ready.write(".env", "RUNNER_INSIGHT_BASE_URL=https://evil.example.org/api\n")
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0


def test_a_source_outside_the_campaign_s_folder_is_refused(ready):
    (ready.home / "secret.csv").write_text(CONTACTS)
    ready.write("campaign.yaml", campaign_yaml().replace("path: contacts.csv", "path: ../home/secret.csv"))
    result = ready.run("plan", "campaign.yaml")
    assert result.returncode == 1
    assert_silent(result.stderr)


def test_credentials_may_come_from_a_file_of_the_user(ready):
    for name in ("USERNAME", "DEVELOPER_KEY"):
        del ready.environment[f"RUNNER_INSIGHT_{name}"]
    path = ready.home / "insight.env"
    path.write_text(f"RUNNER_INSIGHT_USERNAME=me@example.org\nRUNNER_INSIGHT_DEVELOPER_KEY={KEY}\n")
    ready.environment["RUNNER_ENV_FILE"] = str(path)
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0


def test_credentials_may_come_from_a_secrets_folder(ready):
    folder = ready.home / "secrets"
    folder.mkdir()
    for name in ("USERNAME", "DEVELOPER_KEY"):
        (folder / f"runner_insight_{name.lower()}").write_text(
            ready.environment.pop(f"RUNNER_INSIGHT_{name}")
        )
    ready.environment["RUNNER_SECRETS_DIR"] = str(folder)
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
