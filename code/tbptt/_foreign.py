"""What is no array, but known: why it cannot be read as it is, and the call that makes one of it.

Types are known by the names of the packages that they come from, so that none is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# The dtypes of PyTorch that NumPy has, too.
_SHARED_DTYPES = {
    *(f"torch.{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("torch.float16", "torch.float32", "torch.float64"),
    *("torch.bool", "torch.complex64", "torch.complex128"),
}


def comes_from(values: Any, package: str) -> bool:
    """Say whether the class of `values`, or one that it is built on, is of this package."""
    return any(f"{base.__module__}.".startswith(f"{package}.") for base in type(values).__mro__)


def why_not(name: str, values: Any) -> str | None:
    """Return why no array can be made of `values`, and what to call; None if nothing is known."""
    if values is None:
        return f"{name} is None; pass an array of numbers."
    if isinstance(values, str | bytes | bytearray):
        return f"{name} is text, {type(values).__name__}; encode it as numbers first."
    if comes_from(values, "torch"):
        return _of_torch(name, values)
    if comes_from(values, "keras"):
        return _of_keras(name, values)
    if comes_from(values, "tensorflow"):
        return _of_tensorflow(name, values)
    if comes_from(values, "scipy") and hasattr(values, "toarray"):
        return f"{name} is a sparse {type(values).__name__}; pass {name}.toarray()."
    if comes_from(values, "polars") and hasattr(values, "collect"):
        return f"{name} is a polars LazyFrame; pass {name}.collect()."
    if isinstance(values, Mapping):
        keys = ", ".join(repr(key)[:40] for key in list(values)[:5])
        return (
            f"{name} is a {type(values).__name__} with the keys {keys or '(none)'}; pass one of "
            "its arrays, or numpy.stack them along the last axis."
        )
    if callable(values) and not hasattr(values, "__array__"):
        return f"{name} is {type(values).__name__}, something to call; pass what it returns."
    by_position = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    reads = by_position or hasattr(values, "__array__") or hasattr(values, "__array_interface__")
    if isinstance(values, Iterable) and not reads and not isinstance(values, memoryview):
        return (
            f"{name} is a {type(values).__name__}, which holds no array; pass "
            f"numpy.array(list({name}))."
        )
    return None


def _of_torch(name: str, values: Any) -> str | None:
    if comes_from(values, "torch.utils.data"):
        return (
            f"{name} is a PyTorch {type(values).__name__}; pass "
            f"torch.cat([batch for batch in {name}]).numpy(), of the part of each batch you mean."
        )
    if not hasattr(values, "layout"):
        return None
    if values.device.type == "meta":
        return f"{name} is a tensor on the device meta, which has no values; pass one that has."
    calls = ""
    if values.requires_grad:
        calls += ".detach()"
    if values.device.type != "cpu":
        calls += ".cpu()"
    if values.is_nested:
        calls += ".to_padded_tensor(0)"
    elif str(values.layout) != "torch.strided":
        calls += ".to_dense()"
    if values.is_quantized:
        calls += ".dequantize()"
    elif str(values.dtype) not in _SHARED_DTYPES:
        calls += ".float()"
    if values.is_conj():
        calls += ".resolve_conj()"
    if values.is_neg():
        calls += ".resolve_neg()"
    if not calls:
        return None
    what = f"of {values.dtype} on {values.device}" + " that wants a gradient" * values.requires_grad
    return f"{name} is a tensor {what}; pass {name}{calls}.numpy()."


def _of_keras(name: str, values: Any) -> str | None:
    if type(values).__name__ == "KerasTensor":
        return f"{name} is a symbolic KerasTensor, which has no values; pass an array."
    if hasattr(values, "assign"):
        return None
    return f"{name} is a Keras {type(values).__name__}; pass an array of numbers."


def _of_tensorflow(name: str, values: Any) -> str | None:
    kind = type(values).__name__
    if kind == "SparseTensor":
        return f"{name} is a SparseTensor; pass tf.sparse.to_dense({name})."
    if kind == "RaggedTensor":
        return f"{name} is a RaggedTensor; pad it, {name}.to_tensor(), or cut each row by itself."
    if hasattr(values, "as_numpy_iterator"):
        return (
            f"{name} is a dataset ({kind}); pass numpy.stack(list({name}.as_numpy_iterator())), or "
            "numpy.concatenate if it is batched, of the part of each element that you mean."
        )
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        return None
    if not hasattr(values, "numpy") or kind.startswith("Symbolic"):
        return (
            f"{name} is a symbolic {kind}, which has no values inside a tf.function; call this "
            "outside of it."
        )
    if getattr(dtype, "name", "").startswith(("bfloat", "float8")):
        return f"{name} is a tensor of {dtype.name}; pass tf.cast({name}, tf.float32)."
    return None
