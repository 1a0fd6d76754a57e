"""The plan as JSON, format version 1. The same plan gives the same bytes."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from itertools import repeat
from typing import Any

from runner.campaign.rules.rule_set import NOT_LEGAL_ADVICE
from runner.planning.inputs import Inputs
from runner.planning.plan_view import CallView, ExclusionView, PlanView, WithdrawalView
from runner.reports.forms import FORMAT_VERSION
from runner.reports.json_text import diagnostic_json, json_text
from runner.reports.times import rfc3339

_END = "\n}\n"


def plan_json(plan: PlanView) -> Iterator[str]:
    """A call at a time, and each on its own line, so that a diff of two plans reads well."""
    yield from _open_object(plan, None)
    yield _END


def saved_plan_json(plan: PlanView, inputs: Inputs, sign: Callable[[str], str]) -> Iterator[str]:
    """The same with the fingerprint of its inputs, and at its end the signature of all that precedes it,
    which `sign` makes from the checksum.
    """
    digest = hashlib.sha256()
    for piece in _open_object(plan, inputs):
        digest.update(piece.encode())
        yield piece
    yield f',\n "signature": {json_text(sign(digest.hexdigest()))}{_END}'


def checksum_of(plan: PlanView, inputs: Inputs) -> str:
    """The checksum that `saved_plan_json` has signed."""
    digest = hashlib.sha256()
    for piece in _open_object(plan, inputs):
        digest.update(piece.encode())
    return digest.hexdigest()


def _open_object(plan: PlanView, inputs: Inputs | None) -> Iterator[str]:
    """All but its end."""
    head = {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.plan_id,
        "campaign": plan.campaign,
        "survey_id": plan.survey_id,
        "instance_id": plan.instance_id,
        "as_of": rfc3339(plan.as_of),
        "summary": dict(plan.summary),
        "rounds": plan.rounds,
        "hours": asdict(plan.hours),
        "versions": asdict(plan.versions),
        "sources": [asdict(source) for source in plan.sources],
    }
    if plan.metadatabase:
        head["metadatabase"] = plan.metadatabase
    if plan.calls_per_day is not None:
        head["calls_per_day"] = plan.calls_per_day
    if plan.variables:
        head["variables"] = dict(plan.variables)
    if plan.rules:
        head["rules"] = {"notice": NOT_LEGAL_ADVICE, "presets": [asdict(rule) for rule in plan.rules]}
    if inputs is not None:
        names = [field.name for field in fields(inputs) if field.name != "calls"]
        head["inputs"] = {name: getattr(inputs, name) for name in names}
    fingerprints = inputs.calls if inputs is not None else repeat(None)
    lists: dict[str, Iterable[Mapping[str, Any]]] = {
        "calls": (
            _call(call, fingerprint) for call, fingerprint in zip(plan.calls, fingerprints, strict=False)
        ),
        "exclusions": map(_fields, plan.exclusions),
        "withdrawals": map(_fields, plan.withdrawals),
        "diagnostics": map(diagnostic_json, plan.diagnostics),
        "suppressed_warnings": (warning._asdict() for warning in plan.suppressed_warnings),
    }
    yield "{\n" + ",\n".join(f" {json_text(name)}: {json_text(value)}" for name, value in head.items())
    for name, values in lists.items():
        yield f",\n {json_text(name)}: "
        yield from _lines(values)


def _call(call: CallView, fingerprint: str | None) -> dict[str, Any]:
    found = _fields(call)
    if fingerprint is not None:
        found["fingerprint"] = fingerprint
    if not call.result_url:
        del found["result_url"]
    return found


def _fields(view: CallView | ExclusionView | WithdrawalView) -> dict[str, Any]:
    """As `asdict` has it, which takes ten times as long: it copies every value."""
    return {name: getattr(view, name) for name in view.__slots__}


def _lines(values: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before = "[\n  "
    for value in values:
        yield before + json_text(value)
        before = ",\n  "
    yield "\n ]" if before.startswith(",") else "[]"
