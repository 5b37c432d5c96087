"""The links of the package's metadata and of its README: hatchling calls this when it builds it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A package index shows the README by itself, where no file lies next to it.
_RELATIVE = re.compile(r"(?<=\]\()(?![a-z]+:|#)(?=[^)\s]+\))")


class Links(MetadataHookInterface):
    """Fill in ``project.urls`` and ``project.readme``, whose links lead to the repository.

    Where the repository has no address there are no such links; a release has one.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Ask the module next to this one, which no path leads to while a package is built."""
        root = Path(self.root)
        asked = runpy.run_path(str(root / "code" / "bookbuild" / "repository.py"))
        address, site = asked["address"](root), asked["site"](root)
        links = {"Documentation": site}
        if address:
            links |= {
                "Source": address,
                "Issues": f"{address}/issues",
                "Changelog": f"{address}/blob/main/CHANGELOG.md",
            }
        metadata["urls"] = {name: link for name, link in links.items() if link}
        readme = (root / "README.md").read_text(encoding="utf-8")
        if address:
            readme = _RELATIVE.sub(f"{address}/blob/main/", readme)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
