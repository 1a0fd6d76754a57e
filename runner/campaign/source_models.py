"""Where contacts and suppression lists come from: what the campaign file may say of each type. Pure.

A type is declared once, and used for sources and for lists. `runner.contacts.sources` reads its rows.
"""

import re
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from runner.campaign.templates import compile_template
from runner.campaign.values import (
    Cell,
    Condition,
    ConnectionName,
    Country,
    CountryTemplate,
    Declared,
    Delimiter,
    DottedPath,
    Encoding,
    Parameter,
    Template,
    Templates,
    UrlPath,
    Written,
    ZoneTemplate,
)
from runner.characters import column_name

_TYPES = (
    "csv (a table), jsonl (a JSON object on each line), xlsx (a workbook of Excel or LibreOffice), parquet, "
    "sql (a query), http (a web API) or inline (rows in this file)."
)

_SUFFIXES = {
    "csv": {"csv", "tsv"},
    "jsonl": {"jsonl", "ndjson"},
    "xlsx": {"xlsx", "xlsm"},
    "parquet": {"parquet"},
    "another workbook": {"xlsb", "xls", "ods", "numbers"},
    "another format": {"sav", "dta", "sas7bdat", "pdf", "docx", "zip", "gz", "7z"},
}
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""As SQLAlchemy finds them."""
_Member = TypeVar("_Member", bound="Rows")
_FILE_TYPES = {"csv", "jsonl", "xlsx", "parquet"}


# --- the types -------------------------------------------------------------------------------------------


class Rows(Declared):
    """What every source and list has."""

    _number: int = PrivateAttr(default=1)

    @property
    def place(self) -> str:
        """Where its rows are, in short. Several queries of one database have the same place."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What plans, guards and messages call the source: `visits.csv`, or `visits.csv#2` where it is the
        second with this place.
        """
        return self.place if self._number == 1 else f"{self.place}#{self._number}"

    def count_up(self) -> None:
        """Takes the next name for the same place."""
        self._number += 1


class FileRows(Rows):
    """A file. Each type of file has a model of its own, which says what it may be."""

    type: str = Field(description=_TYPES, examples=["csv"])
    path: Annotated[str, Written("path")] = Field(
        min_length=1, description="Relative to the campaign file.", examples=["data/people.csv"]
    )

    @property
    def place(self) -> str:
        return self.path

    @field_validator("path")
    @classmethod
    def _of_this_type(cls, path: str, info: ValidationInfo) -> str:
        """Refuses a path whose ending says that the file is of another type."""
        declared, suffix = str(info.data["type"]), path.rpartition(".")[2].lower()
        found = next((kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes), declared)
        if found != declared:
            is_read = found in _FILE_TYPES
            hint = (
                f"write `type: {found}`"
                if is_read
                else "save the table as .xlsx or as CSV (UTF-8), and name that file"
            )
            raise PydanticCustomError(
                "wrong_file_type",
                "a .{suffix} file cannot be read as {type}",
                {"suffix": suffix, "type": declared, "hint": hint},
            )
        return path


class CsvRows(FileRows):
    """A table as text, with a header line unless `header` names its columns."""

    type: Literal["csv"] = Field(description=_TYPES, examples=["csv"])
    encoding: Encoding | None = Field(
        None, description="Default: UTF-8, UTF-16 or Windows-1252, as detected.", examples=["latin-1"]
    )
    delimiter: Delimiter | None = Field(
        None, description="Default: comma, semicolon, tab or |, as detected.", examples=["^"]
    )
    header: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        description="The names of the columns, for a file without a header line.",
        examples=[["id", "phone"]],
    )

    @field_validator("header")
    @classmethod
    def _different_names(cls, names: list[str] | None) -> list[str] | None:
        known = [column_name(name.strip()) for name in names or ()]
        if len(set(known)) < len(known) or "" in known:
            raise PydanticCustomError("bad_header", "`header` must give each column a different name")
        return names


class JsonlRows(FileRows):
    """One JSON object on each line."""

    type: Literal["jsonl"] = Field(description=_TYPES, examples=["jsonl"])


class XlsxRows(FileRows):
    """A sheet of a workbook. Its first row that is not empty names the columns."""

    type: Literal["xlsx"] = Field(description=_TYPES, examples=["xlsx"])
    sheet: str | None = Field(
        None,
        min_length=1,
        description="The name of the sheet. Required if the workbook shows more than one.",
        examples=["Visits"],
    )

    @property
    def place(self) -> str:
        return f"{self.path}/{self.sheet}" if self.sheet else self.path


class ParquetRows(FileRows):
    """A Parquet file."""

    type: Literal["parquet"] = Field(description=_TYPES, examples=["parquet"])


class SqlRows(Rows):
    """The result of one query, read in a read-only transaction."""

    type: Literal["sql"] = Field(description=_TYPES, examples=["sql"])
    connection: ConnectionName = Field(
        description="The setting RUNNER_CONNECTION_NAME holds the address of the database: "
        "postgresql://user@host/database or sqlite:////absolute/path.",
        examples=["warehouse"],
    )
    query: str = Field(
        min_length=1,
        max_length=100_000,
        description="One SELECT statement. Values are given as :name, and come from `parameters`.",
        examples=["SELECT id, phone FROM visits WHERE visit_date = :day"],
    )
    parameters: dict[str, Parameter] = Field(
        default_factory=dict,
        description="The values of the query's :names. Templates over `vars`.",
        examples=[{"day": "{{ vars.day }}"}],
    )

    @property
    def place(self) -> str:
        return f"sql:{self.connection}"

    @model_validator(mode="after")
    def _names_its_parameters(self) -> Self:
        used = set(_PARAMETER.findall(self.query))
        for missing in sorted(used - self.parameters.keys()):
            raise PydanticCustomError(
                "missing_parameter",
                "the query reads :{name}, which `parameters` does not give",
                {"name": missing, "loc": ("query",), "hint": "add parameters: {" + missing + ': "…"}'},
            )
        for unused in sorted(self.parameters.keys() - used):
            raise PydanticCustomError(
                "unused_parameter",
                "the query does not read :{name}",
                {"name": unused, "loc": ("parameters", unused), "hint": "remove it, or correct the query"},
            )
        return self


class HttpRows(Rows):
    """Records of a web API: JSON, JSON lines or CSV."""

    type: Literal["http"] = Field(description=_TYPES, examples=["http"])
    connection: ConnectionName = Field(
        description="The setting RUNNER_CONNECTION_NAME holds the base URL of the web API, and "
        "RUNNER_CONNECTION_NAME_TOKEN its token.",
        examples=["crm"],
    )
    path: UrlPath = Field(
        description="Added to the base URL of `connection`.", examples=["/v1/contacts?status=due"]
    )
    records: DottedPath | None = Field(
        None,
        description="Where a JSON answer holds the list of records. Default: it is that list.",
        examples=["data.items"],
    )
    next: DottedPath | None = Field(
        None,
        description="Where a JSON answer holds the address of the next page. "
        "A `Link` header with rel=next is always followed.",
        examples=["links.next"],
    )

    @property
    def place(self) -> str:
        return f"http:{self.connection}{self.path.partition('?')[0]}"


class InlineRows(Rows):
    type: Literal["inline"] = Field(description=_TYPES)
    rows: list[dict[str, Cell]] = Field(
        description="Mappings of column to value.", examples=[[{"id": "A1", "phone": "+16175550101"}]]
    )

    @property
    def place(self) -> str:
        return "inline"


# --- sources ---------------------------------------------------------------------------------------------


class SourceFields(Declared):
    """What every source may say about its rows."""

    phone: Templates | None = Field(
        None, description="Overrides contacts.phone for this source.", examples=["{{ row.mobile }}"]
    )
    key: Template | None = Field(
        None, description="Overrides contacts.key for this source.", examples=["{{ row.visit_id }}"]
    )
    timezone: ZoneTemplate | None = Field(
        None, description="Overrides contacts.timezone for this source.", examples=["America/Denver"]
    )
    region: CountryTemplate | None = Field(
        None, description="Overrides contacts.region for this source.", examples=["GB"]
    )
    where: Condition | None = Field(
        None,
        description="Calls only rows for which this and contacts.where are true.",
        examples=["{{ row.active }}"],
    )
    allow_empty: bool = Field(
        default=False,
        description="A source without rows is fine; otherwise `apply` refuses it.",
        examples=[True],
    )


class CsvSource(SourceFields, CsvRows):
    """People in a CSV file."""


class JsonlSource(SourceFields, JsonlRows):
    """People in a file of JSON lines."""


class XlsxSource(SourceFields, XlsxRows):
    """People in a sheet of a workbook."""


class ParquetSource(SourceFields, ParquetRows):
    """People in a Parquet file."""


class SqlSource(SourceFields, SqlRows):
    """People in a database."""


class HttpSource(SourceFields, HttpRows):
    """People in a web API."""


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


# --- suppression lists -----------------------------------------------------------------------------------


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
    region: Country | None = Field(
        None, description="Overrides contacts.region for this list.", examples=["GB"]
    )
    where: Condition | None = Field(
        None,
        description="Only rows for which this is true are on the list.",
        examples=["{{ row.opted_out }}"],
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


class CsvSuppression(SuppressionFields, CsvRows):
    """A CSV file of people never to call."""


class JsonlSuppression(SuppressionFields, JsonlRows):
    """A file of JSON lines with people never to call."""


class XlsxSuppression(SuppressionFields, XlsxRows):
    """A sheet of people never to call."""


class ParquetSuppression(SuppressionFields, ParquetRows):
    """A Parquet file of people never to call."""


class SqlSuppression(SuppressionFields, SqlRows):
    """People in a database who are never called."""


class HttpSuppression(SuppressionFields, HttpRows):
    """People in a web API who are never called."""


class InlineSuppression(SuppressionFields, InlineRows):
    """People never to call, written in the campaign file itself."""

    @property
    def place(self) -> str:
        return "contacts.suppress"


def _with_distinct_names(sources: list[_Member]) -> list[_Member]:
    taken: set[str] = set()
    for source in sources:
        while source.name in taken:
            source.count_up()
        taken.add(source.name)
    return sources


Source = Annotated[
    CsvSource | JsonlSource | XlsxSource | ParquetSource | SqlSource | HttpSource | InlineSource,
    Field(discriminator="type"),
]
Suppression = Annotated[
    CsvSuppression
    | JsonlSuppression
    | XlsxSuppression
    | ParquetSuppression
    | SqlSuppression
    | HttpSuppression
    | InlineSuppression,
    Field(discriminator="type"),
]
Sources = Annotated[list[Source], AfterValidator(_with_distinct_names)]
Suppressions = Annotated[list[Suppression], AfterValidator(_with_distinct_names)]
"""Guards compare a list with what it was at the last apply, by its name."""
AnySource = Source | Suppression
