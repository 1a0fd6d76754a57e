"""Rows that are screened by processes beside this one come to the same as here, in the same order."""

import io
import os
import pickle
import signal
import subprocess

import pytest
from small_campaign import campaign, person

from runner.contacts.contact import Exclusion, Row
from runner.contacts.identity import Identity
from runner.errors import RunnerError
from runner.planning.screening import Screening
from runner.services import screened_rows as module
from runner.services.screened_rows import screened_rows

KEY = b"privacy"
LOADED = campaign(
    contacts="""\
  not_before: "{{ row.earliest }}"
  where: "{{ row.name != 'Ann p7' }}"
""",
    more="""\
caller_id: "+16175550199"
metadata:
  name: "{{ row.name | upper }}"
  first: "{{ row.tags[0] }}"
""",
)


def rows(count):
    (source,) = LOADED.campaign.contacts.sources
    for number in range(count):
        phone = "no number" if number % 10 == 3 else f"617 555 {number:04}"
        tags = [] if number % 10 == 4 else ["a", {"b": "ünï"}]
        earliest = "tomorrow" if number % 10 == 5 else "2026-12-01"
        values = person(f"p{number}", phone, tags=tags, earliest=earliest)
        yield source, Row(source=source.path, line=number + 2, values=values)


@pytest.fixture
def few(monkeypatch):
    """Other processes are asked from the hundredth row on, a few rows at a time."""
    monkeypatch.setattr(module, "_FEW", 100)
    monkeypatch.setattr(module, "_AT_A_TIME", 7)
    monkeypatch.setattr(module, "_processors", lambda: 3)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("count", [0, 99, 100, 101, 107, 108, 300])
def test_every_row_comes_to_the_same_in_the_same_order(count):
    here = list(Screening(LOADED.campaign, Identity(KEY)).screen(rows(count)))
    assert list(screened_rows(LOADED.campaign, KEY, rows(count))) == here
    assert len(here) == count
    if count == 300:
        assert {type(entry) for entry in here} == {Exclusion, type(here[0])}
        assert any(getattr(entry, "fault", "") for entry in here)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("can_widen", [True, False])
@pytest.mark.parametrize("size", [9_000, 90_000])
def test_rows_larger_than_any_pipe_come_to_the_same(monkeypatch, size, can_widen):
    """A reader that does not check whether there is room waits here for ever."""
    if not can_widen:
        monkeypatch.setattr(module, "_SET_PIPE_SIZE", None)

    wide = campaign(more='metadata: {a: "{{ row.wide0 }}", b: "{{ row.wide0 }}"}\n')
    (source,) = wide.campaign.contacts.sources

    def wide_rows():
        for _, row in rows(500):
            columns = {f"wide{number}": "x" * 9_000 for number in range(size // 9_000)}
            yield source, row._replace(values={**row.values, **columns})

    here = list(Screening(wide.campaign, Identity(KEY)).screen(wide_rows()))
    assert list(screened_rows(wide.campaign, KEY, wide_rows())) == here


@pytest.mark.usefixtures("few")
def test_a_killed_process_is_reported_and_nothing_hangs(monkeypatch):
    # So that most questions are still to be asked.
    monkeypatch.setattr(module, "_PIPE_BYTES", 4096)
    begun = []
    popen = subprocess.Popen

    def begin(*args, **more):
        begun.append(popen(*args, **more))
        return begun[-1]

    monkeypatch.setattr(module.subprocess, "Popen", begin)
    found = screened_rows(LOADED.campaign, KEY, rows(5_000))
    for _ in range(150):
        next(found)
    os.kill(begun[0].pid, signal.SIGKILL)
    with pytest.raises(RunnerError, match="ended before its work was done"):
        list(found)
    assert all(process.poll() is not None for process in begun)


def test_an_error_in_runner_itself_is_reported_without_what_is_in_the_row(monkeypatch):
    def fail(_screening, _rows):
        raise KeyError("+16175550123")

    monkeypatch.setattr(Screening, "screen", fail)
    asked = [(LOADED.campaign, KEY, False), [(0, "people.csv", 2, {})]]
    answers = io.BytesIO()
    module.answer_all(io.BytesIO(b"".join(map(pickle.dumps, asked))), answers)
    error = pickle.loads(answers.getvalue())
    assert error.message.startswith("unexpected error KeyError in ")
    assert "617" not in repr(vars(error))


@pytest.mark.usefixtures("few")
def test_a_reader_that_stops_early_leaves_no_process_behind(monkeypatch):
    begun = []
    popen = subprocess.Popen

    def begin(*args, **more):
        begun.append(popen(*args, **more))
        return begun[-1]

    monkeypatch.setattr(module.subprocess, "Popen", begin)
    found = screened_rows(LOADED.campaign, KEY, rows(5_000))
    for _ in range(150):
        next(found)
    found.close()
    assert len(begun) == 3
    assert all(process.poll() is not None for process in begun)


def test_one_processor_does_it_all_here(monkeypatch):
    monkeypatch.setattr(module, "_FEW", 10)
    monkeypatch.setattr(module, "_processors", lambda: 1)
    monkeypatch.setattr(module.subprocess, "Popen", lambda *_, **__: pytest.fail("another process"))
    assert len(list(screened_rows(LOADED.campaign, KEY, rows(30)))) == 30
