"""The plan as JSON, format version 1. The same plan gives the same bytes."""

import json
from dataclasses import asdict
from itertools import repeat
from typing import Any

from runner.planning.plan_view import CallView, PlanView
from runner.planning.saved_plan import Pins
from runner.reports.diagnostic_json import diagnostic_json
from runner.reports.times import rfc3339

FORMAT_VERSION = 1


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
