"""Planned calls and plans made by hand: for tests of what happens to a plan, not of how it is made."""

import json

from runner.ledger.plan_entry import Binding
from runner.ledger.revision import NEVER_APPLIED
from runner.planning.plan import Change, DataVersions, Plan, PlannedCall, Withdrawal
from runner.planning.statistics import StatisticsBuilder

NOW = 1_796_166_000
CAMPAIGN = "clinic-followup"
BINDING = Binding(
    campaign=CAMPAIGN, survey_id="48211", instance_id="3", account="account-hash", origin="loopback"
)


def phone(number):
    return f"+1617{5_550_000 + number:07d}"


def call(key="c0", number=None, *, start=NOW + 300, metadata=None, change=Change.NEW, **values):
    """A new call that is due `start` less five minutes; `values` are fields of PlannedCall.

    Without a `number`, it follows from a key such as c12.
    """
    number = number or phone(int(key[1:]))
    return PlannedCall(
        **{
            "key": key,
            "ref": f"ref-{key}",
            "round": 1,
            "phone": number,
            "zones": '["America/New_York"]',
            "queue_at": start - 300,
            "start_timestamp": start,
            "end_timestamp": start + 3600,
            "earliest": None,
            "latest": None,
            "home": "",
            "states": "",
            "phone_number": f"tel:{number}",
            "max_attempts": 1,
            "reattempt_wait": None,
            "metadata": json.dumps(metadata or {}),
            "result_url": "",
            "change_name": str(change),
            "change_reason": "a test says so",
            "changed_fields": "",
            "start_before": None,
            "source": "contacts.csv",
            "line": 2,
            **values,
        }
    )


def calls(count, **values):
    return [call(f"c{number}", **values) for number in range(count)]


def plan(*calls, withdrawals=(), revision=NEVER_APPLIED, **values):
    """As made from a ledger with this revision of the campaign; `values` are fields of Plan."""
    return Plan(
        **{
            "plan_id": "sha256:test",
            "campaign": CAMPAIGN,
            "as_of": NOW,
            "rows": len(calls),
            "calls_per_minute": 300,
            "calls": calls,
            "exclusions": (),
            "statistics": StatisticsBuilder().statistics(),
            "withdrawals": tuple(_withdrawal(*each) for each in withdrawals),
            "ledger_revision": revision,
            "versions": DataVersions(tzdata="1", phonenumbers="1", holidays="1"),
            **values,
        }
    )


def _withdrawal(key, detail):
    return Withdrawal(
        key=key, round=1, reason=None, detail=detail, start_timestamp=NOW, timezones=("America/New_York",)
    )
