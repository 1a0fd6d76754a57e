"""Which keys are allowed at a place in the campaign file, from the models."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runner.campaign.document import Document, Location, Mapping, Scalar
from runner.campaign.model import Campaign


def fields_at(document: Document, location: Location) -> dict[str, FieldInfo]:
    """The fields of the mapping at this location, under the keys by which the file names them."""
    kinds: list[Any] = [Campaign]
    for part in location:
        kinds = [below for kind in kinds for below in _below(kind, part)]
    models = [model for kind in kinds for model in _alternatives(kind) if _is_model(model)]
    chosen = _chosen_type(document, location)
    return {
        key: field
        for model in models
        if chosen is None
        or "type" not in model.model_fields
        or chosen in get_args(model.model_fields["type"].annotation)
        for key, field in _fields(model).items()
    }


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _below(kind: Any, part: str | int) -> Iterator[Any]:  # noqa: ANN401 - any annotation of a field
    for alternative in _alternatives(kind):
        if get_origin(alternative) in {list, dict}:
            yield get_args(alternative)[-1]
        elif _is_model(alternative) and part in _fields(alternative):
            yield _fields(alternative)[str(part)].annotation


def _alternatives(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - any annotation of a field
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in {Union, types.UnionType}:
        for alternative in get_args(kind):
            yield from _alternatives(alternative)
    else:
        yield kind


def _is_model(kind: Any) -> bool:  # noqa: ANN401 - any annotation of a field
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _chosen_type(document: Document, location: Location) -> str | None:
    node, found = document.find(location)
    if isinstance(node, Mapping) and found == location:
        written = node.values.get("type")
        return written.written if isinstance(written, Scalar) else None
    return None
