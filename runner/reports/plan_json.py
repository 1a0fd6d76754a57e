"""The plan as JSON, format version 1, and a saved plan read back. The same plan gives the same bytes."""

import json
from dataclasses import asdict
from datetime import datetime
from itertools import repeat
from typing import Any

from pydantic import TypeAdapter, ValidationError

from runner.campaign import timezones
from runner.campaign.diagnostics import Diagnostic
from runner.errors import RunnerError
from runner.planning.plan_view import CallView, PlanView
from runner.planning.saved_plan import Pins, SavedPlan
from runner.reports.times import rfc3339

FORMAT_VERSION = 1


class NoPlanError(RunnerError):
    """The text is no plan that this version of runner saved."""


def plan_json(plan: PlanView, pins: Pins | None = None) -> str:
    """One line for each call, so that a diff of two plans reads well. With its pins it is a saved plan."""
    head = {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.plan_id,
        "campaign": plan.campaign,
        "survey_id": plan.survey_id,
        "instance_id": plan.instance_id,
        "as_of": rfc3339(plan.as_of),
        "summary": dict(plan.summary),
        "hours": asdict(plan.hours),
        "versions": asdict(plan.versions),
    }
    if pins is not None:
        head["saved"] = {name: value for name, value in asdict(pins).items() if name != "calls"}
    call_pins = pins.calls if pins is not None else repeat(None)
    lists = {
        "calls": [_call(call, pin) for call, pin in zip(plan.calls, call_pins, strict=False)],
        "exclusions": [asdict(exclusion) for exclusion in plan.exclusions],
        "withdrawals": [asdict(withdrawal) for withdrawal in plan.withdrawals],
        "diagnostics": [diagnostic_json(diagnostic) for diagnostic in plan.diagnostics],
        "silenced": [silenced._asdict() for silenced in plan.silenced],
    }
    parts = [f" {_dump(name)}: {_dump(value)}" for name, value in head.items()]
    parts += [f" {_dump(name)}: {_lines(values)}" for name, values in lists.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_saved_plan(text: str) -> SavedPlan:
    """Raises NoPlanError. A saved plan comes with a pull request, so nothing of it is taken on trust."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or "plan_id" not in content:
            raise NoPlanError("it is no plan", hint=_MAKE_ONE)
        if content.pop("format_version", None) != FORMAT_VERSION:
            raise NoPlanError("another version of runner made it", hint=_MAKE_ONE)
        pins = content.pop("saved", None)
        if pins is None:
            raise NoPlanError("it is the output of a plan, not a saved plan", hint=_MAKE_ONE)
        content["as_of"] = datetime.fromisoformat(content["as_of"]).timestamp()
        pins["calls"] = [call.pop("pin") for call in content["calls"]]
        for call in content["calls"]:
            call.setdefault("result_url", "")
        saved = SavedPlan(view=_VIEW.validate_python(content), pins=_PINS.validate_python(pins))
        _check_sense(saved.view)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise NoPlanError(f"it is damaged at {place}", hint=_MAKE_ONE) from None
    except json.JSONDecodeError:
        raise NoPlanError("it is no JSON", hint=_MAKE_ONE) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoPlanError("it is damaged", hint=_MAKE_ONE) from None
    return saved


_MAKE_ONE = "`runner plan campaign.yaml -o plan.json` saves a plan"
_VIEW, _PINS = TypeAdapter(PlanView), TypeAdapter(Pins)
_LATEST = 32_503_680_000
"""The year 3000, in Unix seconds."""


def _check_sense(view: PlanView) -> None:
    """Raises ValueError for values of the right type that no plan can hold."""
    instants = [view.as_of, *(withdrawal.start_timestamp for withdrawal in view.withdrawals)]
    for call in view.calls:
        instants += [call.queue_at, call.start_timestamp, call.end_timestamp, call.start_before or 0]
        if not call.timezones or not timezones.names().issuperset(call.timezones):
            raise ValueError("a zone that does not exist")
    if not all(0 <= instant < _LATEST for instant in instants):
        raise ValueError("an instant that no calendar has")
    if len(view.hours.weekly) != DAYS_A_WEEK or _SUMMARY - view.summary.keys():
        raise ValueError("a part is missing")


DAYS_A_WEEK = 7
_SUMMARY = {
    "rows",
    "planned",
    "excluded",
    "already_queued",
    "new",
    "moved",
    "changed",
    "unchanged",
    "withdrawn",
    "no_window",
}


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Without the line of the file: whoever has the place has the file."""
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "col": diagnostic.col,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def _call(call: CallView, pin: str | None) -> dict[str, Any]:
    found = asdict(call)
    if pin is not None:
        found["pin"] = pin
    if not call.result_url:
        del found["result_url"]
    return found


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(values: list[dict[str, Any]]) -> str:
    if not values:
        return "[]"
    return "[\n  " + ",\n  ".join(_dump(value) for value in values) + "\n ]"
