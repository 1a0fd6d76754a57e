"""The OpenAPI document of the API, made from the forms that make its answers."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from runner.reports.api_forms import ProblemDetails
from runner.serve.api import OPERATIONS, Operation

_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"


@cache
def openapi_text() -> str:
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


def openapi() -> dict[str, Any]:
    forms = _forms()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, forms)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "runner serve",
            "version": "1",
            "description": "What the pages of serve show and do, for programs. `runner users token NAME` "
            "makes a token; a viewer reads, an operator acts. New keys may come in answers at any time.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": forms.definitions,
        },
    }


class _Forms:
    """The schemas of all forms, which share their parts."""

    def __init__(self, forms: Mapping[str, Any]) -> None:
        adapters = [(name, "validation", TypeAdapter(form)) for name, form in forms.items()]
        found, shared = TypeAdapter.json_schemas(adapters, ref_template=_REFERENCE)  # type: ignore[arg-type]
        self.of = {name: schema for (name, _), schema in found.items()}
        self.definitions: dict[str, Any] = shared.get("$defs", {})


def _forms() -> _Forms:
    named = {f"{each.name} answers": each.answers for each in OPERATIONS}
    named |= {f"{each.name} takes": each.takes for each in OPERATIONS if each.takes is not None}
    return _Forms({**named, "problem": ProblemDetails})


def _operation(operation: Operation, forms: _Forms) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": {
            "200": {
                "description": "Done.",
                "content": {_JSON: {"schema": forms.of[f"{operation.name} answers"]}},
            },
            "default": {
                "description": "Not done, and why.",
                "content": {"application/problem+json": {"schema": forms.of["problem"]}},
            },
        },
    }
    if operation.takes is not None:
        schema = forms.of[f"{operation.name} takes"]
        made["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return made


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if "{name}" in operation.path:
        yield {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "The name of the campaign.",
            "schema": {"type": "string"},
        }
    if operation.query is not None:
        for name, schema in TypeAdapter(operation.query).json_schema()["properties"].items():
            yield {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
