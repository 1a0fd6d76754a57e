"""Single values of the campaign file: their formats, checks and JSON Schemas.

Pure. Every check raises `PydanticCustomError` with a stable code, and a `hint` in its context.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.campaign import hours, timezones
from runner.campaign.diagnostics import did_you_mean
from runner.campaign.template_syntax import TemplateSyntaxError, check_text, is_meant_as_template
from runner.campaign.templates import compile_condition, compile_template

Scalar = str | int | float | bool


class Declared(BaseModel):
    """What all parts of the file share: no unknown keys, no silent conversion, no change after loading."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True, defer_build=True
    )


@dataclass(frozen=True, slots=True)
class Written:
    """How a kind of value is written, for the reference of the campaign file."""

    takes: str
    is_template: bool = False
    show: Callable[[Any], str] = str
    """Writes a value as people would write it in the file."""


def _checked(check: Callable[[Any], object]) -> AfterValidator:
    """`check` raises for a wrong value; the value stays as written."""

    def checked(value: object) -> object:
        check(value)
        return value

    return AfterValidator(checked)


# --- text of one form ------------------------------------------------------------------------------------


def _matched(value: object, pattern: str, code: str, message: str, hint: str) -> re.Match[str]:
    """The parts of text that has this form."""
    match = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(code, message, {"value": repr(value), "hint": hint})
    return match


def _matching(pattern: str, code: str, message: str, hint: str) -> Callable[[str], object]:
    """A check that text has one form."""
    return lambda value: _matched(value, pattern, code, message, hint)


def _text(pattern: str, code: str, message: str, hint: str) -> tuple[object, ...]:
    """The same for Annotated; the pattern is shown to editors too."""
    schema = Field(json_schema_extra={"pattern": f"^{pattern}$"})
    return _checked(_matching(pattern, code, message, hint)), schema


Name = Annotated[
    str,
    *_text(
        "[a-z0-9][a-z0-9-]{0,62}",
        "bad_name",
        "invalid campaign name",
        "1 to 63 lower-case letters, digits and -, beginning with a letter or digit",
    ),
]

Identifier = Annotated[
    str,
    *_text(
        "[A-Za-z0-9_-]{1,64}",
        "bad_identifier",
        "invalid Insight ID",
        "1 to 64 letters, digits, - or _, as Insight shows it",
    ),
]
"""Goes into the path of the request, so it may hold nothing that a URL reads as structure."""


def _date(value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        context = {"value": repr(value), "hint": 'write "2026-12-01"'}
        raise PydanticCustomError("bad_date", "invalid date {value}", context) from None


LocalDate = Annotated[
    str,
    *_text("[0-9]{4}-[0-9]{2}-[0-9]{2}", "bad_date", "invalid date {value}", 'write "2026-12-01"'),
    _checked(_date),
    Written("date"),
]
"""A date in the contact's own zone, as quoted ISO text."""


_NOT_IN_ISO = {"XK", "AC", "TA"}
"""Kosovo, Ascension and Tristan da Cunha have numbers of their own."""

_USUAL_COUNTRIES = {
    "UK": "GB", "EN": "GB", "SP": "ES", "JA": "JP", "EL": "GR", "KO": "KR", "CS": "CZ", "DA": "DK",
    "SU": "RU",
}  # fmt: skip
"""Codes that are in use, though ISO 3166 has another. Those of languages are among them."""

_WRITE_A_COUNTRY = "write two capital letters of ISO 3166, such as US"


@cache
def countries() -> frozenset[str]:
    """The country codes that a campaign may use: those of ISO 3166, from the list in the `tzdata` package."""
    listed = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] for line in listed if line and not line.startswith("#")) | _NOT_IN_ISO


def _country(code: str) -> None:
    if code not in countries():
        meant = _USUAL_COUNTRIES.get(code)
        hint = f"did you mean `{meant}`?" if meant else _WRITE_A_COUNTRY
        raise PydanticCustomError("bad_country", "unknown country {code}", {"code": code, "hint": hint})


def country_written(text: str) -> str | None:
    """The country code that people mean by it; None if unknown."""
    code = text.upper()
    code = "GB" if code == "UK" else code
    return code if code in countries() else None


