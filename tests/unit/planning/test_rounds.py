"""Further rounds: what follows a call, from when on, and at which hours first."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calls import CallState, Cause, ResultStatus
from runner.campaign.model import RetryPolicy
from runner.planning.rounds import (
    NextRound,
    PastCall,
    SlotKind,
    next_round,
    slot_kind,
    untried_windows,
)
from runner.planning.windows import Window

HOUR, DAY = 3_600, 86_400
NOON = int(datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp())
"""A Tuesday."""


def a_call(**changes: object) -> PastCall:
    call = PastCall(
        round=1,
        state=CallState.FAILED,
        result=ResultStatus.FAILED,
        start_timestamp=NOON,
        end_timestamp=NOON + 2 * HOUR,
        last_dial=NOON + HOUR,
    )
    return call._replace(**changes)  # type: ignore[arg-type]


def a_policy(
    rounds: int = 3, round_gap: int = 20 * HOUR, retry_on: tuple[str, ...] = ("failed",)
) -> RetryPolicy:
    return cast("RetryPolicy", SimpleNamespace(rounds=rounds, round_gap=round_gap, retry_on=retry_on))


def test_a_failed_call_is_followed_by_the_next_round_after_the_gap() -> None:
    assert next_round([a_call()], a_policy()) == NextRound(
        round=2, not_before=NOON + 21 * HOUR, tried_at=(NOON + HOUR,)
    )


def test_without_a_last_dial_the_gap_is_counted_from_the_end_of_the_call() -> None:
    following = next_round([a_call(last_dial=None)], a_policy())
    assert isinstance(following, NextRound)
    assert following.not_before == NOON + 22 * HOUR


@pytest.mark.parametrize("last_dial", [0, NOON - 5 * HOUR])
def test_a_last_dial_before_the_call_could_start_does_not_shorten_the_gap(last_dial: int) -> None:
    assert next_round([a_call(last_dial=last_dial)], a_policy()) == NextRound(
        round=2, not_before=NOON + 22 * HOUR, tried_at=(NOON,)
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"state": CallState.COMPLETED, "result": ResultStatus.COMPLETED}, Cause.FINISHED),
        ({"state": CallState.QUEUED, "result": None}, Cause.WAITING_FOR_RESULT),
        ({"state": CallState.SENDING, "result": None}, Cause.WAITING_FOR_RESULT),
        ({"state": CallState.UNCERTAIN, "result": None}, Cause.UNCERTAIN),
        ({"state": CallState.UNCERTAIN, "result": ResultStatus.FAILED}, Cause.UNCERTAIN),
        ({"state": CallState.ABANDONED, "result": None}, Cause.WAITING_FOR_RESULT),
        ({"state": CallState.CANCELED, "result": ResultStatus.CANCELED}, Cause.NOT_RETRIED),
        ({"state": CallState.QUEUED, "result": ResultStatus.UNKNOWN}, Cause.NOT_RETRIED),
        ({"round": 3}, Cause.ROUNDS_USED),
    ],
)
def test_nothing_follows_a_call_that(changes: dict[str, object], cause: Cause) -> None:
    assert next_round([a_call(**changes)], a_policy()) is cause


def test_an_unknown_result_is_followed_where_the_campaign_says_so() -> None:
    unknown = a_call(state=CallState.QUEUED, result=ResultStatus.UNKNOWN, last_dial=None)
    assert isinstance(next_round([unknown], a_policy(retry_on=("unknown",))), NextRound)


STATES = st.sampled_from(
    [state for state in CallState if state not in {CallState.PLANNED, CallState.SKIPPED}]
)
CALLS = st.builds(
    PastCall,
    round=st.integers(1, 4),
    state=STATES,
    result=st.none() | st.sampled_from(ResultStatus),
    start_timestamp=st.just(NOON),
    end_timestamp=st.integers(NOON + 300, NOON + DAY),
    last_dial=st.none() | st.integers(NOON, NOON + DAY),
)


@given(st.lists(CALLS, min_size=1, max_size=4), st.integers(1, 5), st.integers(HOUR, 3 * DAY))
def test_every_call_of_the_contact_has_to_allow_a_further_round(
    past: list[PastCall], rounds: int, gap: int
) -> None:
    found = next_round(past, a_policy(rounds=rounds, round_gap=gap))
    allowed = (
        all(call.result is ResultStatus.FAILED for call in past)
        and not any(call.state is CallState.UNCERTAIN for call in past)
        and max(call.round for call in past) < rounds
    )
    assert isinstance(found, NextRound) == allowed
    if isinstance(found, NextRound):
        assert found.round == 1 + max(call.round for call in past)
        for call in past:
            dialled = call.end_timestamp if call.last_dial is None else call.last_dial
            assert found.not_before >= dialled + gap
        assert found.not_before % 60 == 0


@pytest.mark.parametrize(
    ("local", "kind"),
    [
        ("2026-12-04T16:59:59", SlotKind.WEEKDAY_DAY),
        ("2026-12-04T17:00:00", SlotKind.WEEKDAY_EVENING),
        ("2026-12-05T00:00:00", SlotKind.WEEKEND),
        ("2026-12-06T23:59:59", SlotKind.WEEKEND),
        ("2026-12-07T00:00:00", SlotKind.WEEKDAY_DAY),
    ],
)
def test_the_kind_of_a_slot_follows_the_contacts_local_time(local: str, kind: SlotKind) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/Denver"))
    assert slot_kind(int(at.timestamp()), "America/Denver") is kind


def _kind_by_the_clock(at: int, name: str) -> str:
    """An oracle that shares no code with the product."""
    text = datetime.fromtimestamp(at, ZoneInfo(name)).strftime("%a %H")
    if text[:3] in {"Sat", "Sun"}:
        return "weekend"
    return "evening" if text[4:] >= "17" else "day"


@given(
    st.sampled_from(["America/New_York", "Africa/Cairo", "America/Santiago", "Pacific/Apia", "Asia/Kolkata"]),
    st.integers(0, 400 * DAY),
    st.lists(st.tuples(st.integers(1, 40 * HOUR), st.integers(1, 30 * HOUR)), min_size=1, max_size=5),
    st.lists(st.integers(0, 400 * DAY), max_size=2),
)
def test_untried_windows_are_exactly_the_minutes_of_other_kinds(
    name: str, begin: int, lengths: list[tuple[int, int]], tried: list[int]
) -> None:
    at, windows = NOON + begin // 60 * 60, []
    for gap, length in lengths:
        at += gap // 60 * 60
        windows.append(Window(at, at + 60 * (1 + length // 60)))
        at = windows[-1].end + 60
    tried_at = [NOON + second for second in tried]
    tried_kinds = frozenset(slot_kind(instant, name) for instant in tried_at)
    found = untried_windows(tuple(windows), tried_kinds, name)
    kinds = {_kind_by_the_clock(instant, name) for instant in tried_at}
    for window in windows:
        for minute in range(window.start, window.end, 60):
            inside = any(each.start <= minute < each.end for each in found)
            assert inside == (_kind_by_the_clock(minute, name) not in kinds)
