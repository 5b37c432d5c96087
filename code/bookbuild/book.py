"""Where a book's files lie, and the key under which its executions are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

# What a chapter's outputs depend on besides its own code.
_INPUTS = ("code/tbptt", "data", "requirements.lock")


@dataclass(frozen=True)
class Book:
    """A book in a folder.

    Attributes
    ----------
    root : Path
        The folder with ``_config.yml``.
    """

    root: Path

    @property
    def build(self) -> Path:
        """Folder of everything that is made."""
        return self.root / "_build"

    @property
    def html(self) -> Path:
        """Folder of the built site."""
        return self.build / "html"

    @property
    def npm(self) -> Path:
        """Folder into which npm unpacks."""
        return self.build / "npm"

    @property
    def caches(self) -> Path:
        """Folder of the execution caches, one for each state of the book's inputs."""
        return self.build / "executed"

    @property
    def cache(self) -> Path:
        """Execution cache that fits the package, data and lock as they are now."""
        return self.caches / self.execution_key()

    def notebooks(self) -> list[Path]:
        """List the pages of the table of contents that have code to execute."""
        toc = parse_toc_yaml(self.root / "_toc.yml")
        pages = [self.root / f"{name}.md" for name in toc]
        return [page for page in pages if "{code-cell}" in page.read_text(encoding="utf-8")]

    def execution_key(self) -> str:
        """Hash what every chapter's outputs depend on: package, data and lock, by content."""
        digest = hashlib.sha256()
        for path in self._inputs():
            name, content = path.relative_to(self.root).as_posix().encode(), path.read_bytes()
            # Lengths keep "ab" + "c" apart from "a" + "bc".
            digest.update(b"%d %d\n%b%b" % (len(name), len(content), name, content))
        return digest.hexdigest()[:16]

    def _inputs(self) -> Iterator[Path]:
        for name in _INPUTS:
            path = self.root / name
            if path.is_file():
                yield path
            for file in sorted(path.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    yield file
