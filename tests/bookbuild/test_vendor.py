"""npm's packages come by exact version and hash, or not at all."""

import json
import re
from pathlib import Path

import pytest

from bookbuild import vendor
from bookbuild.book import Book

MANIFEST = Path(vendor.__file__).parent / "npm"
SMALL = "node_modules/is-plain-object"


def manifest(folder, integrity):
    """Write a manifest of one small package, with the hash that is given."""
    lock = json.loads((MANIFEST / "package-lock.json").read_text())
    package = lock["packages"][SMALL] | {"integrity": integrity}
    root = {"name": "small", "dependencies": {"is-plain-object": package["version"]}}
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(root))
    packages = {"": root, SMALL: package}
    (folder / "package-lock.json").write_text(
        json.dumps({"name": "small", "lockfileVersion": 3, "packages": packages})
    )
    return folder


def locked(name):
    lock = json.loads((MANIFEST / "package-lock.json").read_text())
    return lock["packages"][name]["integrity"]


def test_the_right_hash_is_unpacked_once(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor, "_MANIFEST", manifest(tmp_path / "npm", locked(SMALL)))
    book = Book(tmp_path)
    vendor.install(book)
    unpacked = book.npm / SMALL / "package.json"
    assert unpacked.is_file()
    before = unpacked.stat().st_mtime_ns
    vendor.install(book)
    assert unpacked.stat().st_mtime_ns == before


def test_another_hash_is_refused(tmp_path, monkeypatch, capfd):
    wrong = "sha512-" + "A" * 86 + "=="
    monkeypatch.setattr(vendor, "_MANIFEST", manifest(tmp_path / "npm", wrong))
    with pytest.raises(RuntimeError, match="if a hash differs, do not build"):
        vendor.install(Book(tmp_path))
    assert "EINTEGRITY" in capfd.readouterr().err
    assert not (tmp_path / "_build" / "npm").exists()


def test_versions_are_exact_and_every_package_has_a_hash():
    wanted = json.loads((MANIFEST / "package.json").read_text())
    for versions in (wanted["dependencies"], wanted["devDependencies"]):
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    lock = json.loads((MANIFEST / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert name == "" or package.get("integrity", "").startswith("sha512-"), name
        assert "resolved" not in package, name  # whichever registry npm is set to
