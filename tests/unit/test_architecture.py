"""The walls between the rooms, as [tool.importlinter] in pyproject.toml draws them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def test_every_import_keeps_to_the_walls():
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    "library",
    ["httpx", "jinja2", "phonenumbers", "pydantic", "rich", "ruamel.yaml", "sqlalchemy", "starlette"],
)
def test_help_pays_for_no_library_it_does_not_need(library):
    script = f"import sys, runner.cli; runner.cli.run(['--help']); sys.exit('{library}' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
