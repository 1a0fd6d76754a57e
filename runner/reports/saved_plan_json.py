"""A saved plan, read back from untrusted JSON."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from runner.campaign import timezones
from runner.errors import RunnerError
from runner.planning.inputs import Inputs
from runner.planning.plan_view import PlanView, statistics_of
from runner.planning.saved_plan import SavedPlan
from runner.reports.forms import FORMAT_VERSION
from runner.reports.plan_forms import SummaryForm


class NoPlanError(RunnerError):
    """The text is not a plan that this version of runner saved."""


def read_saved_plan(text: str) -> SavedPlan:
    """Raises NoPlanError. A saved plan comes with a pull request, so nothing of it is taken on trust."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or "plan_id" not in content:
            raise NoPlanError("not a plan", hint=_MAKE_ONE)
        if content.pop("format_version", None) != FORMAT_VERSION:
            raise NoPlanError("another version of runner made it", hint=_MAKE_ONE)
        inputs = content.pop("inputs", None)
        if inputs is None:
            raise NoPlanError("it is the output of a plan, not a saved plan", hint=_MAKE_ONE)
        content["as_of"] = datetime.fromisoformat(content["as_of"]).timestamp()
        signature = content.pop("signature")
        content["rules"] = content.get("rules", {"presets": []})["presets"]
        inputs["calls"] = [call.pop("fingerprint") for call in content["calls"]]
        for call in content["calls"]:
            call.setdefault("result_url", "")
        view = replace(_VIEW.validate_python(content), statistics=None)
        _check_sense(view)
        saved = SavedPlan(
            view=replace(view, statistics=statistics_of(view)),
            inputs=_INPUTS.validate_python(inputs),
            signature=_SIGNATURE.validate_python(signature),
        )
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise NoPlanError(f"it is damaged at {place or 'signature'}", hint=_MAKE_ONE) from None
    except json.JSONDecodeError:
        raise NoPlanError("not valid JSON", hint=_MAKE_ONE) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise NoPlanError("it is damaged", hint=_MAKE_ONE) from None
    return saved


_MAKE_ONE = "`runner plan campaign.yaml -o plan.json` saves a plan"
_VIEW, _INPUTS = TypeAdapter(PlanView), TypeAdapter(Inputs)
_SIGNATURE = TypeAdapter(Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\.[0-9a-f]{64}$")])
_LATEST = 32_503_680_000
"""The year 3000, in Unix seconds."""


def _check_sense(view: PlanView) -> None:
    """Raises ValueError for values of the right type that no plan can hold."""
    instants = [view.as_of, *(withdrawal.start_timestamp for withdrawal in view.withdrawals)]
    for call in view.calls:
        instants += [call.queue_at, call.start_timestamp, call.end_timestamp, call.start_before or 0]
    zone_sets = [each.timezones for each in view.calls] + [each.timezones for each in view.withdrawals]
    if not all(zones and timezones.names().issuperset(zones) for zones in zone_sets):
        raise ValueError("a zone that does not exist")
    if not all(0 <= instant < _LATEST for instant in instants):
        raise ValueError("a time that does not exist")
    if len(view.hours.weekly) != _DAYS_A_WEEK or _SUMMARY - view.summary.keys():
        raise ValueError("a part is missing")


_DAYS_A_WEEK = 7
_SUMMARY = SummaryForm.__required_keys__
