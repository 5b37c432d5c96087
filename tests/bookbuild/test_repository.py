import subprocess

import pytest

from bookbuild.repository import address, commit, site


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    for name in ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "BOOK_SITE"):
        monkeypatch.delenv(name, raising=False)


def test_githubs_own_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/fork")
    assert address(tmp_path) == "https://github.com/someone/fork"


@pytest.mark.parametrize(
    ("remote", "found"),
    [
        ("https://github.com/a-b/c.d.git", "https://github.com/a-b/c.d"),
        ("https://github.com/a/b", "https://github.com/a/b"),
        ("git@github.com:a/b.git", "https://github.com/a/b"),
        ("ssh://git@github.com/a/b.git", "https://github.com/a/b"),
        ("https://example.org/a/b.git", None),
        ("/srv/git/book.git", None),
    ],
)
def test_the_remote_is_read(tmp_path, remote, found):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert address(tmp_path) == found


def test_no_remote_no_address(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert address(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Someone/fork", "https://someone.github.io/fork"),
        ("Someone/someone.github.io", "https://someone.github.io"),
    ],
)
def test_where_github_publishes(tmp_path, monkeypatch, name, found):
    assert site(tmp_path) is None
    monkeypatch.setenv("GITHUB_REPOSITORY", name)
    assert site(tmp_path) == found
    monkeypatch.setenv("BOOK_SITE", "https://book.org/")
    assert site(tmp_path) == "https://book.org"


def test_no_commit_before_the_first(tmp_path):
    assert commit(tmp_path) is None
