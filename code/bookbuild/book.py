"""Where a book's files lie, and the key under which its executions are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

# What a chapter's outputs depend on as well as its own code.
# execute.py sets what the kernels find in their environment.
_INPUTS = (
    "code/tbptt", "code/truncated_time", "code/bookbuild/execute.py", "data", "requirements.lock",
)  # fmt: skip


class Book:
    """A book in a folder.

    Attributes
    ----------
    root : Path
        The folder with ``_config.yml``.
    build : Path
        Folder of everything that is made: the site (`html`), the notebooks (`ipynb`), what npm
        unpacks (`npm`, and in it `modules`), the execution caches, one for each state of the book's
        inputs (`caches`).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.build = root / "_build"
        self.html, self.ipynb = self.build / "html", self.build / "notebooks"
        self.npm, self.caches = self.build / "npm", self.build / "executed"
        self.modules = self.npm / "node_modules"

    @property
    def title(self) -> str:
        """Title of the book."""
        return self._setting("title")

    @property
    def author(self) -> str:
        """Who wrote it."""
        return self._setting("author")

    def _setting(self, name: str) -> str:
        settings = yaml.safe_load((self.root / "_config.yml").read_text(encoding="utf-8"))
        return str(settings[name])

    @property
    def pdf(self) -> Path:
        """The book as one PDF, printed from the pages as they are now; it may not be there."""
        name = self.title.lower().replace(" ", "-")
        return self.build / "pdf" / self.page_key() / f"{name}.pdf"

    @property
    def single_page(self) -> Path:
        """The whole book as one page, from which the PDF is printed."""
        return self.build / "paper" / "index.html"

    def done(self, builder: str) -> Path:
        """File that says for what state of the book a builder's work was done; it may be absent."""
        return self.build / f"{builder}.done"

    def corrected(self, builder: str) -> Path:
        """Folder of a builder's pages as `mend` left them; it may be absent."""
        return self.build / "corrected" / builder

    @property
    def cache(self) -> Path:
        """Execution cache that fits the package, data and lock as they are now."""
        return self.caches / self.execution_key()

    def pages(self) -> list[Path]:
        """List the pages of the table of contents, in its order."""
        return [self.root / f"{name}.md" for name in parse_toc_yaml(self.root / "_toc.yml")]

    def notebooks(self) -> list[Path]:
        """List the pages that have code to execute."""
        return [page for page in self.pages() if "{code-cell}" in page.read_text(encoding="utf-8")]

    def execution_key(self) -> str:
        """Hash what every chapter's outputs depend on: package, data and lock, by content."""
        return content_key(self.root / name for name in _INPUTS)

    def page_key(self) -> str:
        """Hash what the pages are made of: what the outputs depend on, the build, the text."""
        names = (*_INPUTS, "code/bookbuild", "chapters", "_config.yml", "_toc.yml")
        return content_key(self.root / name for name in names)


def content_key(places: Iterable[Path]) -> str:
    """Hash the names and the content of files and folders."""
    digest = hashlib.sha256()
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                name, content = path.relative_to(place.parent).as_posix(), path.read_bytes()
                # Lengths keep "ab" + "c" apart from "a" + "bc".
                digest.update(f"{len(name)} {len(content)} {name}".encode() + content)
    return digest.hexdigest()[:16]
