"""Where contacts and suppression lists come from: what the campaign file may say of each type. Pure.

A type is declared once, and used for sources and for lists. `runner.contacts.sources` reads its rows.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from runner.campaign.templates import compile_template
from runner.campaign.values import Cell, Declared, Template, Written, ZoneTemplate

_TYPES = "csv (a table), jsonl (a JSON object on each line) or inline (rows in this file)."

_SUFFIXES = {
    "csv": {"csv", "tsv"},
    "jsonl": {"jsonl", "ndjson"},
    "a workbook": {"xlsx", "xlsm", "xlsb", "xls", "ods", "numbers"},
    "another format": {"parquet", "sav", "dta", "sas7bdat", "pdf", "docx", "zip", "gz", "7z"},
}


class FileRows(Declared):
    """A CSV file with a header row, or a file with one JSON object on each line."""

    type: Literal["csv", "jsonl"] = Field(description=_TYPES, examples=["csv"])
    path: Annotated[str, Written("path")] = Field(
        min_length=1, description="Relative to the campaign file.", examples=["data/people.csv"]
    )

    @field_validator("path")
    @classmethod
    def _of_this_type(cls, path: str, info: ValidationInfo) -> str:
        """Refuses a path whose ending says that the file is of another type."""
        declared, suffix = str(info.data["type"]), path.rpartition(".")[2].lower()
        found = next((kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes), declared)
        if found != declared:
            is_read = found in {"csv", "jsonl"}
            hint = (
                f"write `type: {found}`" if is_read else "save the table as CSV (UTF-8), and name that file"
            )
            raise PydanticCustomError(
                "wrong_file_type",
                "a .{suffix} file cannot be read as {type}",
                {"suffix": suffix, "type": declared, "hint": hint},
            )
        return path


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


class FileSource(SourceFields, FileRows):
    """Rows of a file. CSV: the delimiter is detected; UTF-8 is expected."""


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
        if template is not None and not compile_template(template).reads_row:
            column = template if template.isidentifier() else info.field_name
            raise PydanticCustomError(
                "constant_template",
                "`{field}` is the same for every row, so the list would exclude nobody",
                {"field": info.field_name, "hint": f'a column is written "{{{{ row.{column} }}}}"'},
            )
        return template

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if self.phone is None and self.key is None:
            raise PydanticCustomError(
                "missing_key", "a suppression list needs `phone`, `key` or both, to say whom it excludes"
            )
        return self


class FileSuppression(SuppressionFields, FileRows):
    """A file of people never to call."""


class InlineSuppression(SuppressionFields, InlineRows):
    """People never to call, written in the campaign file itself."""


Source = Annotated[FileSource | InlineSource, Field(discriminator="type")]
Suppression = Annotated[FileSuppression | InlineSuppression, Field(discriminator="type")]
AnySource = Source | Suppression
