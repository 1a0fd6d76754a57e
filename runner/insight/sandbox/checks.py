"""What a strict server finds wrong with a queue request or a pushed record, field by field. Pure.

Source: the parameter table of "Queuing an Outbound Call", and `max_attempts`'s error as it prints it.
"""

import json
import re
from urllib.parse import urlsplit

from runner.insight.php_form import PhpForm

_FIELDS = {
    "phone_number",
    "start_timestamp",
    "end_timestamp",
    "max_attempts",
    "reattempt_wait",
    "metadata",
    "result_url",
}
_PHONE = re.compile(r"(?:tel:)?\+?[1-9][0-9]{6,14}(?P<suffixes>(?:;(?:ani|postd)=[^;]*)*)")
_TIMESTAMP = re.compile(r"[0-9]{1,10}")
_MOST_ATTEMPTS = 10


def first_error(form: PhpForm, now: float) -> str | None:
    """The API's error text for this form, or None when the call can be queued. `now` in UTC Unix seconds."""
    unknown = sorted(form.keys() - _FIELDS)
    if unknown:
        return f"{unknown[0]} is not a valid parameter."
    if isinstance(form.get("metadata", {}), str):
        return "metadata must be an array."
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    if len(texts) != len(form) - ("metadata" in form):
        return "only metadata can be an array."
    return (
        _phone_error(texts.get("phone_number", ""))
        or _time_error(texts, now)
        or _attempts_error(texts)
        or _url_error(texts.get("result_url"))
    )


def record_error(form: PhpForm) -> str | None:
    """The API's error text for this form, or None when its record can be added."""
    unknown = sorted(form.keys() - {"metadatabase", "record"})
    if unknown:
        return f"{unknown[0]} is not a valid parameter."
    if not form.get("metadatabase"):
        return "metadatabase is required."
    try:
        record = json.loads(str(form.get("record", "")))
    except ValueError:
        record = None
    is_record = isinstance(record, dict) and all(isinstance(value, str) for value in record.values())
    return None if record and is_record else "record must be a JSON object of texts."


def _phone_error(text: str) -> str | None:
    match = _PHONE.fullmatch(text)
    if match is None:
        return "phone_number is not a valid phone number." if text else "phone_number is required."
    names = []
    for suffix in match["suffixes"].split(";")[1:]:
        name, _, value = suffix.partition("=")
        names.append(name)
        if not re.fullmatch(r"\+?[0-9]{7,15}" if name == "ani" else r"[0-9*#,]+", value):
            return f"{name} is not valid."
    return "ani and postd can only be given once." if len(set(names)) != len(names) else None


def _time_error(texts: dict[str, str], now: float) -> str | None:
    for name in ("start_timestamp", "end_timestamp"):
        if name in texts and not _TIMESTAMP.fullmatch(texts[name]):
            return f"{name} must be a Unix timestamp."
    if "end_timestamp" in texts:
        end = int(texts["end_timestamp"])
        if end <= int(texts.get("start_timestamp", "0")):
            return "end_timestamp must be after start_timestamp."
        if end <= now:
            return "end_timestamp must be in the future."
    return None


def _attempts_error(texts: dict[str, str]) -> str | None:
    attempts = texts.get("max_attempts", "1")
    if not re.fullmatch(r"[0-9]{1,2}", attempts) or not 1 <= int(attempts) <= _MOST_ATTEMPTS:
        return "attempts can only be an integer between 1 and 10."
    wait = texts.get("reattempt_wait")
    if int(attempts) > 1 and wait is None:
        return "reattempt_wait is required when max_attempts is greater than 1."
    if wait is not None and not re.fullmatch(r"[1-9][0-9]{0,8}", wait):
        return "reattempt_wait must be a number of seconds."
    return None


def _url_error(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    return None if valid else "result_url is not a valid URL."
