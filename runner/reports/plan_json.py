"""The plan as JSON, format version 1. The same plan gives the same bytes."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from runner.campaign.diagnostics import Diagnostic
from runner.contacts.contact import Exclusion, Reason
from runner.contacts.identity import Identity
from runner.contacts.phone import mask
from runner.planning.plan import Change, Plan, PlannedCall
from runner.reports.times import rfc3339

FORMAT_VERSION = 1
MASKED = "•••"


def plan_json(plan: Plan, identity: Identity, *, show_contacts: bool) -> str:
    """One line for each call, so that a diff of two plans reads well.

    Numbers and metadata are masked unless `show_contacts`; then they are exactly what will be sent.
    """
    head = {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.plan_id,
        "campaign": plan.campaign,
        "as_of": rfc3339(plan.as_of),
        "summary": summary(plan),
        "versions": {
            "tzdata": plan.versions.tzdata,
            "phonenumbers": plan.versions.phonenumbers,
            "holidays": plan.versions.holidays,
        },
    }
    lists = {
        "calls": [_call(call, identity, show_contacts=show_contacts) for call in plan.calls],
        "exclusions": [
            _exclusion(exclusion, identity, show_contacts=show_contacts) for exclusion in plan.exclusions
        ],
        "diagnostics": [diagnostic_json(diagnostic) for diagnostic in plan.diagnostics],
    }
    parts = [f" {_dump(name)}: {_dump(value)}" for name, value in head.items()]
    parts += [f" {_dump(name)}: {_lines(values)}" for name, values in lists.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def summary(plan: Plan) -> Mapping[str, int]:
    """The counts of section 4 of the format: rows = planned + excluded + already_queued + no_window."""
    reasons = Counter(exclusion.reason for exclusion in plan.exclusions)
    changes = Counter(call.change for call in plan.calls)
    apart = reasons[Reason.ALREADY_QUEUED] + reasons[Reason.NO_WINDOW]
    return {
        "rows": plan.rows,
        "planned": len(plan.calls),
        "excluded": len(plan.exclusions) - apart,
        "already_queued": reasons[Reason.ALREADY_QUEUED],
        "unchanged": changes[Change.UNCHANGED],
        "changed": changes[Change.CHANGED],
        "withdrawn": len(plan.withdrawals),
        "no_window": reasons[Reason.NO_WINDOW],
    }


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "col": diagnostic.col,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def _call(call: PlannedCall, identity: Identity, *, show_contacts: bool) -> dict[str, Any]:
    request = call.request
    found: dict[str, Any] = {
        "contact": call.key if show_contacts else identity.label(call.key),
        "ref": call.ref,
        "round": call.round,
        "phone": call.phone if show_contacts else mask(call.phone),
        "timezones": list(call.timezones),
        "queue_at": call.queue_at,
        "start_timestamp": call.start_timestamp,
        "end_timestamp": call.end_timestamp,
        "max_attempts": request.max_attempts,
        "reattempt_wait": request.reattempt_wait,
        "attempts_that_fit": call.attempts_that_fit,
        "phone_number": request.phone_number if show_contacts else masked_dial_string(call),
        "metadata": {
            name: value if show_contacts or not value else MASKED for name, value in request.metadata.items()
        },
    }
    if request.result_url:
        found["result_url"] = request.result_url if show_contacts else MASKED
    return found


def masked_dial_string(call: PlannedCall) -> str:
    """`tel:+1•••••••701;ani=…`: who is called and what is dialled after it stay hidden."""
    _, *suffixes = call.request.phone_number.split(";")
    return ";".join([f"tel:{mask(call.phone)}", *(f"{suffix.split('=')[0]}={MASKED}" for suffix in suffixes)])


def _exclusion(exclusion: Exclusion, identity: Identity, *, show_contacts: bool) -> dict[str, Any]:
    contact = exclusion.key if show_contacts or not exclusion.key else identity.label(exclusion.key)
    return {
        "contact": contact,
        "ref": identity.ref(exclusion.key) if exclusion.key else "",
        "reason": exclusion.reason,
        "source": exclusion.source,
        "row": exclusion.line,
        "detail": exclusion.detail,
    }


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(values: list[dict[str, Any]]) -> str:
    if not values:
        return "[]"
    return "[\n  " + ",\n  ".join(_dump(value) for value in values) + "\n ]"