Country = Annotated[
    str,
    *_text("[A-Z]{2}", "bad_country", "invalid country code", _WRITE_A_COUNTRY),
    _checked(_country),
    Written("country code"),
]


_RULE_NAME = "[a-z0-9][a-z0-9-]{0,62}"


def _complete_shipped_names(schema: dict[str, Any]) -> None:
    """Editors offer the presets that ship with runner; there may be others."""
    shipped = (files("runner.campaign.rules") / "shipped").iterdir()
    names = sorted(file.name.removesuffix(".yaml") for file in shipped)
    schema["anyOf"] = [{"enum": names}, {"pattern": f"^{_RULE_NAME}$"}]


RuleName = Annotated[
    str,
    _checked(
        _matching(
            _RULE_NAME,
            "bad_preset_name",
            "invalid name of a rule preset",
            "1 to 63 lower-case letters, digits and -, such as us-federal",
        )
    ),
    Field(json_schema_extra=_complete_shipped_names),
    Written("preset"),
]

StateCode = Annotated[
    str, *_text("[A-Z]{2}", "bad_state", "invalid state {value}", "write two capital letters, such as FL")
]


# --- sources ---------------------------------------------------------------------------------------------


def _connection(name: str) -> None:
    if name.endswith("-token"):
        raise PydanticCustomError(
            "bad_connection",
            "a connection's name must not end in -token",
            {"hint": "RUNNER_CONNECTION_NAME_TOKEN is the setting that holds a connection's token"},
        )


ConnectionName = Annotated[
    str,
    *_text(
        "[a-z][a-z0-9-]{0,39}",
        "bad_connection",
        "invalid connection name",
        "the name of a setting RUNNER_CONNECTION_…, in lower-case letters, digits and -; "
        "addresses and passwords are not written here",
    ),
    _checked(_connection),
    Written("name of a connection"),
]

UrlPath = Annotated[
    str,
    *_text(
        r"/(?!/)[!-~]*",
        "bad_path",
        "invalid path",
        "write the part of the address after the host, such as /v1/contacts?status=due; "
        "the host is in the setting of the connection",
    ),
    Written("path"),
]

DottedPath = Annotated[
    str,
    *_text(r"[^\s.]+(\.[^\s.]+)*", "bad_path", "invalid path", "names joined by dots, such as data.items"),
    Written("names joined by dots"),
]
"""`data.items`: the value of `items` in the value of `data`."""

_NO_TEXT_ENCODINGS = {"idna", "mbcs", "oem", "palmos", "punycode", "undefined", "unicode-escape", "utf-7"}


def _encoding(name: str) -> None:
    try:
        found = codecs.lookup(name)
        known = found._is_text_encoding and found.name not in _NO_TEXT_ENCODINGS  # noqa: SLF001 - as open() asks
    except (LookupError, ValueError):
        known = False
    if not known:
        hint = "write for example utf-8, latin-1, windows-1252, utf-16 or shift-jis"
        raise PydanticCustomError("bad_encoding", "unknown encoding {value}", {"value": name, "hint": hint})


Encoding = Annotated[str, _checked(_encoding), Written("name of an encoding")]

Delimiter = Annotated[
    str,
    *_text(
        r"[^\w\"\r\n]",
        "bad_delimiter",
        "the delimiter must be one character, and not a letter, a digit or a quote",
        'a tab is written "\\t"',
    ),
    Written("character"),
]


# --- durations and hours ---------------------------------------------------------------------------------


