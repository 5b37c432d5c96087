"""Pictures of windows and truncation, as SVG strings that the explorers show."""

from tbptt.figures.beyond import (
    error_of_a_mean,
    memory_distances,
    memory_reach,
    random_reach,
)
from tbptt.figures.calculator import cost_calculator
from tbptt.figures.cost import cost_by_interval
from tbptt.figures.feedback import error_by_step
from tbptt.figures.forecasting import split_picture
from tbptt.figures.lanes import batch_lanes
from tbptt.figures.leak import losses_over
from tbptt.figures.measured import gradient_bias, gradient_by_lag, learning_curves
from tbptt.figures.one_picture import one_picture
from tbptt.figures.reach import reach_triangle
from tbptt.figures.unrolled import jacobian_chain
from tbptt.figures.updates import loss_by_updates
from tbptt.figures.windowing import ceiling_curve, labelled_windows

__all__ = [
    "batch_lanes",
    "ceiling_curve",
    "cost_by_interval",
    "cost_calculator",
    "error_by_step",
    "error_of_a_mean",
    "gradient_bias",
    "gradient_by_lag",
    "jacobian_chain",
    "labelled_windows",
    "learning_curves",
    "loss_by_updates",
    "losses_over",
    "memory_distances",
    "memory_reach",
    "one_picture",
    "random_reach",
    "reach_triangle",
    "split_picture",
]
