"""Pictures of windows and truncation, as SVG strings that the explorers show."""

from tbptt.figures.forecasting import split_picture
from tbptt.figures.one_picture import one_picture
from tbptt.figures.unrolled import jacobian_chain
from tbptt.figures.windowing import ceiling_curve, labelled_windows

__all__ = ["ceiling_curve", "jacobian_chain", "labelled_windows", "one_picture", "split_picture"]
