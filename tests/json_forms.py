"""The published JSON Schemas of outputs, read strictly: a key that they do not describe is an error."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[1] / "schemas" / "outputs"


def check_form(name: str, *values: Any) -> None:
    """Raises ValidationError for a key that `schemas/outputs/NAME.schema.json` lacks, and for one that the
    values lack.
    """
    validator = Draft202012Validator(_strict(json.loads((FOLDER / f"{name}.schema.json").read_text())))
    for value in values:
        validator.validate(value)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    return strict | {"additionalProperties": False} if "required" in schema else strict
