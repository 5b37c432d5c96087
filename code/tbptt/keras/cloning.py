"""Models copied layer by layer, models inside models included, with inputs of other sizes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import keras

from tbptt.keras.layers import layers_within, recurrent_layers


class Cloning:
    """A Sequential or functional model, and the sizes that its copy is to have.

    Parameters
    ----------
    model : keras.Model
        What is copied.
    batch_size : int
        Rows of the copy.
    steps : int or None
        Steps of the copy, or any number.
    stateful : bool or None
        Whether recurrent layers carry their state, or do as those of `model`.
    """

    def __init__(
        self, model: Any, batch_size: int, steps: int | None, stateful: bool | None
    ) -> None:
        for each in _models(model):
            _check_model(each)
        self._model, self._stateful = model, stateful
        self._batch_size, self._steps = batch_size, steps
        inputs = keras.tree.flatten(model.inputs)
        if not inputs:
            raise ValueError(
                f"{model.name!r} has no inputs: begin it with keras.Input, or build the other one "
                "by hand and use set_weights."
            )
        self._old_batch = inputs[0].shape[0]
        timed = [x.shape[1] for x in inputs if self._has_steps(x, alone=len(inputs) == 1)]
        self._old_steps = timed[0] if timed else None
        self._copies: dict[int, tuple[Any, Any]] = {}  # a layer may be used in several places
        # Classes of the caller's own, which need not be registered.
        self._own = {type(layer).__name__: type(layer) for layer in layers_within(model)}

    def copy(self) -> Any:
        """Return the copy, which has weights of its own."""
        if self._stateful:
            self._check_directions(self._model)
        try:
            with keras.saving.custom_object_scope(self._own):
                return self._copy_model(self._model, outermost=True)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise ValueError(
                f"{self._model.name!r} cannot be built for batches of {self._batch_size} and "
                f"{self._steps or 'any number of'} steps. Build the other one by hand and use "
                f"set_weights. What stands in the way: {error}"
            ) from error

    def _copy_model(self, model: Any, *, outermost: bool = False) -> Any:
        inputs = keras.tree.flatten(model.inputs)
        alone = len(inputs) == 1

        def new_input(x: Any) -> Any:
            shape = [self._rows(model, x, outermost), *x.shape[1:]]
            if outermost:
                if self._has_steps(x, alone=alone):
                    shape[1] = self._steps
            elif len(shape) > 1 and shape[1] is not None and shape[1] == self._old_steps:
                shape[1] = self._steps
            return keras.Input(batch_shape=shape, dtype=x.dtype, name=x.name)

        if isinstance(model, keras.Sequential):
            layers = [self._copied(layer) for layer in model.layers]
            return keras.Sequential([new_input(inputs[0]), *layers], name=model.name)
        # A model of the same graph that is not compiled, as Keras would compile its copy, too.
        bare = keras.Model(model.input, model.output, name=model.name)
        return keras.models.clone_model(
            bare,
            input_tensors=keras.tree.map_structure(new_input, model.input),
            clone_function=self._copied,
            call_function=self._call,
        )

    def pairs(self) -> list[tuple[Any, Any]]:
        """Return every layer of the graph, models apart, and its copy."""
        return [
            (layer, copy)
            for layer, copy in self._copies.values()
            if isinstance(layer, keras.Layer) and not isinstance(layer, keras.Model)
        ]

    def _call(self, layer: Any, *arguments: Any, **options: Any) -> Any:
        recurrent = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
        begins = len(arguments) > 1 or options.get("initial_state") is not None
        if self._stateful and recurrent and begins:
            raise ValueError(
                f"{layer.name!r} is given the state that it begins with, and so carries none on"
            )
        return layer(*arguments, **options)

    def _copied(self, layer: Any) -> Any:
        if id(layer) not in self._copies:
            self._copies[id(layer)] = layer, self._copy_layer(layer)
        return self._copies[id(layer)][1]

    def _copy_layer(self, layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return self._copy_model(layer)
        if isinstance(layer, keras.layers.Lambda):
            return layer  # without weights; and what it closes over is in no configuration
        copy = type(layer).from_config(_unbuilt(layer.get_config()))
        # An operation between layers is none itself.
        if self._stateful is not None and isinstance(layer, keras.Layer):
            inside = within_steps(copy)
            # Before it is built: that is when a layer makes its state.
            for each in layers_within(copy):
                if id(each) not in inside and isinstance(
                    each, keras.layers.RNN | keras.layers.Bidirectional
                ):
                    each.stateful = self._stateful
        return copy

    def _rows(self, model: Any, x: Any, outermost: bool) -> int | None:
        """Return the batch size of an input, which inside the model may be a multiple of it."""
        rows = x.shape[0]
        if rows is None and not outermost:
            carries = any(self._carries(each) for each in recurrent_layers(model))
            return self._batch_size if carries else None
        if outermost or rows == self._old_batch:
            return self._batch_size
        if self._old_batch is None or rows % self._old_batch:
            raise ValueError(f"{model.name!r} in it takes {rows} rows for {self._old_batch}.")
        return int(rows // self._old_batch * self._batch_size)

    def _carries(self, layer: Any) -> bool:
        return bool(layer.stateful if self._stateful is None else self._stateful)

    def _check_directions(self, model: Any) -> None:
        inside = within_steps(model)
        for layer in recurrent_layers(model):
            if layer.go_backwards and not layer.stateful and id(layer) not in inside:
                raise ValueError(
                    f"{layer.name!r} reads backwards, from the end of what it is given, and so has "
                    "no state to carry on. A twin with stateful=True needs layers that read "
                    "forwards."
                )

    @staticmethod
    def _has_steps(x: Any, *, alone: bool) -> bool:
        """Say whether an input's second axis are steps: among others, not of floats alone.

        Whole numbers are words, for an embedding.
        """
        floats = "float" in keras.backend.standardize_dtype(x.dtype)
        return len(x.shape) > 2 or (len(x.shape) == 2 and (alone or not floats))


def within_steps(model: Any) -> set[int]:
    """Return the ids of layers inside a ``TimeDistributed``, which run within a step."""
    return {
        id(inner)
        for layer in layers_within(model)
        if isinstance(layer, keras.layers.TimeDistributed)
        for inner in layers_within(layer)
    }


def _models(model: Any) -> Iterator[Any]:
    """Yield a model and the models that its graph runs through."""
    yield model
    for layer in model.layers if isinstance(model, keras.Model) else ():
        if isinstance(layer, keras.Model):
            yield from _models(layer)


def _check_model(model: Any) -> None:
    """Refuse what has no graph of layers that could be copied, or does more than run it."""
    known = keras.Sequential if isinstance(model, keras.Sequential) else _functional()
    if not isinstance(model, known) or type(model).call is not known.call:
        name = getattr(model, "name", "")
        raise TypeError(
            f"model must be a Sequential or functional Keras model, got {type(model).__name__}"
            f"{f' {name!r}' if name else ''}. Build a subclassed one again and move its weights "
            "with set_weights."
        )
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            f"The model {model.name!r} is not built: begin it with keras.Input, or call it on one "
            "batch."
        )


@cache
def _functional() -> Any:
    """Return the class of functional models, to which Keras gives no public name."""
    x = keras.Input((1,), name="plain_input")
    return type(keras.Model(x, x, name="plain"))


def _unbuilt(config: Any) -> Any:
    """Leave out of a configuration what would build a layer for the batch that it had."""
    if isinstance(config, dict):
        return {key: _unbuilt(entry) for key, entry in config.items() if key != "build_config"}
    return [_unbuilt(entry) for entry in config] if type(config) is list else config
