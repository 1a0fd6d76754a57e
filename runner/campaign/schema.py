"""The JSON Schema of the campaign file, draft-07, for editors. Generated from the models."""

import json
from typing import Any

from runner.campaign.model import Campaign


def campaign_schema() -> dict[str, Any]:
    """The schema, with the definitions last."""
    schema = _draft_07(Campaign.model_json_schema(by_alias=True))
    definitions = schema.pop("definitions")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A campaign of runner",
        **schema,
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """What `schemas/campaign.schema.json` holds."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def _draft_07(schema: dict[str, Any]) -> dict[str, Any]:
    """Pydantic writes draft 2020-12, with notes of its own that no editor reads."""
    renamed = {"$defs": "definitions"}
    converted = {
        renamed.get(key, key): _converted(key, value)
        for key, value in schema.items()
        if key not in {"title", "discriminator"} and not (key == "default" and value is None)
    }
    if "patternProperties" in converted:
        converted.setdefault("additionalProperties", False)
    if "$ref" in converted and len(converted) > 1:
        # Draft-07 ignores the keys next to a $ref.
        converted["allOf"] = [{"$ref": converted.pop("$ref")}]
    return converted


def _converted(key: str, value: object) -> object:
    if key == "$ref":
        return str(value).replace("#/$defs/", "#/definitions/")
    if key in {"properties", "patternProperties", "$defs"} and isinstance(value, dict):
        return {name: _draft_07(inner) for name, inner in value.items()}
    if isinstance(value, dict):
        return _draft_07(value)
    if isinstance(value, list):
        return [_draft_07(inner) if isinstance(inner, dict) else inner for inner in value]
    return value
