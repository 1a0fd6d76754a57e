"""Lines for programs: appended to a private file, and never a reason to wait."""

import errno
import os
import stat

import pytest

from runner.commands import line_file as module
from runner.commands.line_file import line_file
from runner.errors import RunnerError

FIRST = '{"type": "version"'


def lost(lines):
    return f"lost {lines}"


def write(path, *lines):
    with line_file(str(path), FIRST) as append:
        for line in lines:
            append(line, lost)


def test_a_new_file_is_private(tmp_path):
    file = tmp_path / "events"
    write(file, FIRST)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_are_appended(tmp_path):
    file = tmp_path / "events"
    write(file, FIRST, "a")
    write(file, FIRST, "b")
    assert file.read_text().splitlines() == [FIRST, "a", FIRST, "b"]


def test_a_line_that_was_cut_is_not_continued(tmp_path):
    file = tmp_path / "events"
    file.write_text(f"{FIRST}\nhal")
    write(file, "b")
    assert file.read_text().splitlines() == [FIRST, "hal", "b"]


def test_a_file_with_other_content_is_refused_unchanged(tmp_path):
    file = tmp_path / "campaign.yaml"
    file.write_text("version: 1\n")
    with pytest.raises(RunnerError, match="is not a file of events"):
        write(file, FIRST)
    assert file.read_text() == "version: 1\n"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(RunnerError, match="cannot be written: Is a directory"):
        write(tmp_path, FIRST)


def test_a_pipe_without_a_reader_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunnerError, match="cannot be written"):
        write(tmp_path / "pipe", FIRST)


def test_a_full_disk_is_noted_once_and_raises_nothing(capsys):
    write("/dev/full", "a", "b", "c")
    problem = "/dev/full cannot be written: No space left on device"
    assert capsys.readouterr().err == f"warning: events are lost, because {problem}; calls continue\n"


def test_a_line_counts_those_lost_before_it(tmp_path, monkeypatch):
    real, taken = os.write, iter([2, 0, 0])

    def full_at_first(descriptor, data):
        room = next(taken, len(data))
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:room])

    monkeypatch.setattr(module.os, "write", full_at_first)
    write(tmp_path / "events", "first", "second", "third")
    assert (tmp_path / "events").read_text().splitlines() == ["fi", "lost 2", "third"]


def test_a_reader_that_does_not_read_holds_nobody_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(tmp_path / "pipe", *["x" * 4000] * 100)
        assert "its reader is too slow" in capsys.readouterr().err
    finally:
        os.close(reader)
