"""Sphinx's configuration: what Jupyter Book makes of ``_config.yml``, for Sphinx's own programs.

``jupyter-book config sphinx`` writes the same into a file, which would have to be kept up to date.
With it, ``sphinx-build`` and ``sphinx-autobuild`` build the book.
"""

import gc
import os
import sys
from pathlib import Path

from jupyter_book.config import get_final_config

_root = Path(__file__).parents[2]
# What is documented and what builds are this book's, whatever is installed.
sys.path.insert(0, str(_root / "code"))
# Sphinx's process is all that this file is read in. A fifth of its time would go into looking for
# garbage among trees of nodes, and TensorFlow, which autodoc imports, would have its say.
gc.set_threshold(200_000)
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")

_settings, _ = get_final_config(
    user_yaml=_root / "_config.yml", sourcedir=_root, cli_config={"latex_individualpages": False}
)
# Every Jupyter Book has these. thebe's script is on another site, and there are no comments.
for _name in ("sphinx_thebe", "sphinx_comments", "sphinx_jupyterbook_latex"):
    _settings["extensions"].remove(_name)
# Sphinx counts from this folder, Jupyter Book from the book's.
_settings["html_favicon"] = f"../../{_settings['html_favicon']}"
_settings["bibtex_bibfiles"] = [f"../../{name}" for name in _settings["bibtex_bibfiles"]]
globals().update(_settings)

html_static_path = ["static"]
templates_path = ["templates"]
html_additional_pages = {"index": "first.html"}
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
