"""runner, on the database that setup.json names.

The worker does what `runner apply --yes` does: it checks the ledger, plans the contacts, enters the plan and
sends. Only the request rate is higher than the 1,000 a second that the setting allows.
"""

import asyncio
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peer import KEY, USER, Account, calls, setup
from sqlalchemy import create_engine, inspect, text

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.ledger.ledger import Ledger
from runner.services.apply import Apply
from runner.services.campaigns import load
from runner.services.environment import Environment
from runner.settings import load_settings

LIFTED = 1e6
CAMPAIGN = """\
version: 1
name: benchmark
survey: {{survey_id: "1", instance_id: "1"}}
contacts:
  sources: [{{type: csv, path: contacts.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
calling_windows: {{timezone: UTC, weekly: {{daily: "{opens:%H:%M}-{closes:%H:%M}"}}}}
retry_policy: {{max_attempts: 3, reattempt_wait: 45m}}
pacing: {pacing}
metadata: {{first_name: Ann, clinic: Main Street, visit: "2026-11-02", lang: en}}
"""


def enqueue() -> None:
    """What a user writes: the contacts and the campaign. Its window opens when the first call is due."""
    given = setup()
    pace = given.due_each_second
    opens = datetime.fromtimestamp(given.first_due, UTC)
    pacing = f"{{calls_per_minute: {60 * pace}, queue_ahead: 0}}" if pace else "{}"
    Path("campaign.yaml").write_text(
        CAMPAIGN.format(opens=opens, closes=opens + timedelta(hours=6), pacing=pacing)
    )
    rows = [f"c{number},{call['phone']}\n" for number, call in enumerate(calls())]
    Path("contacts.csv").write_text("".join(["id,phone\n", *rows]))


def work() -> None:
    given = setup()
    os.environ |= {
        "HOME": str(Path.cwd()),
        "RUNNER_INSIGHT_USERNAME": USER,
        "RUNNER_INSIGHT_DEVELOPER_KEY": KEY,
    }
    settings = load_settings().model_copy(
        update={
            "insight_base_url": given.base_url,
            "requests_per_second": LIFTED,
            "max_in_flight": given.in_flight,
        }
    )
    with closing(Ledger.open(given.database)) as ledger, ledger.hold("benchmark"):
        environment = Environment(settings, ledger, Timer(), RateLimit(LIFTED), is_rehearsal=False)
        apply = Apply(load(Path("campaign.yaml")), environment)
        apply.check()
        prepared = apply.plan()
        if apply.is_needed(prepared):
            asyncio.run(apply.run(prepared, lambda _event: None))


def account() -> Account:
    """A call that is not in the ledger yet will be planned."""
    engine = create_engine(setup().database)
    found = []
    if inspect(engine).has_table("calls"):
        with engine.connect() as connection:
            found = connection.execute(text("SELECT phone, state FROM calls")).all()
    states = {call["phone"]: "planned" for call in calls()} | {row.phone: row.state for row in found}
    return Account(
        waiting=[phone for phone, state in states.items() if state in {"planned", "sending"}],
        reported=[phone for phone, state in states.items() if state in {"uncertain", "refused", "skipped"}],
    )
