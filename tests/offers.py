"""What each engine offers, as one list: the book's table is made from it, and each entry is tried.

A ``"yes"`` works, a ``"no"`` is refused with a sentence, and other words say what there is in its
place. A new engine is a column: a name, an entry for each row, and a call in ``test_offers.py``.
"""

ENGINES = (
    "backward", "online", "reweighted", "accumulate", "chunkwise", "bootstrapped", "evolve",
    "gradients", "keras online", "reference",
)  # fmt: skip
OFFERS = {
    "any `k1` and `k2`": (
        "yes", "yes", "factors", "full gradient", "full gradient", "a forecast",
        "full, on average", "yes", "yes", "yes",
    ),
    "`resets` and `mask`": (
        "yes", "a block's", "yes", "yes", "yes", "yes", "`begins`", "yes", "a block's", "yes",
    ),
    "gradients of the inputs": (
        "yes", "no", "yes", "no", "yes", "yes", "no", "yes", "no", "yes",
    ),
    "any scalar loss": (
        "yes", "of a block", "yes", "yes", "yes", "of a chunk", "of each row", "yes", "of a block",
        "errors",
    ),
    "any function for a cell": (
        "yes", "yes", "yes", "no", "no", "yes", "no", "no", "no", "no",
    ),
    "compiled": (
        "yes", "yes", "yes", "yes", "yes", "yes", "yes", "yes", "yes", "NumPy",
    ),
    "autocast": (
        "yes", "yes", "yes", "yes", "yes", "yes", "yes", "dtype policy", "dtype policy", "float64",
    ),
    "dropout in the cell": (
        "no", "yes", "yes", "no", "no", "yes", "no", "no", "no", "no",
    ),
    "a cell that mixes rows": (
        "no", "yes", "yes", "no", "yes", "yes", "no", "no", "no", "no",
    ),
    "tokens as inputs": (
        "no", "yes", "no", "no", "no", "no", "no", "no", "no", "no",
    ),
    "updates inside a sequence": (
        "one pass", "yes", "one pass", "one pass", "one pass", "each chunk", "each unroll",
        "one pass", "yes", "one pass",
    ),
    "NaN is refused": (
        "yes", "yes", "yes", "yes", "yes", "yes", "yes", "eager calls", "eager calls", "yes",
    ),
    "output of a masked first step": (
        "state", "state", "state", "state", "state", "state", "no outputs", "zeros", "zeros",
        "no outputs",
    ),
}  # fmt: skip
HEADS = (
    "`backward`", "`online`", "`reweighted`", "`accumulate`", "`chunkwise`", "`bootstrapped`",
    "`evolve`", "TensorFlow", "its `online`", "reference",
)  # fmt: skip
# What there is for PyTorch alone.
PYTORCH_ALONE = (
    "reweighted", "accumulate", "chunkwise", "chunked_loss", "bootstrapped", "evolve",
)  # fmt: skip


def table() -> str:
    """Return the table of the page."""
    rows = [
        ("what", *HEADS),
        ("---",) * (1 + len(HEADS)),
        *((key, *of) for key, of in OFFERS.items()),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
