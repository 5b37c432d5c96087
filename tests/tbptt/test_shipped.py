import pytest

from tbptt import shipped


def test_published_figures_are_numbers_with_sources():
    rows = shipped.table("published.csv")
    bibliography = (
        shipped.path("published.csv").parents[1] / "chapters/references.bib"
    ).read_text()
    assert len({row["key"] for row in rows}) == len(rows) > 5
    for row in rows:
        assert float(row["value"]) >= 0
        assert f"{{{row['source']}," in bibliography


def test_a_file_that_is_not_shipped():
    with pytest.raises(FileNotFoundError, match=r"no data/results/none\.csv.*experiments NAME"):
        shipped.path("results/none.csv")
