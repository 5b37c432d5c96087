"""The picture that goes with a shared link: the book's title beside its one picture."""

from __future__ import annotations

from pathlib import Path

ALT = (
    "Truncated Time: windows, state and gradients in recurrent networks. Three triangular charts: "
    "how far each of 16 errors travels under epochwise, true and semi-epochwise truncation."
)
_STEPS = 16
_SHOWN = (
    ("epochwise: k1 = k2 = 4", 4, 4),
    ("true: k1 = 1, k2 = 4", 1, 4),
    ("between: k1 = 3, k2 = 6", 3, 6),
)
# Nothing, a step that an error reaches, the error itself: the figures' own colours.
_COLOURS = ("#ffffff", "#0d9488", "#ea580c")


def draw(path: Path) -> None:
    """Draw the card, 1200 by 630 pixels, the same bytes every time.

    Parameters
    ----------
    path : Path
        Where the PNG goes.
    """
    # Notebooks have no card, and need not wait for a library of pictures.
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    from tbptt import Truncation  # this book's: `api` has seen to that by now

    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.05, 0.82, "Truncated Time", size=50, weight="bold", color="#1f2937")
    figure.text(
        0.05, 0.72, "Windows, state and gradients in recurrent networks", size=24, color="#4b5563"
    )
    for column, (name, k1, k2) in enumerate(_SHOWN):
        axes = figure.add_axes((0.05 + 0.31 * column, 0.07, 0.28, 0.53))
        reach = Truncation(k1, k2).reach(_STEPS).astype(int) + np.eye(_STEPS, dtype=int)
        axes.pcolormesh(reach, cmap=ListedColormap(_COLOURS), edgecolor="white", linewidth=2)
        axes.invert_yaxis()
        axes.set_title(name, size=17, color="#1f2937", loc="left")
        axes.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
