from bookbuild.book import content_key


def key(folder):
    return content_key([folder / "part"])


def test_the_key_follows_names_and_content_alone(tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    (part / "a.py").write_text("one")
    before = key(tmp_path)
    (part / "__pycache__").mkdir()
    (part / "__pycache__" / "a.pyc").write_text("compiled")
    (part / "a.py").touch()
    assert key(tmp_path) == before
    (part / "a.py").write_text("two")
    changed = key(tmp_path)
    (part / "a.py").write_text("one")
    (part / "a.py").rename(part / "b.py")
    assert len({before, changed, key(tmp_path)}) == 3


def test_content_cannot_slip_from_one_file_into_the_next(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a").write_text("xy")
    (tmp_path / "part" / "b").write_text("z")
    before = key(tmp_path)
    (tmp_path / "part" / "a").write_text("x")
    (tmp_path / "part" / "b").write_text("yz")
    assert key(tmp_path) != before
