"""How faults are written and drawn."""

import pytest

from runner.errors import UsageError
from runner.insight.sandbox.faults import MEANINGS, STATUSES, Fault, Faults, Kind, parse_fault


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_is_a_fault(status: int) -> None:
    assert parse_fault(str(status)) == Fault(kind=Kind.STATUS, status=status)


def test_each_kind_has_a_meaning() -> None:
    assert {kind for kind in Kind if kind is not Kind.STATUS} < set(MEANINGS)
    assert all(MEANINGS.values())


def test_the_error_for_an_unknown_fault_lists_every_fault_with_its_meaning() -> None:
    with pytest.raises(UsageError, match="unknown fault 'sneeze'") as caught:
        parse_fault("sneeze")
    for kind, meaning in MEANINGS.items():
        assert f"\n  {kind}: {meaning}" in caught.value.hint


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.STATUS])
def test_each_kind_is_a_fault(kind: Kind) -> None:
    assert parse_fault(kind.value) == Fault(kind=kind)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("500*3", Fault(kind=Kind.STATUS, status=500, times=3)),
        ("reset-after@10%", Fault(kind=Kind.RESET_AFTER, chance=0.1)),
        ("slow:2", Fault(kind=Kind.SLOW, seconds=2)),
        ("slow:0.5*2@12.5%", Fault(kind=Kind.SLOW, seconds=0.5, times=2, chance=0.125)),
        ("slow:0", Fault(kind=Kind.SLOW, seconds=0)),
        ("hang*0", Fault(kind=Kind.HANG, times=0)),
        ("hang@0%", Fault(kind=Kind.HANG, chance=0)),
        ("500-after*1", Fault(kind=Kind.ERROR_AFTER, times=1)),
    ],
)
def test_times_chance_and_seconds_are_read(spec: str, fault: Fault) -> None:
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "200",
        "999",
        "status",
        "HANG",
        "hang ",
        "500*",
        "500*-1",
        "500@10",
        "slow:",
        "slow:1s",
        "hang@1%*2",
    ],
)
def test_anything_else_is_wrong_usage_and_says_what_there_is(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(spec)
    assert "reset-after" in caught.value.hint
    assert "429" in caught.value.hint


def drawn(faults: Faults, times: int) -> list[Kind | None]:
    return [fault.kind if (fault := faults.draw()) else None for _ in range(times)]


def test_faults_are_drawn_in_order_as_often_as_they_say() -> None:
    faults = Faults((parse_fault("hang*2"), parse_fault("garbage*1")))
    assert drawn(faults, 4) == [Kind.HANG, Kind.HANG, Kind.GARBAGE, None]


def test_a_fault_without_a_number_of_times_stays() -> None:
    assert drawn(Faults((parse_fault("hang"),)), 50) == [Kind.HANG] * 50


def test_chance_makes_about_that_many_and_the_same_each_run() -> None:
    first, second = (drawn(Faults((parse_fault("hang@10%"),)), 1000) for _ in range(2))
    assert first == second
    assert 50 < first.count(Kind.HANG) < 150


def test_a_chance_of_nothing_and_no_times_never_happen() -> None:
    assert drawn(Faults((parse_fault("hang@0%"), parse_fault("hang*0"))), 50) == [None] * 50


def test_refusing_is_for_connections_and_all_else_for_requests() -> None:
    faults = Faults((parse_fault("refuse*1"), parse_fault("500*1")))
    assert drawn(faults, 2) == [Kind.STATUS, None]
    assert [faults.refuses(), faults.refuses()] == [True, False]


def test_faults_can_be_replaced_and_cleared() -> None:
    faults = Faults((parse_fault("hang"),))
    faults.set([parse_fault("garbage")])
    assert drawn(faults, 1) == [Kind.GARBAGE]
    faults.set([])
    assert drawn(faults, 1) == [None]
