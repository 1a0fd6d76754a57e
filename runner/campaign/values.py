"""Single values of the campaign file: their formats, checks and JSON Schemas.

Pure. Every check raises `PydanticCustomError` with a stable code, and a `hint` in its context.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.campaign import countries, hours, timezones
from runner.campaign.did_you_mean import did_you_mean
from runner.campaign.literal_text import check_text, is_meant_as_template
from runner.campaign.template_syntax import TemplateSyntaxError
from runner.campaign.templates import compile_condition, compile_template
from runner.campaign.zone_hints import zone_hint

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Written:
    """How a kind of value is written, for the reference of the campaign file."""

    takes: str
    is_template: bool = False
    show: Callable[[Any], str] = str
    """Writes a value as people would write it in the file."""


def _duration_text(seconds: int) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _matching(pattern: str, code: str, message: str, hint: str) -> tuple[object, ...]:
    """What Annotated needs for text of one form; the pattern is shown to editors too."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise PydanticCustomError(code, message, {"hint": hint})
        return value

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^{pattern}$"})


def _duration(value: object) -> object:
    """Seconds from `90`, `"90s"`, `"45m"` or `"2h"`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError(
            "bad_duration",
            "a duration is a whole number of seconds, or text",
            {"hint": "write 90, 90s, 45m or 2h"},
        )
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"([0-9]{1,9})([smh]?)", value)
    if match is None:
        raise PydanticCustomError(
            "bad_duration",
            "invalid duration {value}",
            {"value": repr(value), "hint": "write 90 (seconds), 90s, 45m or 2h"},
        )
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0, le=31 * 24 * 3600),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,9}[smh]?$"}]}
    ),
    Written("duration", show=_duration_text),
]
"""Seconds."""


def _readable(read: Callable[[str], object]) -> AfterValidator:
    """Refuses what `read` raises TemplateSyntaxError for."""

    def check(source: str) -> str:
        try:
            read(source)
        except TemplateSyntaxError as error:
            # `line` counts from the template's first line, so that the loader can point into a block scalar.
            raise PydanticCustomError(
                "bad_template", "{reason}", {"reason": error.message, "line": error.line, "hint": error.hint}
            ) from error
        return source

    return AfterValidator(check)


Template = Annotated[str, _readable(compile_template), Written("text", is_template=True)]
"""Text with {{ }} over `row` and `vars`; see `runner.campaign.templates`."""

Condition = Annotated[str, _readable(compile_condition), Written("condition", is_template=True)]
"""A template that decides on yes or no; see `runner.campaign.conditions`."""


def _not_filled_in(what: str, hint: str) -> AfterValidator:
    """For values that are not templates. The message does not quote the value: it may be personal data."""

    def check(value: object) -> object:
        if isinstance(value, str) and is_meant_as_template(value):
            raise PydanticCustomError(
                "bad_template", f"this looks like a template, but {what} not rendered", {"hint": hint}
            )
        return value

    return AfterValidator(check)


Constant = Annotated[
    Scalar, Written("value"), _not_filled_in("constants are", "write the template where the value is used")
]

Cell = Annotated[Scalar | None, Written("value"), _not_filled_in("rows are", "write the value itself")]
"""A value of an inline row."""


def refuse_same_for_every_row(source: str, field: str) -> None:
    """Raises `constant_template` for text that reads nothing of the row."""
    if compile_template(source).reads_row:
        return
    column = source if source.isidentifier() else field
    raise PydanticCustomError(
        "constant_template",
        "`{field}` is the same for every row, so the list would exclude nobody",
        {"field": field, "hint": f'a column is written "{{{{ row.{column} }}}}"'},
    )


def _if_constant(check: Callable[[str], object]) -> AfterValidator:
    """Checks a template without {{ }} when it is loaded: it is the same for every row."""

    def classify(source: str) -> str:
        text = source.removesuffix("\n")
        if text and compile_template(source).is_constant:
            check(text)
        return source

    return AfterValidator(classify)


def known_zone(name: str, *, also: str = "") -> str:
    """The name of an IANA zone, or the one other word that is allowed. Raises `bad_zone`."""
    if name in timezones.names() or (also and name == also):
        return name
    hint = zone_hint(name) or did_you_mean(name, {also}) or "write an IANA name, such as America/New_York"
    message = (
        "{name} is an abbreviation or a fixed offset, not the time zone of a place"
        if timezones.is_abbreviation(name)
        else "unknown time zone {name}"
    )
    raise PydanticCustomError("bad_zone", message, {"name": repr(name), "hint": hint})


def _phone(number: str) -> None:
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", number) is None:
        raise PydanticCustomError(
            "bad_phone",
            "invalid phone number: E.164 format is required",
            {"hint": 'write + and the country code, without spaces: "+16175550100"'},
        )


def _keys(keys: str) -> None:
    if re.fullmatch(r"[0-9*#,]*", keys) is None:
        raise PydanticCustomError(
            "bad_post_dial",
            "invalid post_dial: it contains a character that is not a phone key",
            {"hint": "only digits, * and #, and a comma for a pause"},
        )


def _url(text: str) -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise PydanticCustomError(
            "bad_url",
            "invalid URL",
            {"hint": 'write for example "https://hooks.example.org/insight"'},
        )


ZoneTemplate = Annotated[Template, _if_constant(known_zone), Written("time zone", is_template=True)]

PhoneTemplate = Annotated[Template, _if_constant(_phone), Written("phone number", is_template=True)]

KeysTemplate = Annotated[Template, _if_constant(_keys), Written("phone keys", is_template=True)]

UrlTemplate = Annotated[Template, _if_constant(_url), Written("web address", is_template=True)]


def _date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        valid = False
    else:
        valid = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None
    if not valid:
        raise PydanticCustomError(
            "bad_date", "invalid date {value}", {"value": repr(value), "hint": 'write "2026-12-01"'}
        )
    return value


LocalDate = Annotated[
    str,
    AfterValidator(_date),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    Written("date"),
]
"""A date in the contact's own zone, as quoted ISO text."""


