"""The promise: two campaigns of one name are told apart by where their files come from, on any machine."""

import subprocess

import pytest

from runner.contacts.identity import Identity
from runner.services.binding import is_other, repository_of

IDENTITY = Identity(b"privacy key of the tests")


@pytest.fixture(autouse=True)
def git_of_the_tests(monkeypatch, tmp_path):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def git(folder, *arguments):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def folder(path):
    (path / "campaigns").mkdir(parents=True)
    (path / "campaigns/clinic.yaml").write_text(f"# {path.name}\n")
    return path


def repository(path):
    git(folder(path), "init", "--quiet")
    commit(path)
    return path


def commit(path):
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--allow-empty", "-m", f"Work in {path.name}")


def clone(path, to, *more):
    git(path.parent, "clone", "--quiet", *more, path.as_uri(), str(to))
    return to


def of(path, name="campaigns/clinic.yaml", identity=IDENTITY):
    return repository_of(path / name, identity)


def test_two_repositories_differ(tmp_path):
    assert is_other(of(repository(tmp_path / "one")), of(repository(tmp_path / "two")))


def test_two_clones_of_one_repository_in_different_folders_are_the_same(tmp_path):
    one = repository(tmp_path / "one")
    two = clone(one, tmp_path / "two")
    commit(two)
    assert not is_other(of(one), of(two))
    assert of(one)["folder"] != of(two)["folder"]


def test_a_shallow_clone_is_known_by_its_remote(tmp_path):
    origin, other = repository(tmp_path / "origin"), repository(tmp_path / "other")
    for path in (origin, other):
        commit(path)
    full = clone(origin, tmp_path / "full")
    shallow = clone(origin, tmp_path / "shallow", "--depth", "1")
    assert not is_other(of(full), of(shallow))
    assert is_other(of(clone(other, tmp_path / "foreign", "--depth", "1")), of(shallow))
    assert is_other(of(clone(other, tmp_path / "foreign too")), of(shallow))


@pytest.mark.parametrize(
    "remote",
    ["git@git.example.org:team/surveys.git", "https://ann:secret@git.example.org/team/surveys/"],
    ids=["ssh", "https"],
)
def test_a_remote_is_the_same_however_it_is_written(tmp_path, remote):
    one, two = repository(tmp_path / "one"), repository(tmp_path / "two")
    git(one, "remote", "add", "origin", "ssh://git@git.example.org/team/surveys.git")
    git(two, "remote", "add", "origin", remote)
    assert of(one)["remote"] == of(two)["remote"]


def test_two_files_of_one_repository_differ(tmp_path):
    path = repository(tmp_path / "one")
    (path / "campaigns/copy.yaml").write_text("")
    assert is_other(of(path), of(path, "campaigns/copy.yaml"))


def test_without_git_the_folder_counts_and_a_link_to_it_is_the_same(tmp_path):
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    (tmp_path / "link").symlink_to(one)
    assert is_other(of(one), of(two))
    assert not is_other(of(one), of(tmp_path / "link"))


def test_a_folder_that_is_put_under_git_stays_the_same(tmp_path):
    path = folder(tmp_path / "one")
    before = of(path)
    git(path, "init", "--quiet")
    unborn = of(path)
    commit(path)
    assert not is_other(before, unborn)
    assert not is_other(unborn, of(path))
    assert not is_other(before, of(path))


def test_what_is_unknown_is_not_called_another(tmp_path):
    assert not is_other({}, of(repository(tmp_path / "one")))


def test_it_names_no_folder_and_no_address(tmp_path):
    path = repository(tmp_path / "one")
    git(path, "remote", "add", "origin", "https://git.example.org/team/surveys")
    found = of(path)
    assert set(found) == {"root_commit", "remote", "folder"}
    assert all(len(value) == 64 and int(value, 16) for value in found.values())
    assert set(found.values()).isdisjoint(of(path, identity=Identity(b"another key")).values())
