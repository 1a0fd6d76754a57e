"""Reads Insight's answers, in JSON or XML, strictly first and then as its documentation prints them. Pure.

The documentation shows JSON with single quotes and numbers as text (`{'success':true,'call_id':155761}`).
Whether the wire does is unknown, so both are read; an answer that cannot be read is said to be so, never
guessed at.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from runner.insight.php_form import php_form, with_lists

MOST_SHOWN = 500


class UnreadableError(ValueError):
    """The body is no answer of the API in any form we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAnswer:
    """What the queue endpoint said. `call_id` and `link` are empty when it gave none."""

    success: bool
    call_id: str
    link: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    event: str
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """The status of a call at Insight. Times are UTC Unix seconds, None where Insight gives none."""

    status: str
    attempts: int | None
    max_attempts: int | None
    queued_timestamp: int | None
    last_attempt_timestamp: int | None
    start_timestamp: int | None
    end_timestamp: int | None
    reattempt_wait: int | None
    events: tuple[CallEvent, ...]


def read_queue_answer(headers: Mapping[str, str], body: bytes) -> QueueAnswer:
    """The answer to a queue request; header names in lower case. Raises UnreadableError."""
    fields = _fields(headers, body)
    link = _link(headers.get("link", ""))
    return QueueAnswer(
        success=_truth(fields.get("success")),
        call_id=read_call_id(fields.get("call_id")) or read_call_id(link.rstrip("/").rsplit("/", 1)[-1]),
        link=link,
        error=_text(fields.get("error")),
    )


def call_ids_in(headers: Mapping[str, str], body: bytes, *, is_whole: bool) -> tuple[str, ...]:
    """Every call_id that an answer holds, readable or not, each once: in its body and in its Link header.

    More is taken for a call_id here than `read_queue_answer` accepts: it is evidence that Insight may have
    queued the call. Of an answer that is not whole, a number at its end may be cut off and does not count.
    """
    text = body.decode("utf-8-sig", "replace")
    if not is_whole:
        text = text.rstrip("0123456789")
    try:
        found = list(_named_call_ids(_fields(headers, body)))
    except UnreadableError:
        found = []
    found += _CALL_ID_IN_TEXT.findall(text)
    found += _CALL_ID_IN_LINK.findall(headers.get("link", ""))
    return tuple(dict.fromkeys(filter(_is_call_id, found)))


_CALL_ID_IN_TEXT = re.compile(r"(?i)call[_-]?id\W{1,20}(?:CDATA\W)?([0-9]{1,30})(?![0-9])")
_CALL_ID_IN_LINK = re.compile(r"/([0-9]{1,30})/?(?=[>;,?#\s]|$)")
_LONGEST_CALL_ID = 64


def _named_call_ids(value: object, name: str = "") -> Iterator[str]:
    """Every value under a name like `call_id`, at any depth."""
    match value:
        case dict():
            for key, inner in value.items():
                is_named = re.sub(r"[\W_]", "", str(key)).lower() == "callid"
                yield from _named_call_ids(inner, "call_id" if is_named else name)
        case list():
            for inner in value:
                yield from _named_call_ids(inner, name)
        case int() | float() | str() if name and not isinstance(value, bool):
            yield one_line(str(value))[:_LONGEST_CALL_ID]


def _is_call_id(text: str) -> bool:
    """Zero and nothing stand for "none"."""
    return bool(text.strip("0")) and text.lower() not in {"null", "none", "false"}


def read_call_details(headers: Mapping[str, str], body: bytes) -> CallDetails:
    """The answer to GET /outbound/{call_id}. Raises UnreadableError."""
    return _call_details(_fields(headers, body))


def read_callback(headers: Mapping[str, str], body: bytes) -> CallDetails:
    """What Insight posts to `result_url`, whose encoding it does not document: a form, JSON or XML.

    Raises UnreadableError.
    """
    try:
        fields = _fields(headers, body)
    except UnreadableError:
        fields = {name: with_lists(value) for name, value in php_form(body.strip()).items()}
    return _call_details(fields)


