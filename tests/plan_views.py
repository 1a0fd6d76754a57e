"""Plans as their readers get them, made by hand: for tests of what is shown, not of what is planned."""

from datetime import UTC, datetime

from runner.calls import Cause, Reason
from runner.campaign.diagnostics import Diagnostic, Severity
from runner.planning.plan import Change, ChangeReason, DataVersions
from runner.planning.plan_view import CallView, ExclusionView, HoursView, PlanView, WithdrawalView

NINE_IN_NEW_YORK = int(datetime(2026, 12, 1, 14, tzinfo=UTC).timestamp())
"""Tuesday."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
NEW_YORK, CHICAGO, LOS_ANGELES = "America/New_York", "America/Chicago", "America/Los_Angeles"
EVENINGS = (((1035, 1230),),) * 5 + (((600, 840),), ())
"""mon-fri 17:15-20:30, sat 10:00-14:00."""
OFFICE_HOURS = (((540, 1020),),) * 7
REASON_OF = {
    Change.NEW: ChangeReason.FIRST_CALL,
    Change.MOVED: ChangeReason.START_PASSED,
    Change.CHANGED: ChangeReason.FIELDS_CHANGED,
    Change.UNCHANGED: ChangeReason.SLOT_KEPT,
}


def call(number=1, *, start=NINE_IN_NEW_YORK, zones=(NEW_YORK,), change=Change.NEW, **values):
    return CallView(
        **{
            "contact": f"p{number}",
            "ref": f"ref{number:07}",
            "round": 1,
            "phone": f"+1•••••••{number % 1000:03}",
            "timezones": zones,
            "queue_at": start - HOUR,
            "start_timestamp": start,
            "end_timestamp": start + 2 * HOUR,
            "max_attempts": 3,
            "reattempt_wait": 1200,
            "attempts_that_fit": 3,
            "phone_number": f"tel:+1•••••••{number % 1000:03};ani=•••",
            "metadata": {"site": "•••", "wave": "•••"},
            "result_url": "•••",
            "change": change,
            "reason": REASON_OF[change],
            "changed": ("metadata[site]",) if change is Change.CHANGED else (),
            "start_before": {Change.NEW: None, Change.MOVED: start - DAY}.get(change, start),
            "source": "visits.csv",
            "row": number + 1,
            **values,
        }
    )


def exclusion(number=1, *, reason=Reason.SUPPRESSED, detail="on stop.csv:2", **values):
    return ExclusionView(
        **{
            "contact": f"x{number}",
            "ref": f"refx{number:06}",
            "reason": reason,
            "source": "visits.csv",
            "row": 5000 + number,
            "detail": detail,
            **values,
        }
    )


def withdrawal(number=1, *, reason=None, detail="its row is gone", **values):
    return WithdrawalView(
        **{
            "contact": f"w{number}",
            "ref": f"refw{number:06}",
            "round": 1,
            "reason": reason,
            "detail": detail,
            "start_timestamp": NINE_IN_NEW_YORK + number * MINUTE,
            **values,
        }
    )


def warning(**values):
    return Diagnostic(
        **{
            "severity": Severity.WARNING,
            "code": "no-caller-id",
            "message": "people will see no number that they could call back",
            "file": "campaigns/follow-up.yaml",
            "line": 7,
            "col": 3,
            "hint": "set `caller_id`, or silence this",
            "source_line": "  caller_id:",
            **values,
        }
    )


def plan_view(calls=(), exclusions=(), withdrawals=(), diagnostics=(), **values):
    """The summary is counted from what is given."""
    reasons = [found.reason for found in exclusions]
    changes = [made.change for made in calls]
    apart = sum(map(reasons.count, (Reason.ALREADY_QUEUED, Reason.NO_WINDOW, Reason.REFUSED)))
    return PlanView(
        **{
            "plan_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "campaign": "follow-up",
            "survey_id": "48211",
            "instance_id": "3",
            "as_of": NINE_IN_NEW_YORK - HOUR,
            "summary": {
                "rows": len(calls) + len(exclusions),
                "planned": len(calls),
                "excluded": len(exclusions) - apart,
                "already_queued": reasons.count(Reason.ALREADY_QUEUED),
                "uncertain": [found.cause for found in exclusions].count(Cause.UNCERTAIN),
                "new": changes.count(Change.NEW),
                "moved": changes.count(Change.MOVED),
                "changed": changes.count(Change.CHANGED),
                "unchanged": changes.count(Change.UNCHANGED),
                "withdrawn": len(withdrawals),
                "no_window": reasons.count(Reason.NO_WINDOW),
                "refused": reasons.count(Reason.REFUSED),
                "further_calls": 0,
            },
            "rounds": 1,
            "hours": HoursView(timezone="contact", weekly=OFFICE_HOURS, calls_per_minute=20),
            "versions": DataVersions(tzdata="2026c", phonenumbers="9.0.1", holidays="0.60"),
            "calls": tuple(calls),
            "exclusions": tuple(exclusions),
            "withdrawals": tuple(withdrawals),
            "diagnostics": tuple(diagnostics),
            "suppressed_warnings": (),
            **values,
        }
    )


def a_week_of_calls():
    """Seven zones over four days, every kind of change, and contacts with several zones."""
    offsets = {NEW_YORK: 0, CHICAGO: 1, "America/Denver": 2, LOS_ANGELES: 3, "America/Anchorage": 4,
               "Pacific/Honolulu": 5}  # fmt: skip
    sizes = {NEW_YORK: 900, CHICAGO: 500, "America/Denver": 140, LOS_ANGELES: 420, "America/Anchorage": 25,
             "Pacific/Honolulu": 12}  # fmt: skip
    opens = NINE_IN_NEW_YORK + 8 * HOUR + 15 * MINUTE
    kinds = [Change.NEW] * 12 + [Change.MOVED, Change.UNCHANGED, Change.UNCHANGED, Change.CHANGED]
    calls = []
    for name, size in sizes.items():
        for index in range(size):
            day, within = divmod(index, size // 4 + 1)
            # Fewer and fewer in the course of an evening.
            minutes = int(185 * (within / (size // 4 + 1)) ** 1.6)
            start = opens + offsets[name] * HOUR + day * DAY + minutes * MINUTE
            calls.append(
                call(len(calls) + 1, start=start, zones=(name,), change=kinds[len(calls) % len(kinds)])
            )
    several = ("America/Boise", LOS_ANGELES, "America/Phoenix", "America/Denver")
    calls += [call(3000 + n, start=opens + 3 * HOUR + n * 5 * MINUTE, zones=several) for n in range(8)]
    return sorted(calls, key=lambda made: made.start_timestamp)


def a_busy_plan():
    excluded = [
        (Reason.SUPPRESSED, 140, {"detail": "on stop.csv:2"}),
        (Reason.ALREADY_QUEUED, 60, {"detail": "queued by an earlier apply"}),
        (Reason.INVALID_PHONE, 4, {"detail": "too short for a US number", "contact": "", "ref": ""}),
        (Reason.NO_WINDOW, 1, {"detail": "its last window ended on 2026-11-30"}),
    ]
    on_the_hour = {
        "code": "on-the-hour",
        "message": "calls start on the hour",
        "line": 12,
        "col": 9,
        "source_line": '    mon-fri: "17:00-20:30"',
    }
    return plan_view(
        calls=a_week_of_calls(),
        exclusions=[
            exclusion(100 * index + number, reason=reason, **values)
            for index, (reason, size, values) in enumerate(excluded)
            for number in range(size)
        ],
        withdrawals=[
            *(withdrawal(number) for number in range(3)),
            withdrawal(9, reason=Reason.SUPPRESSED, detail="on stop.csv:12"),
        ],
        diagnostics=[warning(), warning(**on_the_hour)],
        hours=HoursView(timezone="contact", weekly=EVENINGS, calls_per_minute=20),
    )
