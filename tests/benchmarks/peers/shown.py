"""What the comparison shows: a line for each tool, and where it was measured."""

import os
import platform
import sqlite3
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from counting import Count

PACKAGES = ("huey", "procrastinate", "apscheduler", "httpx")
HEADING = (
    "Tool", "In flight", "Calls a second", "CPU seconds", "Late: half, 99 % within", "Kills", "Called twice",
    "Lost", "Left to a person",
)  # fmt: skip


def table(lines: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [HEADING, ("---",) * len(HEADING), *lines])


def late(half: float, most: float) -> str:
    return f"{half * 1000:,.0f}, {most * 1000:,.0f} ms"


def after_kills(kills: int, found: Count) -> tuple[str, ...]:
    """The last four cells."""
    called = f", {found.reported_arrived:,} of them called" if found.reported else ""
    return str(kills), f"{found.twice:,}", f"{found.lost:,}", f"{found.reported:,}{called}"


def machine(database_url: str) -> str:
    """Where this was measured, and with which versions."""
    with psycopg.connect(database_url.replace("+psycopg", "")) as database:
        durable = [database.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit")]
        postgresql = database.execute("SHOW server_version").fetchone()[0]
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {models[0].partition(': ')[2]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, PostgreSQL {postgresql} "
        f"(fsync {durable[0]}, synchronous_commit {durable[1]}), {packages}; "
        f"databases in {tempfile.gettempdir()}."
    )
