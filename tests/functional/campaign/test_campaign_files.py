"""The example files under tests/campaigns: each valid one loads, each invalid one has the errors it names."""

import os
from pathlib import Path

import pytest

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import MAX_BYTES, load_campaign
from runner.errors import ExitStatus, RunnerError

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
VALID = sorted((CAMPAIGNS / "valid").glob("*.yaml"))
INVALID = sorted((CAMPAIGNS / "invalid").glob("*.yaml"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_campaign_loads_without_any_warning_but_the_smallest(path):
    loaded = load_campaign(path)
    assert loaded.path == path
    expected = ["no_caller_id"] if path.stem == "smallest" else []
    assert [warning.code for warning in loaded.warnings] == expected


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_campaign_has_exactly_the_errors_it_names(path):
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expects: ")
    with pytest.raises(CampaignInvalidError) as raised:
        load_campaign(path)
    found = raised.value.diagnostics
    assert " ".join(f"{each.line}:{each.code}" for each in found) == expected
    assert {each.file for each in found} == {str(path)}
    assert raised.value.exit_status is ExitStatus.CAMPAIGN_INVALID


def unreadable(path):
    with pytest.raises(RunnerError) as raised:
        load_campaign(path)
    assert not isinstance(raised.value, CampaignInvalidError)
    assert "\n" not in raised.value.message
    assert str(path) in raised.value.message
    return raised.value.message


def test_a_missing_file_is_one_clear_line(tmp_path):
    assert "there is no file" in unreadable(tmp_path / "none.yaml")


def test_a_folder_is_not_a_campaign_file(tmp_path):
    assert "is a folder" in unreadable(tmp_path)


def test_a_pipe_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "not a regular file" in unreadable(tmp_path / "pipe.yaml")


def test_a_path_through_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert unreadable(tmp_path / "file" / "a.yaml")


def test_a_file_that_is_not_utf_8_is_one_clear_line_with_the_place(tmp_path):
    (tmp_path / "a.yaml").write_bytes("version: 1\nname: é\n".encode("latin-1"))
    assert "not UTF-8 text (line 2)" in unreadable(tmp_path / "a.yaml")


def test_a_file_of_more_than_a_mebibyte_is_not_read(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    assert "larger than 1 MiB" in unreadable(tmp_path / "a.yaml")
