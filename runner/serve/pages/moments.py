"""Instants as pages show them. Pure, but for the zone of this machine."""

from typing import NamedTuple

from runner.reports.times import machine_time, rfc3339


class Moment(NamedTuple):
    machine: str
    """For programs that read the page."""
    words: str


def moment(instant: float) -> Moment:
    """UTC Unix seconds."""
    return Moment(rfc3339(instant), machine_time(instant))


def optional_moment(instant: float | None) -> Moment | None:
    return None if instant is None else moment(instant)
