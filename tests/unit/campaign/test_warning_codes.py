from pathlib import Path

import pytest

from runner.campaign.warning_codes import WarningCode

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", WarningCode)
def test_the_readme_explains_every_warning(code):
    assert f"| `{code}` | {code.meaning[0].upper()}{code.meaning[1:]} |" in README


@pytest.mark.parametrize("code", [code for code in WarningCode if code.always_shown])
def test_the_readme_names_every_warning_that_cannot_be_silenced(code):
    paragraph = README.partition("Errors\ncannot be silenced")[2].partition("\n\n")[0]
    assert f"`{code}`" in paragraph
