"""The reference of every key of the campaign file: what it takes, its default, its meaning, an example.

Generated from the models, like the JSON Schema. `runner schema KEY` prints one part of it, and
`schemas/README.md` holds all of it.
"""

import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runner.campaign.did_you_mean import did_you_mean
from runner.campaign.model import Campaign
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
    meaning: str
    example: str
    """As it is written in YAML; empty where the keys below it have their own."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def keys() -> list[Key]:
    """Every key, in the order of the models, each before the keys below it."""
    return list(_keys_of(Campaign, ""))


def keys_at(path: str) -> list[Key]:
    """The key with this path and all below it. Raises UsageError when there is none."""
    found = [key for key in keys() if key.path == path or key.path.startswith(f"{path}.")]
    if not found:
        known = [key.path for key in keys()]
        by_name = [each for each in known if each.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f"did you mean `{by_name[0]}`?" if by_name else did_you_mean(path, known)
        raise UsageError(
            f"the campaign file has no key `{path}`", hint=hint or "`runner schema` lists all keys"
        )
    return found


def _keys_of(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        kind = _kind_of(field)
        written, models = _written(kind), _models_in(kind)
        yield Key(
            path=path,
            takes=_takes(kind),
            is_template=written is not None and written.is_template,
            default=_default(field, written),
            meaning=field.description or " ".join((models[0].__doc__ or "").split()),
            example=_example(field),
        )
        yield from _merged(models, f"{path}.")


def _merged(models: list[type[BaseModel]], prefix: str) -> Iterator[Key]:
    """The keys of all alternatives, each once; one that not all of them have names those that do."""
    found: dict[str, list[tuple[str, Key]]] = {}
    for model in models:
        for key in _keys_of(model, prefix):
            found.setdefault(key.path, []).append((_type_of(model), key))
    for path, alternatives in found.items():
        names = [name for name, _ in alternatives]
        key = alternatives[0][1]
        if path == f"{prefix}type":
            key = replace(key, takes=_either([f"`{name}`" for name in names]))
        elif len(names) < len(models) and all(names):
            key = replace(key, meaning=f"{key.meaning} Only with type {_either(names)}.")
        yield key


def _type_of(model: type[BaseModel]) -> str:
    """What `type` selects this alternative; empty where it is not one of several."""
    field = model.model_fields.get("type")
    return str(get_args(field.annotation)[0]) if field is not None else ""


def _takes(kind: Any) -> str:  # noqa: ANN401 - any annotation of a field
    written = _written(kind)
    if written is not None:
        return written.takes
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return _either(list(dict.fromkeys(_takes(each) for each in inside if each is not types.NoneType)))
    if origin is not None:
        return _takes_of_several(origin, inside)
    if issubclass(kind, BaseModel):
        return "mapping"
    return {str: "text", int: "whole number", bool: "`true` or `false`"}[kind]


def _takes_of_several(origin: Any, inside: tuple[Any, ...]) -> str:  # noqa: ANN401 - any annotation of a field
    if origin is Annotated:
        return _takes(inside[0])
    if origin is Literal:
        return _either([f"`{each}`" for each in inside])
    return f"{'list of' if origin is list else 'mapping to'} {_takes(inside[-1])}"


def _kind_of(field: FieldInfo) -> Any:  # noqa: ANN401 - any annotation of a field
    """The annotation as it was written: pydantic keeps the metadata of `Annotated` separately."""
    written = _last_of(field.metadata)
    return field.annotation if written is None else Annotated[field.annotation, written]


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


def _either(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
