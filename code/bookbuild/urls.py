"""The links of the package's metadata, asked for when it is built: hatchling calls this."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Links(MetadataHookInterface):
    """Fill in ``project.urls``; none where the repository has no address, and a release has one."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Ask the module beside this one, which no path leads to while a package is built."""
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