def _of_type(type_: str) -> AfterValidator:
    """Refuses a path whose ending says that the file is of another type."""

    def check(path: str) -> str:
        suffix = path.rpartition(".")[2].lower()
        found = next((kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes), type_)
        if found != type_:
            hint = f"write `type: {found}`" if found in {"csv", "jsonl"} else _SAVE_AS_CSV
            raise PydanticCustomError(
                "wrong_file_type",
                "a .{suffix} file cannot be read as {type}",
                {"suffix": suffix, "type": type_, "hint": hint},
            )
        return path

    return AfterValidator(check)


_SUFFIXES = {
    "csv": {"csv", "tsv"},
    "jsonl": {"jsonl", "ndjson"},
    "a workbook": {"xlsx", "xlsm", "xlsb", "xls", "ods", "numbers"},
    "another format": {"parquet", "sav", "dta", "sas7bdat", "pdf", "docx", "zip", "gz", "7z"},
}
_SAVE_AS_CSV = "save the table as CSV (UTF-8), and name that file"

CsvPath = Annotated[str, _of_type("csv"), Written("path")]
JsonlPath = Annotated[str, _of_type("jsonl"), Written("path")]


Identifier = Annotated[
    str,
    *_matching(
        "[A-Za-z0-9_-]{1,64}",
        "bad_identifier",
        "invalid Insight ID",
        "1 to 64 letters, digits, - or _, as Insight shows it",
    ),
]
"""Goes into the path of the request, so it may hold nothing that a URL reads as structure."""


def _country(code: str) -> str:
    if code not in countries.codes():
        raise PydanticCustomError(
            "bad_country", "unknown country {code}", {"code": code, "hint": countries.country_hint(code)}
        )
    return code


Country = Annotated[
    str,
    *_matching(
        "[A-Z]{2}", "bad_country", "invalid country code", "two capital letters of ISO 3166, such as US"
    ),
    AfterValidator(_country),
    Written("country code"),
]


Name = Annotated[
    str,
    *_matching(
        "[a-z0-9][a-z0-9-]{0,62}",
        "bad_name",
        "invalid campaign name",
        "1 to 63 lower-case letters, digits and -, beginning with a letter or digit",
    ),
]


def _constant_text(text: str) -> None:
    if "{{" in text or "{%" in text:
        raise TemplateSyntaxError("a column name cannot be a template", 1, "write the name itself")
    check_text(text)


MetadataName = Annotated[
    str,
    *_matching(
        r"[^\[\]\x00-\x20]([^\[\]\x00-\x1f]*[^\[\]\x00-\x20])?",
        "bad_metadata_name",
        "invalid metadatabase column name",
        "no square brackets or control characters, and no space at either end",
    ),
    _readable(_constant_text),
]
"""Sent as `metadata[name]`, which PHP's form parser takes apart at the brackets."""


def _days(spec: str) -> str:
    hours.parse_days(spec)
    return spec


def _hours(spec: str | list[str]) -> str | list[str]:
    hours.parse_hours(spec)
    return spec


DaySpec = Annotated[str, AfterValidator(_days), Field(json_schema_extra={"pattern": hours.DAYS_PATTERN})]

HoursSpec = Annotated[
    str | list[str],
    AfterValidator(_hours),
    WithJsonSchema(hours.SPEC_SCHEMA),
    Written("hours, or a list of hours"),
]
