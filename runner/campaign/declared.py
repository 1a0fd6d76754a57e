"""What all parts of the campaign file share. Pure."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Declared(BaseModel):
    """No unknown keys, no silent conversion, no change after loading."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True
    )


def not_supported(what: str) -> PydanticCustomError:
    return PydanticCustomError("not_supported", "{what} is not supported yet", {"what": what})
