"""`--outcomes`, `--callbacks` and `--seed`: of rehearsals, and of the sandbox as a server."""

import pytest

from runner.cli import run


@pytest.mark.parametrize(
    "option", [("--outcomes", "answered=35%"), ("--callbacks", "lost=30%"), ("--seed", "1")]
)
def test_apply_refuses_them_without_sandbox(capsys, option):
    assert run(["apply", "campaign.yaml", "--yes", *option]) == 64
    error = capsys.readouterr().err
    assert f"error: {option[0]} " in error
    assert "add --sandbox" in error


@pytest.mark.parametrize("command", [["apply", "campaign.yaml", "--sandbox", "--yes"], ["sandbox"]])
@pytest.mark.parametrize(
    ("option", "shows"),
    [
        (("--outcomes", "voicemail=35%"), "no_answer: "),
        (("--outcomes", "answered=90%,busy=20%"), "answered: "),
        (("--callbacks", "lost=much"), "doubled: "),
    ],
)
def test_an_unreadable_mix_is_wrong_usage_and_lists_the_kinds(
    capsys, monkeypatch, tmp_path, command, option, shows
):
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    assert run([*command, *option]) == 64
    error = capsys.readouterr().err
    assert option[1] in error
    assert shows in error
