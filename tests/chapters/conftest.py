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


@pytest.fixture(scope="session")
def errors():
    """Bias and noise of every network, by weights, style and length."""
    found = defaultdict(list)
    for row in table("results/unbiased/results.csv"):
        key = row["weights"], row["style"], int(row["length"])
        found[key].append((float(row["bias"]), float(row["noise"])))
    assert all(len(seeds) == 5 for seeds in found.values())
    return found