def _duration(value: object) -> object:
    """Seconds from `90`, `"90s"`, `"45m"` or `"2h"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    hint = "write 90 (seconds), 90s, 45m or 2h"
    match = _matched(value, "([0-9]{1,9})([smh]?)", "bad_duration", "invalid duration {value}", hint)
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def duration_text(seconds: int) -> str:
    """`45m`, as people would write it in the file."""
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0, le=31 * 24 * 3600),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,9}[smh]?$"}]}
    ),
    Written("duration", show=duration_text),
]
"""Seconds."""


def _period(value: object) -> object:
    """Seconds from `"24h"` or `"30d"`; None for `campaign`."""
    if value == "campaign":
        return None
    hint = "write 24h, 30d, or campaign"
    match = _matched(value, "([1-9][0-9]{0,3})([hd])", "bad_period", "invalid period {value}", hint)
    return int(match[1]) * {"h": 3600, "d": 24 * 3600}[match[2]]


Period = Annotated[
    int | None,
    BeforeValidator(_period),
    WithJsonSchema({"type": "string", "pattern": "^([1-9][0-9]{0,3}[hd]|campaign)$"}),
    Written("period"),
]
"""Seconds; None for the whole campaign."""


_SHORTEST_POLL = 60


def _poll(value: object) -> object:
    if value == "off":
        return None
    seconds = _duration(value)
    if isinstance(seconds, int) and seconds < _SHORTEST_POLL:
        raise PydanticCustomError("out_of_range", "poll must be at least 1m, or off")
    return seconds


PollInterval = Annotated[
    Annotated[int, Field(le=31 * 24 * 3600)] | None,
    BeforeValidator(_poll),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 60},
                {"type": "string", "pattern": "^([0-9]{1,9}[smh]?|off)$"},
            ]
        }
    ),
    Written("duration, or `off`", show=duration_text),
]
"""Seconds; None for `off`."""


def _share(value: object) -> object:
    if value == "estimate":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise PydanticCustomError(
            "bad_share", "a share is a number from 0 to 1", {"hint": "write 0.45, or `estimate`"}
        )
    return value


Share = Annotated[
    float | None,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": "estimate"}]}),
    Written("number from 0 to 1, or `estimate`"),
]
"""None for `estimate`."""


def _percent(value: object) -> object:
    message = "invalid percentage {value}: it must be from 0% to 100%"
    hint = "write 30%; 100% allows everything"
    return int(_matched(value, "(0?[0-9]{1,2}|100)%", "bad_percentage", message, hint)[1])


Percentage = Annotated[
    int,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "string", "pattern": "^(100|[0-9]{1,2})%$"}),
    Written("percentage", show=lambda percent: f"{percent}%"),
]


def at_least(seconds: int, name: str) -> AfterValidator:
    """For a duration of this name."""

    def check(value: int) -> None:
        if value < seconds:
            message = f"{name} must be at least {duration_text(seconds)}"
            raise PydanticCustomError("out_of_range", message)

    return _checked(check)


DaySpec = Annotated[str, _checked(hours.parse_days), Field(json_schema_extra={"pattern": hours.DAYS_PATTERN})]

HoursSpec = Annotated[
    str | list[str],
    _checked(hours.parse_hours),
    WithJsonSchema(hours.SPEC_SCHEMA),
    Written("hours, or a list of hours"),
]

Weekly = Annotated[
    dict[DaySpec, HoursSpec],
    _checked(hours.parse_weekly),
    Field(json_schema_extra={"minProperties": 1}),
]
"""The hours of a week, by day."""


# --- templates, and what is not one ----------------------------------------------------------------------


def _readable(read: Callable[[Any], object]) -> AfterValidator:
    """Refuses what `read` raises TemplateSyntaxError for."""

    def check(source: str) -> None:
        try:
            read(source)
        except TemplateSyntaxError as error:
            # `line` counts from the template's first line, so that the loader can point into a block scalar.
            raise PydanticCustomError(
                "bad_template", "{reason}", {"reason": error.message, "line": error.line, "hint": error.hint}
            ) from error

    return _checked(check)


Template = Annotated[str, _readable(compile_template), Written("text", is_template=True)]
"""Text with {{ }} over `row` and `vars`; see `runner.campaign.templates`."""


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


Templates = Annotated[
    list[Template],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
    Written("text, or a list of text", is_template=True),
]
"""One template, or several to be tried in turn."""

Condition = Annotated[str, _readable(compile_condition), Written("condition", is_template=True)]
"""A template that decides on yes or no; see `runner.campaign.conditions`."""


def _not_rendered(what: str, hint: str) -> AfterValidator:
    """For values that are not templates. The message does not quote the value: it may be personal data."""

    def check(value: object) -> None:
        if isinstance(value, str) and is_meant_as_template(value):
            message = f"this looks like a template, but {what} not rendered"
            raise PydanticCustomError("bad_template", message, {"hint": hint})

    return _checked(check)


Constant = Annotated[
    Scalar, Written("value"), _not_rendered("constants are", "write the template where the value is used")
]

Cell = Annotated[Scalar | None, Written("value"), _not_rendered("rows are", "write the value itself")]
"""A value of an inline row."""


def _of_constants(value: object) -> None:
    if isinstance(value, str) and compile_template(value).reads_row:
        raise PydanticCustomError(
            "bad_template",
            "a parameter cannot depend on a row: the query is what gives the rows",
            {"hint": 'write "{{ vars.day }}", and the value under `vars`'},
        )


def _template_if_text(value: object) -> object:
    if isinstance(value, str):
        compile_template(value)
    return value


Parameter = Annotated[
    Scalar,
    _readable(_template_if_text),
    _checked(_of_constants),
    Written("value, or a template over `vars`"),
]
"""A value of a query."""


def _if_constant(check: Callable[[str], object]) -> AfterValidator:
    """Checks a template without {{ }} when it is loaded: it is the same for every row."""

    def check_constant(source: str) -> None:
        text = source.removesuffix("\n")
        if text and compile_template(source).is_constant:
            check(text)

    return _checked(check_constant)


def known_zone(name: str, *, also: str = "") -> str:
    """The name of an IANA zone, or the one other word that is allowed. Raises `bad_zone`."""
    if name in timezones.names() or (also and name == also):
        return name
    hint = timezones.zone_hint(name) or did_you_mean(name, {also}) or "write an IANA name: America/New_York"
    message = "{name} is not the IANA time zone of a place"
    raise PydanticCustomError("bad_zone", message, {"name": repr(name), "hint": hint})


def _url(text: str) -> None:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not text.isprintable() or " " in text:
        hint = 'write for example "https://hooks.example.org/insight"'
        raise PydanticCustomError("bad_url", "invalid URL", {"hint": hint})


_phone = _matching(
    r"\+[1-9][0-9]{6,14}",
    "bad_phone",
    "invalid phone number: E.164 format is required",
    'write + and the country code, without spaces: "+16175550100"',
)
_keys = _matching(
    r"[0-9*#,]*",
    "bad_post_dial",
    "invalid post_dial: it contains a character that is not a phone key",
    "only digits, * and #, and a comma for a pause",
)

_country_text = _matching("[A-Z]{2}", "bad_country", "invalid country code", _WRITE_A_COUNTRY)

CountryTemplate = Annotated[
    Template,
    _if_constant(_country_text),
    _if_constant(_country),
    Field(json_schema_extra={"pattern": r"^([A-Z]{2}|[\s\S]*\{[\s\S]*)?$"}),
    Written("country code", is_template=True),
]

ZoneTemplate = Annotated[Template, _if_constant(known_zone), Written("time zone", is_template=True)]

PhoneTemplate = Annotated[Template, _if_constant(_phone), Written("phone number", is_template=True)]

KeysTemplate = Annotated[Template, _if_constant(_keys), Written("phone keys", is_template=True)]

UrlTemplate = Annotated[Template, _if_constant(_url), Written("web address", is_template=True)]


def _constant_name(text: str) -> None:
    if "{{" in text or "{%" in text:
        raise TemplateSyntaxError("this name cannot be a template", 1, "write the name itself")
    check_text(text)


MetadataName = Annotated[
    str,
    *_text(
        r"[^\[\]\x00-\x20]([^\[\]\x00-\x1f]*[^\[\]\x00-\x20])?",
        "bad_metadata_name",
        "invalid metadatabase column name",
        "no square brackets or control characters, and no space at either end",
    ),
    _readable(_constant_name),
]
"""Sent as `metadata[name]`, which PHP's form parser takes apart at the brackets."""

Metadatabase = Annotated[
    str,
    *_text(
        r"[^\x00-\x20]([^\x00-\x1f]*[^\x00-\x20])?",
        "bad_metadatabase",
        "invalid metadatabase name",
        "write its name as Insight shows it, without a template",
    ),
    _readable(_constant_name),
]
