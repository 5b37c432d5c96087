"""What search engines, link previews and other machines read about each page."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as escape_xml

from sphinx.application import Sphinx
from sphinx.config import Config

from bookbuild import card

SUBTITLE = "Windows, state and gradients in recurrent networks"
_CARD = "_static/book/card.png"
# The pages that no chapter stands behind.
_DESCRIPTIONS = {
    "genindex": "Index of Truncated Time: the terms of the book and where they are explained.",
    "search": "Search Truncated Time: windows, state and gradients in recurrent networks.",
    "404": "There is no such page in Truncated Time.",
}


def configure(app: Sphinx, config: Config, site: str | None) -> None:
    """Tell the extensions where the book is published, if it is.

    Parameters
    ----------
    app : Sphinx
        The application.
    config : Config
        Its configuration, changed in place.
    site : str or None
        The address of the published book, without a slash at its end.
    """
    for extension in ("sphinxext.opengraph", "notfound.extension"):
        app.setup_extension(extension)
    app.connect("html-page-context", _no_contents)  # after that one's own, before the theme's
    config.notfound_template = "404.html"
    config.notfound_urls_prefix = urlsplit(site or "").path + "/"
    config.ogp_description_length = 160
    config.ogp_type = "book"
    config.ogp_site_name = config.html_title
    if site:
        config.html_baseurl = config.ogp_site_url = f"{site}/"
        config.ogp_image, config.ogp_image_alt = f"{site}/{_CARD}", card.ALT
        config.ogp_custom_meta_tags = [
            '<meta property="og:image:width" content="1200" />',
            '<meta property="og:image:height" content="630" />',
            '<meta name="twitter:card" content="summary_large_image" />',
        ]
    else:
        config.ogp_social_cards = {"enable": False}


def page(app: Sphinx, pagename: str, context: dict[str, Any]) -> None:
    """Complete the head of a page."""
    tags = context.get("metatags", "")
    if pagename in _DESCRIPTIONS:
        tags += f'<meta name="description" content="{escape(_DESCRIPTIONS[pagename])}" />'
    if not app.config.html_baseurl:  # a relative address would lead readers of the tag astray
        tags = re.sub(r'<meta property="og:url"[^>]*>\n?', "", tags)
    # A description that was cut ends with a whole word.
    context["metatags"] = re.sub(r'[ ,;:]+\S*\.\.\." />', '…" />', tags)
    if pagename == app.config.root_doc:
        context["title"] = SUBTITLE  # the name of the book follows by itself


def _no_contents(app: Sphinx, pagename: str, template: str, context: Any, doctree: Any) -> None:
    """Let a book of one page have a 404 page too: the theme takes no contents for an error."""
    if pagename == app.config.notfound_pagename:
        toctree = context["toctree"]
        context["toctree"] = lambda **options: toctree(**options) or ""


def publish(app: Sphinx) -> None:
    """Write what lies beside the pages where there is an address: the card and the map."""
    out = Path(app.outdir)
    if not (site := app.config.html_baseurl):
        for name in ("sitemap.xml", "robots.txt"):  # of an earlier build that had one
            (out / name).unlink(missing_ok=True)
        return
    card.draw(out / _CARD)
    places = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs)]
    lines = [f"<url><loc>{escape_xml(site + place)}</loc></url>" for place in places]
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(lines)
        + "\n</urlset>\n",
        encoding="utf-8",
    )
    (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {site}sitemap.xml\n")
