"""The calls that every tool makes, and the files in which it finds them."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import many_contacts
import queueing
from peer import Call, Setup
from planned_calls import call


def write_calls(folder: Path, given: Setup, count: int) -> list[Call]:
    """Gives the folder what a tool reads; returns the calls."""
    many_contacts.write_contacts(folder / "people.csv", count)
    with (folder / "people.csv").open(newline="") as file:
        phones = [f"+1{row['phone']}" for row in csv.DictReader(file)]
    every = given.due_each_second
    calls = [
        request(f"c{number}", phone, given.first_due + (number // every if every else 0), given.base_url)
        for number, phone in enumerate(phones)
    ]
    (folder / "setup.json").write_text(json.dumps(asdict(given)))
    (folder / "calls.json").write_text(json.dumps(calls))
    return calls


def request(key: str, phone: str, due: int, base_url: str) -> Call:
    """As runner makes it from the campaign in runner_peer.py."""
    planned = call(
        key,
        phone,
        start=due + 300,
        end_timestamp=due + 6 * 3600,
        max_attempts=3,
        reattempt_wait=2700,
        metadata={"first_name": "Ann", "clinic": "Main Street", "visit": "2026-11-02", "lang": "en"},
    )
    made = queueing.request_of(planned)
    return {
        "phone": phone,
        "due": due,
        "url": base_url + made.path,
        "headers": dict(made.headers),
        "body": made.body.decode(),
    }
