import os

import pytest

from runner.contacts.sources.file import SourceFolder
from runner.errors import SourceError


@pytest.fixture
def tree(tmp_path):
    """A git work tree `repo` with a campaign two folders down, and a file beside the tree."""
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/campaigns/autumn").mkdir(parents=True)
    (tmp_path / "repo/contacts").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for path in ("repo/contacts/a.csv", "repo/campaigns/autumn/b.csv", "elsewhere/c.csv", "repo/.git/config"):
        (tmp_path / path).write_text("id\n1\n")
    return tmp_path


def folder(tree, **options):
    return SourceFolder(tree / "repo/campaigns/autumn/campaign.yaml", **options)


def test_a_path_is_relative_to_the_campaign_file(tree):
    assert folder(tree).find("b.csv") == (tree / "repo/campaigns/autumn/b.csv").resolve()


def test_a_source_may_be_anywhere_in_the_work_tree(tree):
    inside = (tree / "repo/contacts/a.csv").resolve()
    assert folder(tree).find("../../contacts/a.csv") == inside
    assert folder(tree).find(str(inside)) == inside


def test_the_work_tree_of_a_worktree_or_submodule_ends_at_its_git_file(tree):
    (tree / "repo/campaigns/.git").write_text("gitdir: elsewhere\n")
    with pytest.raises(SourceError, match="outside"):
        folder(tree).find("../../contacts/a.csv")


def test_without_git_only_the_folder_of_the_campaign_is_open(tree):
    (tree / "repo/.git/config").unlink()
    (tree / "repo/.git").rmdir()
    assert folder(tree).find("b.csv").name == "b.csv"
    with pytest.raises(SourceError, match="outside"):
        folder(tree).find("../../contacts/a.csv")


@pytest.mark.parametrize("path", ["../../../elsewhere/c.csv", "link.csv", "linked/c.csv", "/etc/passwd"])
def test_nothing_outside_is_read_not_even_through_a_link(tree, path):
    (tree / "repo/campaigns/autumn/link.csv").symlink_to(tree / "elsewhere/c.csv")
    (tree / "repo/campaigns/autumn/linked").symlink_to(tree / "elsewhere")
    with pytest.raises(SourceError, match="outside") as error:
        folder(tree).find(path)
    assert "RUNNER_DATA_ROOTS" in error.value.hint


def test_the_error_does_not_reveal_which_files_exist_outside(tree):
    messages = set()
    for name in ("c.csv", "missing.csv"):
        with pytest.raises(SourceError) as error:
            folder(tree).find(f"../../../elsewhere/{name}")
        messages.add(str(error.value).replace(name, "x"))
    assert len(messages) == 1


def test_a_data_root_opens_its_folder(tree):
    found = folder(tree, data_roots=[tree / "elsewhere"]).find("../../../elsewhere/c.csv")
    assert found == (tree / "elsewhere/c.csv").resolve()


def test_a_link_inside_the_tree_is_followed(tree):
    (tree / "repo/campaigns/autumn/link.csv").symlink_to(tree / "repo/contacts/a.csv")
    assert folder(tree).find("link.csv") == (tree / "repo/contacts/a.csv").resolve()


@pytest.mark.parametrize("path", ["../../.git/config", ".env", ".hidden/a.csv", "innocent.csv"])
def test_names_that_begin_with_a_dot_are_refused(tree, path):
    here = tree / "repo/campaigns/autumn"
    (here / ".hidden").mkdir()
    (here / ".hidden/a.csv").write_text("id\n1\n")
    (here / ".env").write_text("SECRET=1\n")
    (here / "innocent.csv").symlink_to(here / ".env")
    with pytest.raises(SourceError, match="dot"):
        folder(tree).find(path)


def test_a_path_that_is_not_a_regular_file_is_refused_without_opening_it(tree):
    os.mkfifo(tree / "repo/campaigns/autumn/pipe.csv")
    for path in ("pipe.csv", ".."):
        with pytest.raises(SourceError, match="not a regular file"):
            folder(tree).find(path)


def test_the_ledger_is_refused_by_any_name(tree):
    ledger = tree / "repo/campaigns/autumn/ledger.db"
    ledger.write_text("")
    (ledger.parent / "ledger.db-wal").write_text("")
    (ledger.parent / "link.csv").symlink_to(ledger)
    for path in ("ledger.db", "ledger.db-wal", "link.csv"):
        with pytest.raises(SourceError, match="ledger"):
            folder(tree, forbidden=[ledger]).find(path)


@pytest.mark.parametrize("path", ["missing.csv", "b.csv/x.csv", "a\0b.csv", "loop.csv", "x" * 5000])
def test_a_path_that_does_not_exist_is_a_clear_error(tree, path):
    (tree / "repo/campaigns/autumn/loop.csv").symlink_to("loop.csv")
    with pytest.raises(SourceError):
        folder(tree).find(path)
