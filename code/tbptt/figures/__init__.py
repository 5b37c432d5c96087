"""Pictures of windows and truncation, as SVG strings that the explorers show."""

from tbptt.figures.one_picture import one_picture

__all__ = ["one_picture"]
