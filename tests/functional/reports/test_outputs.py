"""schemas/outputs is what the forms of the outputs give."""

from pathlib import Path

import pytest
from output_reference import OUTPUTS, outputs_markdown

FOLDER = Path(__file__).parents[3] / "schemas" / "outputs"


def test_the_reference_of_outputs_is_what_the_forms_give():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == outputs_markdown()


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.name)
def test_each_schema_is_what_its_form_gives(output):
    file = FOLDER / f"{output.name}.schema.json"
    assert file.read_text(encoding="utf-8") == output.schema_text()


def test_the_folder_holds_these_schemas_alone():
    names = {f"{output.name}.schema.json" for output in OUTPUTS}
    assert {file.name for file in FOLDER.glob("*.json")} == names
