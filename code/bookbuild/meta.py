"""What search engines, link previews and other machines read about each page.

sphinxext-opengraph, sphinx-sitemap and sphinx-notfound-page write it; this tells them the address.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

# In `published`, which is copied to where the book has an address; a test draws it again.
_CARD = "card.png"
_CARD_ALT = (
    "Truncated Time: windows, state and gradients in recurrent networks. Three triangular charts: "
    "how far each of 16 errors travels under epochwise, true and semi-epochwise truncation."
)
# The pages that no chapter is the source of.
_DESCRIPTIONS = {
    "genindex": "Index of {title}: the terms of the book and where they are explained.",
    "search": "Search {title}: {subtitle}.",
    "404": "There is no such page in {title}.",
}


def configure(app: Sphinx, config: Config, site: str | None) -> None:
    """Tell the extensions where the book is published, if it is (without a slash at the end)."""
    config.notfound_urls_prefix = urlsplit(site or "").path + "/"
    config.ogp_site_name = config.html_title
    if not site:
        config.ogp_social_cards = {"enable": False}
        return
    app.setup_extension("sphinx_sitemap")  # which warns where there is no address
    config.html_extra_path = ["published"]
    config.html_baseurl = config.ogp_site_url = f"{site}/"
    config.ogp_image, config.ogp_image_alt = f"{site}/{_CARD}", _CARD_ALT
    config.ogp_custom_meta_tags = [
        '<meta property="og:image:width" content="1200" />',
        '<meta property="og:image:height" content="630" />',
        '<meta name="twitter:card" content="summary_large_image" />',
    ]


def page(app: Sphinx, pagename: str, context: dict[str, Any]) -> None:
    """Complete the head of a page."""
    tags = context.get("metatags", "")
    if pagename in _DESCRIPTIONS:
        subtitle = context["subtitle"][0].lower() + context["subtitle"][1:]
        words = _DESCRIPTIONS[pagename].format(title=app.config.html_title, subtitle=subtitle)
        tags += f'<meta name="description" content="{escape(words)}" />'
    if not app.config.html_baseurl:  # a relative address would lead readers of the tag astray
        tags = re.sub(r'<meta property="og:url"[^>]*>\n?', "", tags)
    # A description that was cut ends with a whole word.
    context["metatags"] = re.sub(r'[ ,;:]+\S*\.\.\." />', '…" />', tags)
    if pagename == app.config.root_doc:
        context["title"] = context["subtitle"]  # the name of the book follows by itself


def publish(app: Sphinx) -> None:
    """Name the map of the site, where there is one, to robots."""
    if site := app.config.html_baseurl:
        robots = f"User-agent: *\nAllow: /\nSitemap: {site}sitemap.xml\n"
        (Path(app.outdir) / "robots.txt").write_text(robots, encoding="utf-8")
