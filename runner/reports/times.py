"""Instants as text."""

from datetime import UTC, datetime

from runner.planning.zones import westernmost


def rfc3339(instant: float) -> str:
    """`2026-12-01T16:00:00Z`, to the second."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_time(instant: float) -> str:
    """`16:00:05Z`, for log lines."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%H:%M:%SZ")


def local_time(instant: int, zones: tuple[str, ...]) -> str:
    """`Tue 2026-12-01 17:15 EST`: the contact's own time, where it has several zones the earliest."""
    local = westernmost(instant, zones)
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}"


def duration(seconds: float) -> str:
    """`3 d 4 h`, `45 min`, `12 s`: the two largest units that matter."""
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        if whole >= size:
            parts.append(f"{whole // size} {name}")
            whole %= size
    return " ".join(parts[:2]) or "0 s"
