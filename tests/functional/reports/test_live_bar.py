import re

from a_terminal import shown, terminal

from runner.calls import NO_REASON, CallState
from runner.contacts.identity import Identity
from runner.dispatch.events import CallEnded, ClockIsOff, Paused, Resumed, RunBegan
from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.live import LogOptions, live
from runner.reports.times import machine_time

IDENTITY = Identity(b"k" * 16)
LOG = LogOptions("spring")


def queued(number):
    return CallEnded(
        key=str(number),
        ref=f"ref{number}",
        state=CallState.QUEUED,
        reason=NO_REASON,
        call_id=str(number),
        start_timestamp=0,
    )


def test_a_run_shows_how_many_calls_of_all_at_what_rate_and_how_long_it_will_yet_take(monkeypatch):
    with (
        terminal(monkeypatch) as sent,
        live(4, Identity(b"k" * 16), lambda: 0.0, LogOptions("spring")) as on_event,
    ):
        on_event(RunBegan())
        for number in range(3):
            on_event(queued(number))
    assert re.search(r"queueing .* 3/4 +[0-9,.]+ calls/s +[-0-9]+:", shown(sent)), shown(sent)


def test_the_bar_is_hidden_while_entering_the_plan_shows_its_own(monkeypatch):
    with (
        terminal(monkeypatch) as sent,
        live(4, Identity(b"k" * 16), lambda: 0.0, LogOptions("spring")) as on_event,
    ):
        on_event(ClockIsOff(seconds=7.0))
    assert "7 s ahead" in shown(sent)
    assert "queueing" not in shown(sent)


def test_the_bar_shows_paused_until_the_resume(monkeypatch):
    pause_info = PauseInfo(campaign="spring", state=CampaignState.PAUSED, at=0.0, by="ann@desk")
    with (
        terminal(monkeypatch) as sent,
        live(4, Identity(b"k" * 16), lambda: 0.0, LogOptions("spring")) as on_event,
    ):
        on_event(RunBegan())
        on_event(Paused(pause_info=pause_info))
        on_event(Resumed())
    said = " ".join(shown(sent).split())
    assert f"PAUSED since {machine_time(0)} by ann@desk" in said
    assert "`runner resume spring`" in said
    assert "resumed: calls are sent again" in said
    assert "queueing" in said.rpartition("resumed")[2]
