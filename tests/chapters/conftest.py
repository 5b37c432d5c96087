"""What the claims of several chapters are read from."""

from collections import defaultdict

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="session")
def beyond_losses():
    """Loss of every seed at the end of ``beyond``, by way and setting."""
    found = defaultdict(list)
    for row in table("results/beyond/results.csv"):
        found[row["way"], row["setting"]].append(float(row["loss"]))
    assert all(len(seeds) == 5 for seeds in found.values())
    return found
