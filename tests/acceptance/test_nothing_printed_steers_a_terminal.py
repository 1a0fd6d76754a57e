"""The promise: no file, list, plan or answer can steer the terminal or the page that shows it."""

import json
import re
import subprocess

import pytest

from campaigns import AHEAD, campaign_yaml, contacts_csv
from runner.characters import visible

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202etxt\u2066\u200b"
"""ESC, OSC, CSI in both forms, and characters that turn the direction of text or cannot be seen."""
IN_YAML = r"\e]0;owned\a\x9b2J\u202etxt\u2066\u200b"
IN_A_NAME = f"{HOSTILE}\n::error::owned"


def is_clean(text):
    return visible(text) == text and not re.search(r"(?m)^\s*::(?!(error|warning) file=)", text)


def assert_clean(result):
    assert is_clean(result.stdout), ascii(result.stdout)
    assert is_clean(result.stderr), ascii(result.stderr)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "{}"),
        ("validate", "{}", "--output", "json"),
        ("validate", "{}", "--output", "github"),
        ("validate", "{}", "--output", "sarif"),
        ("plan", "{}"),
        ("apply", "{}", "--yes"),
        ("status", "{}"),
        ("show", "{}"),
        ("resolve", "a", "--file", "{}", "--as", "queued"),
    ],
    ids=" ".join,
)
def test_a_name_on_the_command_line_is_shown_without_what_steers(person, command):
    person.write(f"{HOSTILE}.json", "{}")
    person.write("folder/x", "")
    (person.folder / f"{HOSTILE}.yaml").symlink_to("folder")
    for name in (f"{IN_A_NAME}.yaml", f"{HOSTILE}.json", f"{HOSTILE}.yaml"):
        result = person.run(*(part.format(name) for part in command))
        assert result.returncode != 0
        assert_clean(result)


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        ("plan", f"--{HOSTILE}"),
        ("plan", "a", "--as-of", HOSTILE),
        ("sandbox", "--fault", HOSTILE),
    ],
    ids=["command", "option", "instant", "fault"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_wrong_usage_is_shown_without_what_steers(person, arguments, encoding):
    person.environment["PYTHONIOENCODING"] = encoding
    # Python reads this variable when it starts.
    process = person.start(*arguments)
    output = process.communicate()
    assert process.returncode == 64
    assert_clean(subprocess.CompletedProcess(arguments, 64, *output))


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "campaign.yaml"),
        ("validate", "campaign.yaml", "--output", "json"),
        ("validate", "campaign.yaml", "--output", "github"),
        ("plan", "campaign.yaml"),
    ],
    ids=" ".join,
)
def test_a_campaign_file_is_shown_without_what_steers(person, command):
    person.write("contacts.csv", contacts_csv(2))
    good = campaign_yaml(pacing=AHEAD)
    for text in (
        good.replace("region: US", f'region: "{IN_YAML}"'),
        good.replace("path: contacts.csv", f'path: "{IN_YAML}.csv"'),
        f'{good}"{IN_YAML}": 1\n',
        f'{good}description: "{IN_YAML}"\nsilence: {{on_the_hour: "{IN_YAML}"}}\n',
        f"{good}  ::error::owned\n",
        f"{good}\x1b[2J\n",
        f"{good}nonsense: \u202eowned\u2066\n",
    ):
        person.write("campaign.yaml", text)
        assert_clean(person.run(*command))


def test_a_source_is_shown_without_what_steers(person):
    person.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    for text in (
        f"id,first name,phone{HOSTILE},lang\n1,a,2125552000,EN\n",
        f"id,first name,phone,lang\n{HOSTILE},a,{HOSTILE},EN\n",
        f'id,first name,phone,lang\n1,{HOSTILE},"2\n',
        f"{HOSTILE}\n",
    ):
        person.write("contacts.csv", text)
        assert_clean(person.run("plan", "campaign.yaml", "--show-contacts"))


def test_json_holds_such_characters_as_escapes(person):
    name = "a\x9b2J\u202etxt\u200b.csv"
    good = campaign_yaml(pacing=AHEAD)
    person.write("campaign.yaml", good.replace("path: contacts.csv", r'path: "a\x9b2J\u202etxt\u200b.csv"'))
    person.write(name, contacts_csv(2) + "c-9,Ann,nonsense,EN\n")
    for command in (("plan", "campaign.yaml", "-o", "plan.json"), ("show", "plan.json")):
        result = person.run(*command, "--output", "json")
        assert result.returncode == 0, result.stderr
        assert_clean(result)
        assert json.loads(result.stdout)["exclusions"][0]["source"] == name
    assert is_clean((person.folder / "plan.json").read_text())
    for form in ("text", "html", "markdown", "github"):
        assert_clean(person.run("show", "plan.json", "--output", form))


def test_at_a_terminal_only_styles_steer(person):
    good = campaign_yaml(pacing=AHEAD)
    person.write("campaign.yaml", good.replace("path: contacts.csv", r'path: "a\u202eb.csv"'))
    person.write("a\u202eb.csv", contacts_csv(2) + "c-9,Ann,nonsense,EN\n")
    status, shown = person.at_a_terminal("plan", "campaign.yaml", columns=200)
    assert status == 0
    assert is_clean(shown), ascii(shown)
    assert "a\ufffdb.csv:4" in shown
