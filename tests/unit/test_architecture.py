"""The boundaries between packages, as [tool.importlinter] in pyproject.toml draws them."""

import ast
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# A command must not pay for what it does not use. Timings differ from machine to machine; imports do not.
WEB = {"apscheduler", "httpx", "starlette", "uvicorn"}
NEEDED_BY_NO_USUAL_COMMAND = {"alembic", "holidays.countries", "holidays.financial", "psycopg"}
DATABASE = {"sqlalchemy", "sqlite3"}
FORMS = {"runner.reports.plan_html", "runner.reports.plan_markdown", "runner.reports.sarif"}
SAVED_PLANS = {"runner.reports.saved_plan_json"}
LIBRARIES = {"holidays", "jinja2", "phonenumbers", "pydantic", "rich", "ruamel.yaml"}
EXPLANATIONS = {"runner.commands.explain", "runner.planning.explanation"}


def test_every_import_follows_the_contracts():
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def modules_of_the_contracts():
    """import-linter accepts the name of a module that does not exist, and checks nothing."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        for key in ("containers", "source_modules", "forbidden_modules", "modules"):
            yield from contract.get(key, ())
        for allowed in contract.get("ignore_imports", ()):
            yield from (name.removesuffix(".**") for name in allowed.split(" -> "))
        for layer in contract.get("layers", ()):
            yield from (f"runner.{name}" for name in layer.split(" | "))


def modules_of_this_file():
    return WEB | NEEDED_BY_NO_USUAL_COMMAND | DATABASE | FORMS | SAVED_PLANS | LIBRARIES | EXPLANATIONS


@pytest.mark.parametrize("name", sorted({*modules_of_the_contracts(), *modules_of_this_file()}))
def test_a_module_that_a_rule_names_exists(name):
    assert find_spec(name) is not None


def test_no_service_prints_prompts_or_starts_an_event_loop():
    """The rest of what a service must not do is forbidden as an import."""
    found = [
        f"{path.name}: {called}"
        for path in (ROOT / "runner/services").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (called := ast.unparse(node.func)) in {"print", "input", "asyncio.run"}
    ]
    assert found == []


def imported_by(*commands, folder, status=0):
    """The names of all modules in memory after `runner ARGUMENTS` of each, which must end with `status`."""
    script = (
        "import sys, runner.cli\n"
        f"statuses = {{runner.cli.run(arguments) for arguments in {commands!r}}}\n"
        "sys.stderr.write(chr(10).join(['', *sys.modules]))\n"
        f"sys.exit({status} if statuses == {{{status}}} else 99)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"HOME": str(folder), "RUNNER_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite3'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return set(done.stderr.split())


@pytest.fixture
def hospitals(tmp_path):
    """A usual campaign, with the holidays of a country, and three rows."""
    campaigns = ROOT / "campaigns"
    (tmp_path / "campaign.yaml").write_text((campaigns / "hospital-survey.yaml").read_text())
    rows = (campaigns / "us-hospitals.csv").read_text().splitlines(keepends=True)
    (tmp_path / "us-hospitals.csv").write_text("".join(rows[:4]))
    return tmp_path


def test_help_imports_no_library_it_does_not_need(tmp_path):
    assert not imported_by(["--help"], folder=tmp_path) & (
        LIBRARIES | DATABASE | WEB | NEEDED_BY_NO_USUAL_COMMAND
    )


def test_validate_imports_no_database_no_web_library_and_one_country_s_holidays(hospitals):
    unused = DATABASE | WEB | NEEDED_BY_NO_USUAL_COMMAND | FORMS | {"asyncio", "phonenumbers", "rich"}
    assert not imported_by(["validate", "campaign.yaml"], folder=hospitals) & unused


def test_validate_imports_holidays_only_where_some_are_declared(hospitals):
    text = (hospitals / "campaign.yaml").read_text()
    (hospitals / "campaign.yaml").write_text(text.replace("  holidays: {country: US}\n", ""))
    assert "holidays" not in imported_by(["validate", "campaign.yaml"], folder=hospitals)


def test_schema_imports_no_file_reader(tmp_path):
    unused = DATABASE | WEB | NEEDED_BY_NO_USUAL_COMMAND | {"holidays", "phonenumbers", "rich", "ruamel.yaml"}
    assert not imported_by(["schema"], folder=tmp_path) & unused


@pytest.mark.parametrize(
    ("form", "pays_for"),
    [
        ("text", set()),
        ("json", set()),
        ("markdown", {"runner.reports.plan_markdown"}),
        ("html", {"runner.reports.plan_html"}),
    ],
)
def test_plan_imports_only_the_form_it_writes_and_no_web_library(hospitals, form, pays_for):
    unused = WEB | NEEDED_BY_NO_USUAL_COMMAND | FORMS | SAVED_PLANS | EXPLANATIONS
    found = imported_by(["plan", "campaign.yaml", "--output", form], folder=hospitals)
    assert not found & (unused - pays_for)
    assert pays_for <= found
    assert form != "json" or "rich" not in found


def test_status_imports_no_web_library(hospitals):
    assert not imported_by(["status"], folder=hospitals) & (WEB | NEEDED_BY_NO_USUAL_COMMAND)


def test_an_operator_command_imports_no_web_library(tmp_path):
    # The new ledger knows no campaign of this name.
    commands = [[command, "nobody"] for command in ("pause", "resume", "history")]
    assert not imported_by(*commands, folder=tmp_path, status=1) & (WEB | NEEDED_BY_NO_USUAL_COMMAND)


def test_apply_at_insight_imports_no_server(hospitals):
    # Without credentials it ends before anything is sent.
    found = imported_by(["apply", "campaign.yaml", "--yes"], folder=hospitals, status=1)
    assert not found & ({"starlette", "uvicorn"} | (NEEDED_BY_NO_USUAL_COMMAND - {"psycopg"}))


def test_a_rehearsal_imports_no_migration_library(hospitals):
    arguments = ["apply", "campaign.yaml", "--sandbox", "--yes", "--limit", "1"]
    assert not imported_by(arguments, folder=hospitals) & (NEEDED_BY_NO_USUAL_COMMAND - {"psycopg"})
