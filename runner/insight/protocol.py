"""Requests of Insight's outbound API, as the exact bytes that leave. Pure: values in, bytes out.

Facts about the API: "Queuing an Outbound Call" in Plum's documentation, and what PHP, in which Insight is
written, makes of a form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote_plus

from runner.calls import CallRequest, metadata_json

Accept = Literal["json", "xml"]
FORM = "application/x-www-form-urlencoded"

# The names are the same for all calls of a campaign.
_quoted = lru_cache(maxsize=256)(quote_plus)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRequest:
    """One POST of a form. `path` is below the API's base URL."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def queue_request(
    *,
    survey_id: str,
    instance_id: str,
    call: CallRequest,
    start_timestamp: int,
    end_timestamp: int,
    accept: Accept,
) -> FormRequest:
    """The request that queues one call between two UTC Unix seconds."""
    fields = [
        ("phone_number", call.phone_number),
        ("start_timestamp", str(start_timestamp)),
        ("end_timestamp", str(end_timestamp)),
        ("max_attempts", str(call.max_attempts)),
    ]
    if call.max_attempts > 1:
        fields.append(("reattempt_wait", str(call.reattempt_wait)))
    # PHP makes an array of `metadata[name]`. The campaign model refuses names with brackets.
    fields += [(f"metadata[{name}]", value) for name, value in call.metadata.items()]
    if call.result_url:
        fields.append(("result_url", call.result_url))
    return _form_request(f"/surveys/{survey_id}/{instance_id}/queue", fields, accept)


def call_now_request(
    *, survey_id: str, instance_id: str, phone_number: str, metadata: Mapping[str, str], accept: Accept
) -> FormRequest:
    """The simplest request: Insight dials at once, and a single time."""
    fields = [("phone_number", phone_number)]
    fields += [(f"metadata[{name}]", value) for name, value in metadata.items()]
    return _form_request(f"/surveys/{survey_id}/{instance_id}/queue", fields, accept)


def record_request(*, metadatabase: str, metadata: Mapping[str, str], accept: Accept) -> FormRequest:
    """The request that pushes the metadata of one call to a metadatabase, as a record."""
    fields = [("metadatabase", metadatabase), ("record", metadata_json(metadata))]
    return _form_request("/metadatabase_push", fields, accept)


def _form_request(path: str, fields: Sequence[tuple[str, str]], accept: Accept) -> FormRequest:
    return FormRequest(
        path=path,
        headers=(("Content-Type", FORM), ("Accept", f"application/{accept}")),
        body="&".join([f"{_quoted(name)}={quote_plus(value)}" for name, value in fields]).encode("ascii"),
    )
