import pytest

from truncated_time import shipped


def test_a_file_that_is_not_shipped():
    with pytest.raises(FileNotFoundError, match=r"no data/results/none\.csv.*experiments NAME"):
        shipped.path("results/none.csv")
