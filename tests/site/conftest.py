"""A server for the built pages, and a browser that lets nothing out."""

from __future__ import annotations

import functools
import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a log line each."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(book):
    """Serve the built pages; return the server's address."""
    handler = functools.partial(Quiet, directory=str(book.html))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(browser, address):
    """Open a page by name; every request to anywhere else is refused, and fails the test."""
    contexts, refused, errors, weights = [], [], [], {}

    def route(request):
        if request.request.url.startswith((address, "data:", "blob:", "file:")):
            request.continue_()
        else:
            refused.append(request.request.url)
            request.abort()

    def weigh(response):
        if response.ok and response.url.startswith(address):
            weights[response.url] = len(gzip.compress(response.body(), 6))

    def open_it(name, base=address, **options):
        context = browser.new_context(**({"viewport": {"width": 1000, "height": 900}} | options))
        contexts.append(context)
        context.route("**/*", route)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda it: it.type == "error" and errors.append(it.text))
        page.on("response", weigh)
        page.goto(f"{base}/{name}")
        page.weights = weights
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert refused == [], "the page asked for something outside the site"
    assert errors == []
