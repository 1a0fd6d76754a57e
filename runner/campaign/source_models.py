"""Where contacts and suppression lists come from: what the campaign file may say of each type. Pure.

A type is declared once, and used for sources and for lists. `runner.contacts.sources` reads its rows.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from runner.campaign.declared import Declared, not_supported
from runner.campaign.values import (
    Cell,
    CsvPath,
    JsonlPath,
    Template,
    ZoneTemplate,
    refuse_same_for_every_row,
)

_TYPES = "csv (a table), jsonl (a JSON object on each line) or inline (rows in this file)."

_NOT_YET_SOURCES = ("xlsx", "parquet", "sql", "http")


class CsvFile(Declared):
    type: Literal["csv"] = Field(description=_TYPES, examples=["csv"])
    path: CsvPath = Field(
        min_length=1, description="Relative to the campaign file.", examples=["data/people.csv"]
    )


class JsonlFile(Declared):
    type: Literal["jsonl"] = Field(description=_TYPES)
    path: JsonlPath = Field(
        min_length=1, description="Relative to the campaign file.", examples=["data/people.jsonl"]
    )


class InlineRows(Declared):
    type: Literal["inline"] = Field(description=_TYPES)
    rows: list[dict[str, Cell]] = Field(
        description="Mappings of column to value.", examples=[[{"id": "A1", "phone": "+16175550101"}]]
    )


class SourceFields(Declared):
    """What every source may say about its rows."""

    phone: Template | None = Field(
        None, description="Overrides contacts.phone for this source.", examples=["{{ row.mobile }}"]
    )
    key: Template | None = Field(
        None, description="Overrides contacts.key for this source.", examples=["{{ row.visit_id }}"]
    )
    timezone: ZoneTemplate | None = Field(
        None, description="Overrides contacts.timezone for this source.", examples=["America/Denver"]
    )
    allow_empty: bool = Field(
        default=False,
        description="A source without rows is fine; otherwise `apply` refuses it.",
        examples=[True],
    )


class CsvSource(SourceFields, CsvFile):
    """A CSV file with a header row. The delimiter is sniffed; UTF-8 is expected."""


class JsonlSource(SourceFields, JsonlFile):
    """A file with one JSON object on each line."""


class InlineSource(SourceFields, InlineRows):
    """Rows written in the campaign file itself. For tests and examples: people's data is not for git."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"rows": {"minItems": 1}}},
                {"properties": {"allow_empty": {"const": True}}, "required": ["allow_empty"]},
            ]
        }
    )

    @model_validator(mode="after")
    def _has_rows(self) -> Self:
        if not self.rows and not self.allow_empty:
            raise PydanticCustomError(
                "empty_source",
                "this source has no rows",
                {"loc": ("rows",), "hint": "write its rows, or `allow_empty: true` if it may be empty"},
            )
        return self


class SuppressionFields(Declared):
    """What every suppression list may say about its rows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["phone"]}, {"required": ["key"]}]}
    )

    phone: Template | None = Field(
        None, description="A number never to call, from each row of the list.", examples=["{{ row.phone }}"]
    )
    key: Template | None = Field(
        None,
        description="A contact key never to call, from each row of the list.",
        examples=["{{ row.visit_id }}"],
    )
    allow_invalid: bool = Field(
        default=False,
        description="Rows that give neither a number nor a key are skipped, not an error.",
        examples=[True],
    )
    allow_empty: bool = Field(
        default=False, description="A list without rows is not an error.", examples=[True]
    )

    @field_validator("phone", "key")
    @classmethod
    def _depends_on_the_row(cls, template: str | None, info: ValidationInfo) -> str | None:
        if template is not None:
            refuse_same_for_every_row(template, str(info.field_name))
        return template

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if self.phone is None and self.key is None:
            raise PydanticCustomError(
                "missing_key", "a suppression list needs `phone`, `key` or both, to say whom it excludes"
            )
        return self


class CsvSuppression(SuppressionFields, CsvFile):
    """A CSV file of people never to call."""


class JsonlSuppression(SuppressionFields, JsonlFile):
    """A JSON-lines file of people never to call."""


class InlineSuppression(SuppressionFields, InlineRows):
    """People never to call, written in the campaign file itself."""


def _supported(value: object) -> object:
    if isinstance(value, Mapping) and value.get("type") in _NOT_YET_SOURCES:
        raise not_supported(f"a source of type {value['type']}")
    return value


Source = Annotated[
    Annotated[CsvSource | JsonlSource | InlineSource, Field(discriminator="type")],
    BeforeValidator(_supported),
]
Suppression = Annotated[
    Annotated[CsvSuppression | JsonlSuppression | InlineSuppression, Field(discriminator="type")],
    BeforeValidator(_supported),
]
AnySource = Source | Suppression
