"""Work of a CUDA device, captured once and replayed: many small kernels cost one launch."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence

import torch

AHEAD = 8  # replays that may wait on the device: enough to keep it busy

# Threads share a device, each with a stream of its own, but only one captures or launches at a
# time: both move the state of the device's default generator.
ALONE = threading.Lock()


class Captured:
    """Pieces of work, each a CUDA graph; on a CPU, plain calls.

    Parameters
    ----------
    device : torch.device
        Where the work is done.
    priority : int
        -1 goes before 0, where streams share a device.
    """

    def __init__(self, device: torch.device, priority: int = 0) -> None:
        self._pieces: dict[Hashable, Callable[[], object]] = {}
        self._waiting: deque[torch.cuda.Event] = deque()
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device, priority=priority)
            self._pool = torch.cuda.graph_pool_handle()

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """Everything in this block is in order with the replays."""
        with contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            yield

    def capture(
        self, name: Hashable, work: Callable[[], object], generators: Sequence[torch.Generator]
    ) -> None:
        """Keep a piece of work under a name; on a CUDA device it is done once, to warm up.

        Parameters
        ----------
        name : hashable
            To replay it by.
        work : callable
            Reads and writes tensors that stay where they are, and waits for nothing.
        generators : sequence of torch.Generator
            What it draws from.
        """
        if self._stream is None:
            self._pieces[name] = work
            return
        work()
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # Other threads may allocate while this one captures.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        ):
            work()
        self._pieces[name] = graph.replay

    def __call__(self, name: Hashable) -> None:
        """Do a piece of work again, after what was asked for before."""
        if self._stream is None:
            self._pieces[name]()
            return
        with ALONE:
            self._pieces[name]()
        done = torch.cuda.Event(blocking=True)
        done.record(self._stream)
        self._waiting.append(done)
        if len(self._waiting) > AHEAD:
            self._waiting.popleft().synchronize()
