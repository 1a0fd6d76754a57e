"""Recomputes every rate of a report from its exports alone, with no code of runner.

python tests/recompute_rates.py calls.csv contacts.csv report.json

`calls.csv` is an export by call, `contacts.csv` one by contact, `report.json` the report with --output json,
all three of one campaign. It prints what differs, and exits with 1 if anything does.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from datetime import datetime
from math import isclose, sqrt
from pathlib import Path
from zoneinfo import ZoneInfo

ENDED = {"completed", "failed", "canceled"}
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def outcome_rates(contacts, e):
    """By AAPOR's formulas, from the column `group` of the contacts; `e` is "estimate" or a number."""
    n = Counter(contact["group"] for contact in contacts)
    i, p, r, nc, o, ne = (n[group] for group in ("I", "P", "R", "NC", "O", "NE"))
    u = n["UH"] + n["UO"]
    known = i + p + r + nc + o
    if e == "estimate":
        e = known / (known + ne) if known + ne else 1.0
    below = {"1": known + u, "2": known + e * u, "3": known}
    found = {
        "RR1": (i, below["1"]),
        "RR2": (i + p, below["1"]),
        "RR3": (i, below["2"]),
        "RR4": (i + p, below["2"]),
        "RR5": (i, known),
        "RR6": (i + p, known),
        "COOP1": (i, i + p + r + o),
        "COOP2": (i + p, i + p + r + o),
        "COOP3": (i, i + p + r),
        "COOP4": (i + p, i + p + r),
    }
    for place, bottom in below.items():
        found[f"REF{place}"] = (r, bottom)
        found[f"CON{place}"] = (i + p + r + o, bottom)
    return {name: (top / bottom if bottom else None) for name, (top, bottom) in found.items()}


def contact_rates(calls):
    """Answered and tried, by each kind of the report's contact rates."""
    found = defaultdict(lambda: [0, 0])

    def tried(kind, key, answered):
        found[kind, key][0] += answered
        found[kind, key][1] += 1

    for call in calls:
        if call["result"] not in ENDED:
            continue
        answered = call["result"] == "completed"
        tried("round", int(call["round"]), answered)
        tried("zone", call["zone"], answered)
        dials = call["dials"].split()
        for place, dial in enumerate(dials, start=1):
            local = local_time(dial, call["zone"].split())
            was_answered = answered and place == len(dials)
            tried("hour", local.hour, was_answered)
            tried("weekday", DAYS[local.weekday()], was_answered)
            tried("weekday_and_hour", (DAYS[local.weekday()], local.hour), was_answered)
    return found


def local_time(dial, zones):
    instant = datetime.fromisoformat(dial)
    return min(instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for zone in zones)


def wilson(answered, tried):
    z = 1.959963984540054
    share = answered / tried
    middle = (share + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried)) / (1 + z * z / tried)
    return middle - half, middle + half


def reported_contact_rates(report):
    for kind, entries in report["contact_rates"].items():
        if isinstance(entries, list):
            for entry in entries:
                key = tuple(entry[name] for name in kind.split("_and_"))
                yield (kind, key if len(key) > 1 else key[0]), entry


def differences(calls, contacts, report):
    """What the report says otherwise than the exports."""
    e = "estimate" if report["e"]["estimated"] else report["e"]["value"]
    expected = outcome_rates(contacts, e)
    reported = {rate["name"]: rate["value"] for rate in report["rates"]}
    yield from unequal(expected, reported)
    codes = Counter(contact["aapor"] for contact in contacts)
    yield from unequal(codes, {each["code"]: each["contacts"] for each in report["dispositions"]}, missing=0)
    tried = contact_rates(calls)
    entries = dict(reported_contact_rates(report))
    if tried.keys() != entries.keys():
        yield f"contact rates of {sorted(map(str, tried.keys() ^ entries.keys()))} stand on one side alone"
        return
    for key, (answered, all_of_them) in tried.items():
        low, high = wilson(answered, all_of_them)
        wanted = {"tried": all_of_them, "answered": answered, "low": low, "high": high}
        yield from (
            f"{key} {line}" for line in unequal(wanted | {"rate": answered / all_of_them}, entries[key])
        )
    until = Counter(
        int(each["attempts_until_answered"]) for each in contacts if each["attempts_until_answered"]
    )
    reported_until = {each["attempts"]: each["contacts"] for each in report["attempts_until_answered"]}
    yield from unequal(until, reported_until)


def unequal(expected, reported, missing=None):
    for name in sorted(
        expected.keys() | (reported.keys() if missing is not None else expected.keys()), key=str
    ):
        want, got = expected.get(name, missing), reported.get(name, missing)
        if (want is None) != (got is None) or (want is not None and not isclose(want, got, abs_tol=1e-9)):
            yield f"{name}: the exports give {want}, the report {got}"


def read(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(calls, contacts, report):
    found = list(
        differences(read(calls), read(contacts), json.loads(Path(report).read_text(encoding="utf-8")))
    )
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
