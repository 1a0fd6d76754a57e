"""What a user would write instead of runner: one row after the other, results in a list.

It has no ledger, checks no duplicates and keeps no history; it is here to be measured against.
"""

import csv
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import phonenumbers
from phonenumbers import timezone

METADATA = {
    "name": "{{ row.first_name | title }} {{ row.last_name | title }}",
    "language": "{{ 'es' if row.lang == 'ES' else 'en' }}",
    "site": "{{ row.site }}",
    "visit": "{{ row.visit }}",
}
OPENS, CLOSES, SATURDAY = time(9, 15), time(20, 45), 5
SPACING = timedelta(milliseconds=200)


def plan(contacts: Path, suppressed: Path, first_day: datetime) -> list[dict[str, object]]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    templates = {name: environment.from_string(source) for name, source in METADATA.items()}
    with suppressed.open(newline="") as file:
        never = {_e164(row["phone"]) for row in csv.DictReader(file)}
    calls: list[dict[str, object]] = []
    turn = first_day
    with contacts.open(newline="") as file:
        for row in csv.DictReader(file):
            number = phonenumbers.parse(row["phone"], "US")
            if not phonenumbers.is_valid_number(number):
                continue
            phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            if phone in never:
                continue
            zones = [ZoneInfo(name) for name in timezone.time_zones_for_number(number)]
            starts = max(_next_opening(turn, zone) for zone in zones)
            turn += SPACING
            metadata = {name: template.render(row=row) for name, template in templates.items()}
            calls.append(
                {"key": row["id"], "phone": phone, "start": starts.timestamp(), "metadata": metadata}
            )
    return calls


def _e164(text: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(text, "US"), phonenumbers.PhoneNumberFormat.E164)


def _next_opening(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first moment from `moment` on that lies in the local window of a weekday."""
    local = moment.astimezone(zone)
    while True:
        opens = datetime.combine(local.date(), OPENS, zone)
        closes = datetime.combine(local.date(), CLOSES, zone)
        if local.weekday() <= SATURDAY and local < closes:
            return max(local, opens).astimezone(UTC)
        local = datetime.combine(local.date() + timedelta(days=1), OPENS, zone)


if __name__ == "__main__":
    found = plan(Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
    sys.stdout.write(f"{len(found)}\n")
