"""What may be written in a campaign file: each key for people, the JSON Schema for editors.

Both are read from the models. `schemas/README.md` and `schemas/campaign.schema.json` hold all of it, and
`runner schema KEY` prints one part.
"""

import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runner.campaign.diagnostics import did_you_mean, either
from runner.campaign.model import Campaign
from runner.campaign.policy import POLICY, Policy
from runner.campaign.values import Written
from runner.errors import UsageError


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file. `path` names it from the top: `calling_windows.weekly`."""

    path: str
    takes: str
    """What may be written, in a few words."""
    is_template: bool
    default: str
    """In words; `required` where the file must give it."""
    purpose: str
    example: str
    """As it is written in YAML; empty where the keys below it have their own."""
    types: tuple[str, ...] = ()
    """The values of `type` with which it may be written; empty where it always may."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def meaning(self) -> str:
        return f"{self.purpose} Only with type {either(self.types)}." if self.types else self.purpose


def keys(model: type[BaseModel] = Campaign) -> list[Key]:
    """Every key, in the order of the models, each before the keys below it."""
    return list(_keys_of(model, ""))


def keys_at(path: str) -> list[Key]:
    """The key with this path and all below it. Raises UsageError when there is none."""
    found = [key for key in keys() if key.path == path or key.path.startswith(f"{path}.")]
    if not found:
        known = [key.path for key in keys()]
        by_name = [each for each in known if each.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f"did you mean `{by_name[0]}`?" if by_name else did_you_mean(path, known)
        if path == POLICY or path in (key.path for key in keys(Policy)):
            hint = "`runner schema --policy` prints the keys of a policy file"
        raise UsageError(
            f"the campaign file has no key `{path}`", hint=hint or "`runner schema` lists all keys"
        )
    return found


def keys_below(path: str, chosen_type: str | None, model: type[BaseModel] = Campaign) -> dict[str, Key]:
    """The keys of the mapping with this path, by name; with `type`, those of that type alone."""
    return {
        key.name: key
        for key in keys(model)
        if key.path.rpartition(".")[0] == path
        and (chosen_type is None or not key.types or chosen_type in key.types)
    }


def _keys_of(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        # Pydantic keeps the metadata of an `Annotated` separately.
        written = _last_of(field.metadata) or _written(field.annotation)
        models = _models_in(field.annotation)
        yield Key(
            path=path,
            takes=written.takes if written else _takes(field.annotation),
            is_template=written is not None and written.is_template,
            default=_default(field, written),
            purpose=field.description or " ".join((models[0].__doc__ or "").split()),
            example=_example(field),
        )
        yield from _merged(models, f"{path}.")


def _merged(models: list[type[BaseModel]], prefix: str) -> Iterator[Key]:
    """The keys of all alternatives, each once."""
    found: dict[str, Key] = {}
    types: dict[str, list[str]] = {}
    purposes: dict[str, dict[str, list[str]]] = {}
    for model in models:
        for key in _keys_of(model, prefix):
            found.setdefault(key.path, key)
            types.setdefault(key.path, []).extend(_types_of(model))
            purposes.setdefault(key.path, {}).setdefault(key.purpose, []).extend(_types_of(model))
    every = [name for model in models for name in _types_of(model)]
    for path, key in found.items():
        if path == f"{prefix}type":
            yield replace(key, takes=either([f"`{name}`" for name in every]))
        elif len(types[path]) < len(every):
            yield _only_with(tuple(types[path]), purposes[path], key)
        else:
            yield key


def _only_with(types: tuple[str, ...], purposes: dict[str, list[str]], key: Key) -> Key:
    """The key of some alternatives. `purposes` are what it is for, each with its types."""
    default = f"required with {either(types)}" if key.default == "required" else key.default
    each = [f"Of type {either(those)}: {purpose}" for purpose, those in purposes.items()]
    purpose = key.purpose if len(purposes) == 1 else " ".join(each)
    return replace(key, types=types, default=default, purpose=purpose)


def _types_of(model: type[BaseModel]) -> tuple[str, ...]:
    """What `type` selects this alternative; empty where it is not one of several."""
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field is not None else ()


def _takes(kind: Any) -> str:  # noqa: ANN401 - any annotation of a field
    if get_origin(kind) is Annotated:
        written = _written(kind)
        return written.takes if written else _takes(get_args(kind)[0])
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return either(list(dict.fromkeys(_takes(each) for each in inside if each is not types.NoneType)))
    if origin is Literal:
        return either([f"`{each}`" for each in inside])
    if origin is not None:
        return f"{'list of' if origin is list else 'mapping to'} {_takes(inside[-1])}"
    if issubclass(kind, BaseModel):
        return "mapping"
    return {str: "text", int: "whole number", bool: "`true` or `false`"}[kind]


def _written(kind: Any) -> Written | None:  # noqa: ANN401 - any annotation of a field
    """How a value of this kind is written, or of the one alternative to none."""
    if get_origin(kind) is Annotated:
        return _last_of(get_args(kind)[1:])
    if get_origin(kind) in {Union, types.UnionType}:
        alternatives = [each for each in get_args(kind) if each is not types.NoneType]
        return _written(alternatives[0]) if len(alternatives) == 1 else None
    return None


def _last_of(metadata: Iterable[object]) -> Written | None:
    """A kind that is made from another is more specific, and comes after it."""
    return next((each for each in reversed(list(metadata)) if isinstance(each, Written)), None)


def _models_in(kind: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - any annotation of a field
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    inside = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
    return [model for each in inside for model in _models_in(each)]


def _default(field: FieldInfo, written: Written | None) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None or field.default == "":
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{written.show(field.default)}`" if written else f"`{field.default}`"


def _example(field: FieldInfo) -> str:
    if not field.examples:
        return ""
    # JSON is YAML, and its quotes are where the file needs them.
    return json.dumps(field.examples[0], ensure_ascii=False)


def campaign_schema() -> dict[str, Any]:
    """The schema, with the definitions last."""
    schema = schema_of(Campaign, "A campaign of runner")
    definitions = schema.pop("definitions")
    needs = _taken_needs(schema, definitions)
    return {
        **schema,
        # What a campaign needs may be in the file that it extends; that has no name.
        "if": {"required": ["name"], "not": {"required": ["extends"]}},
        "then": needs,
        "else": {"dependencies": {"extends": ["name"]}},
        "definitions": definitions,
    }


_NEEDS = ("required", "dependencies", "if", "then")


def _taken_needs(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Takes the rules on required keys out of a mapping and the mappings in it, and returns them as a schema.
    Lists keep theirs: none is made from two files.
    """
    needs = {name: schema.pop(name) for name in _NEEDS if name in schema}
    inside = {
        name: found
        for name, value in schema["properties"].items()
        if (definition := _definition_of(value))
        and (found := _taken_needs(definitions[definition], definitions))
    }
    return {**needs, "properties": inside} if inside else needs


def _definition_of(value: dict[str, Any]) -> str:
    """The name of the mapping that a key takes, also where it may be left out; empty for other values."""
    alternatives = (value, *value.get("anyOf", ()), *value.get("allOf", ()))
    references = [each["$ref"] for each in alternatives if "$ref" in each]
    return references[0].rpartition("/")[2] if len(references) == 1 else ""


def schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The schema of a file of another kind."""
    schema = _draft_07(model.model_json_schema(by_alias=True))
    definitions = schema.pop("definitions", {})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **schema,
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """What `schemas/campaign.schema.json` holds."""
    return as_text(campaign_schema())


def as_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


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
