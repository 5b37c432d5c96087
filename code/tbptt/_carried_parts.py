"""The shapes of each model's state, by its sizes."""

from __future__ import annotations

from collections.abc import Callable

Shapes = dict[str, tuple[int, ...]]


def _shared(total: int, heads: int, what: str) -> int:
    """Return what each head gets.

    Raises
    ------
    ValueError
        If a part would be left over.
    """
    if total % heads:
        raise ValueError(f"{what} {total} cannot be shared by {heads} heads: pass a divisor.")
    return total // heads


def _pairs(states: int) -> int:
    """Return how many complex numbers are kept of conjugate pairs: one of each.

    Raises
    ------
    ValueError
        If one would have no other.
    """
    if states % 2:
        raise ValueError(f"states must be even, got {states}: they are conjugate pairs.")
    return states // 2


def _plain(width: int) -> Shapes:
    return {"h": (width,)}


def _lstm(width: int) -> Shapes:
    return {"h": (width,), "c": (width,)}


def _slstm(width: int, *, taps: int = 4) -> Shapes:
    vectors = {name: (width,) for name in ("h", "c", "normaliser", "stabiliser")}
    return {**vectors, **_tail(width, taps)}


def _mlstm(width: int, *, heads: int = 4, expand: int = 2, taps: int = 4) -> Shapes:
    size = _shared(expand * width, heads, "The inner width")
    return {
        "matrices": (heads, size, size),
        "normalisers": (heads, size),
        "stabilisers": (heads,),
        **_tail(expand * width, taps),
    }


def _s4(width: int, *, states: int = 64) -> Shapes:
    return {"channels": (width, _pairs(states), 2)}  # real and imaginary parts


def _s5(width: int, *, states: int = 256) -> Shapes:
    return {"channels": (_pairs(states), 2)}


def _mamba(width: int, *, states: int = 16, expand: int = 2, taps: int = 4) -> Shapes:
    return {"channels": (expand * width, states), **_tail(expand * width, taps)}


def _mamba2(
    width: int, *, states: int = 128, expand: int = 2, head: int = 64, groups: int = 1,
    taps: int = 4,
) -> Shapes:  # fmt: skip
    heads = _shared(expand * width, head, "The inner width")
    # The convolution is over what enters and what reads the state as well.
    return {
        "channels": (heads, head, states),
        **_tail(expand * width + 2 * groups * states, taps),
    }


def _gla(width: int, *, heads: int = 4) -> Shapes:
    keys = _shared(_shared(width, 2, "width"), heads, "Half the width")
    return {"matrices": (heads, keys, _shared(width, heads, "width"))}


def _deltanet(width: int, *, head: int = 128, taps: int = 4) -> Shapes:
    heads = _shared(width, head, "width")
    return {"matrices": (heads, head, head), **_tail(3 * width, taps)}


def _rwkv7(width: int, *, head: int = 64) -> Shapes:
    return {"matrices": (_shared(width, head, "width"), head, head), "shifted": (2, width)}


def _transformer_xl(width: int, *, memory: int = 640) -> Shapes:
    return {"memory": (memory, width)}


def _rmt(width: int, *, memory: int = 10) -> Shapes:
    return {"memory tokens": (memory, width)}


def _attention(width: int, *, context: int = 2048) -> Shapes:
    return {"keys": (context, width), "values": (context, width)}


def _tail(width: int, taps: int) -> Shapes:
    """Return the last inputs of a causal convolution: none where it sees its own step alone."""
    return {"tail": (taps - 1, width)} if taps > 1 else {}


PARTS: dict[str, Callable[..., Shapes]] = {
    "rnn": _plain,
    "gru": _plain,
    "lstm": _lstm,
    "mingru": _plain,
    "minlstm": _plain,
    "slstm": _slstm,
    "mlstm": _mlstm,
    "s4": _s4,
    "s5": _s5,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "gla": _gla,
    "deltanet": _deltanet,
    "rwkv7": _rwkv7,
    "transformer-xl": _transformer_xl,
    "rmt": _rmt,
    "attention": _attention,
}
