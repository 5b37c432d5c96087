"""Pictures of windows and truncation, as SVG strings that the explorers show."""

from truncated_time.figures.answers import loss_by_answer
from truncated_time.figures.beyond import (
    error_of_a_mean,
    memory_reach,
    random_reach,
)
from truncated_time.figures.calculator import cost_calculator
from truncated_time.figures.carried import state_sizes
from truncated_time.figures.chunks import chunk_memory
from truncated_time.figures.cost import cost_by_interval
from truncated_time.figures.feedback import error_by_step
from truncated_time.figures.forecasting import split_picture
from truncated_time.figures.lanes import batch_lanes
from truncated_time.figures.leak import losses_over
from truncated_time.figures.measured import gradient_bias, gradient_by_lag, learning_curves
from truncated_time.figures.methods import losses_at_a_rate
from truncated_time.figures.processes import rows_of_processes
from truncated_time.figures.reach import reach_triangle
from truncated_time.figures.starts import loss_by_position, staleness
from truncated_time.figures.sweep import errors_at_a_reach
from truncated_time.figures.unrolled import jacobian_chain
from truncated_time.figures.updates import loss_by_updates
from truncated_time.figures.watched import Watched, watched_loop
from truncated_time.figures.windowing import ceiling_curve, continued_windows, labelled_windows

__all__ = [
    "Watched",
    "batch_lanes",
    "ceiling_curve",
    "chunk_memory",
    "continued_windows",
    "cost_by_interval",
    "cost_calculator",
    "error_by_step",
    "error_of_a_mean",
    "errors_at_a_reach",
    "gradient_bias",
    "gradient_by_lag",
    "jacobian_chain",
    "labelled_windows",
    "learning_curves",
    "loss_by_answer",
    "loss_by_position",
    "loss_by_updates",
    "losses_at_a_rate",
    "losses_over",
    "memory_reach",
    "random_reach",
    "reach_triangle",
    "rows_of_processes",
    "split_picture",
    "staleness",
    "state_sizes",
    "watched_loop",
]
