"""Campaigns and contacts for acceptance tests."""

from datetime import UTC, datetime, timedelta

from shell import Person

PLACES = {
    "+1212": "America/New_York",
    "+1312": "America/Chicago",
    "+1303": "America/Denver",
    "+1213": "America/Los_Angeles",
    "+1808": "Pacific/Honolulu",
}
"""Area codes in five zones."""


def contacts_csv(count: int) -> str:
    """`count` contacts, one after the other in five time zones."""
    prefixes = list(PLACES)
    rows = ["id,first name,phone,lang"]
    rows += [
        f"c-{n:04},Ann{n} Ö'Neil & Søn,{prefixes[n % 5]}555{2000 + n:04},{'ES' if n % 3 == 0 else 'EN'}"
        for n in range(count)
    ]
    return "\n".join(rows) + "\n"


def future_dates(days: int = 10) -> str:
    """A range of local dates that lies in the future in every zone, so that slots do not depend on now."""
    today = datetime.now(UTC).date()
    first, last = today + timedelta(days=2), today + timedelta(days=2 + days)
    return f'{{from: "{first}", to: "{last}"}}'


def campaign_yaml(
    *, name: str = "five-zones", windows: str | None = None, pacing: str = "{}", more: str = ""
) -> str:
    """A campaign that is sent at once: its calls are queued long ahead of their start."""
    windows = windows or f'{{dates: {future_dates()}, weekly: {{daily: ["9:15-12:00", "13:15-17:00"]}}}}'
    return f"""\
version: 1
name: {name}
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: contacts.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
calling_windows: {windows}
retry_policy: {{max_attempts: 3, reattempt_wait: 45m}}
pacing: {pacing}
caller_id: "+16175550100"
post_dial: "1,2#"
metadata:
  first_name: "{{{{ row['first name'] | title }}}}"
  language: "{{{{ 'es' if row.lang == 'ES' else 'en' }}}}"
  empty: ""
result_url: "https://hooks.example.org/insight?c={{{{ row.id }}}}&x=1"
{more}"""


AHEAD = "{queue_ahead: 720h}"
"""Everything is due at once."""


def due_at_once(person: Person, count: int) -> None:
    """Gives a person the campaign with `count` contacts, all of them due."""
    person.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    person.write("contacts.csv", contacts_csv(count))