def _call_details(fields: Mapping[str, Any]) -> CallDetails:
    details = fields.get("call_details", fields)
    if not isinstance(details, dict) or not _text(details.get("status")):
        raise UnreadableError("it has no call_details")
    # One table of the documentation spells a name `start_Timestamp`.
    details = {name.lower(): value for name, value in details.items()}
    return CallDetails(
        status=_text(details["status"]),
        attempts=_number(details.get("attempts")),
        max_attempts=_number(details.get("max_attempts")),
        queued_timestamp=_number(details.get("queued_timestamp")),
        last_attempt_timestamp=_number(details.get("last_attempt_timestamp")),
        start_timestamp=_number(details.get("start_timestamp")),
        end_timestamp=_number(details.get("end_timestamp")),
        reattempt_wait=_number(details.get("reattempt_wait")),
        events=tuple(_events(details.get("events"))),
    )


def read_responses(headers: Mapping[str, str], body: bytes) -> int | None:
    """The answer to GET /surveys/{survey_id}/{instance_id}/responses; None where it holds no number."""
    try:
        return _number(_fields(headers, body).get("responses"))
    except UnreadableError:
        return None


def error_text(headers: Mapping[str, str], body: bytes) -> str:
    """The API's own words for what went wrong, or as much of the body as a person may want to see."""
    try:
        found = _text(_fields(headers, body).get("error"))
    except UnreadableError:
        found = ""
    return found or excerpt(body)


def excerpt(body: bytes) -> str:
    """The beginning of a body, on one line and without control characters."""
    return one_line(body[: MOST_SHOWN * 4].decode("utf-8", "replace"))


def one_line(text: str) -> str:
    """What terminals and ledgers can hold: no control characters or lone surrogates, not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MOST_SHOWN]


def _fields(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    text = body.decode("utf-8-sig", "replace").strip()
    if "xml" in headers.get("content-type", "") or text.startswith("<"):
        return _xml_fields(text)
    for read in (json.loads, _json_as_documented):
        try:
            found = read(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise UnreadableError("it is neither JSON nor XML of the API")


_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<mark>[{}\[\]:,])|(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<word>true|false|null|-?\d+(?:\.\d+)?)""",
    re.DOTALL,
)


def _json_as_documented(text: str) -> object:
    """JSON with text in single quotes, rewritten token by token and then read as JSON."""
    pieces = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError("invalid JSON")
        piece = token[0]
        if piece.startswith("'"):
            piece = json.dumps(re.sub(r"\\(['\"\\])", r"\1", piece[1:-1]))
        pieces.append(piece)
        position = token.end()
    return json.loads("".join(pieces))


def _xml_fields(text: str) -> dict[str, Any]:
    # Without a document type there are no entities, and so nothing that could expand.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnreadableError("it declares a document type, which the API never does")
    try:
        root = ET.fromstring(text)  # noqa: S314 - document types are refused above
        found = _value(root)
    except (ET.ParseError, ValueError, RecursionError):
        raise UnreadableError("it is not valid XML") from None
    return found if isinstance(found, dict) else {root.tag: found}


def _value(element: Element) -> Any:  # noqa: ANN401 - XML holds text, lists and records alike
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag == "item" for child in children):
        return [_value(child) for child in children]
    return {child.tag: _value(child) for child in children}


def _link(header: str) -> str:
    """The address in a Link header: bare, as the documentation prints it, or in the brackets of RFC 8288."""
    bracketed = re.match(r"\s*<([^>]*)>", header)
    link = bracketed[1] if bracketed else header.strip()
    return link if link.isprintable() else ""


def read_call_id(value: object) -> str:
    """The digits of a call_id; empty for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value).strip()
    return text if re.fullmatch(r"[0-9]{1,30}", text) and _is_call_id(text) else ""


def _truth(value: object) -> bool:
    return _text(value).lower() in {"true", "1"}


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else one_line(str(value))


def _number(value: object) -> int | None:
    text = _text(value)
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _events(value: object) -> Iterator[CallEvent]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, dict):
            timestamp = _number(entry.get("timestamp"))
            if timestamp is not None:
                yield CallEvent(event=_text(entry.get("event")), timestamp=timestamp)
