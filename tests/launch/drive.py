"""Run a notebook as Colab does: cell by cell in a kernel, then move every handle of its sliders.

    python drive.py NOTEBOOK ...

Prints what happened as a line of JSON for each. Needs what Colab has and nothing of this book, so
that it also runs in Colab's own image.
"""

from __future__ import annotations

import html
import itertools
import json
import math
import os
import re
import sys
import time

import nbformat
from jupyter_client.manager import start_new_kernel

# What the front end knows of the explorers: their handles, and the frame that they change.
FOUND = """
import ipywidgets, json, resource
print(json.dumps([
    {"handles": [{"id": h.model_id, "labels": h._options_labels} for h in box.children[:-1]],
     "picture": box.children[-1].model_id, "value": box.children[-1].value}
    for box in list(ipywidgets.Widget.widgets.values())
    if isinstance(box, ipywidgets.VBox) and box.children
    and isinstance(box.children[0], ipywidgets.SelectionSlider)
]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class CellError(RuntimeError):
    """A cell or a callback raised."""


def run(client, code):
    """Execute a cell; return what it printed."""
    printed = []

    def hear(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=hear, timeout=600)["content"]
    if reply["status"] != "ok":
        raise CellError(f"this cell raised:\n{code}\n" + "\n".join(reply["traceback"]))
    return "".join(printed)


def move(client, handle, index, shown):
    """Do what the browser does when a handle is moved; note what the kernel then shows."""
    state = {"method": "update", "state": {"index": index}, "buffer_paths": []}
    message = client.session.msg("comm_msg", {"comm_id": handle, "data": state})
    client.shell_channel.send(message)
    while True:
        told = client.get_iopub_msg(timeout=60)
        if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        content = told["content"]
        if told["msg_type"] == "error" or content.get("name") == "stderr":
            raise CellError(f"a slider's callback raised: {content}")
        if told["msg_type"] == "comm_msg" and content["data"].get("method") == "update":
            shown.setdefault(content["comm_id"], {}).update(content["data"]["state"])
        if content.get("execution_state") == "idle":
            return


def drive(client, explorer):
    """Move the handles through all positions; every one has to show its own frame."""
    shown = {explorer["picture"]: {"value": explorer["value"]}}
    handles = explorer["handles"]
    frames = set()
    for position in itertools.product(*(range(len(h["labels"])) for h in handles)):
        for handle, index in zip(handles, position, strict=True):
            move(client, handle["id"], index, shown)
        labels = [h["labels"][index] for h, index in zip(handles, position, strict=True)]
        frame = shown[explorer["picture"]]["value"]
        title = html.unescape(re.search("<title>(.*?)</title>", frame)[1])
        if not re.match(r"(?:.*?\b)".join(["", *map(re.escape, labels)]), title):
            raise CellError(f"at {labels} the sliders show {title!r}")
        frames.add(frame)
    return {"positions": math.prod(len(h["labels"]) for h in handles), "frames": len(frames)}


def main(path):
    """Run, drive, report."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    manager, client = start_new_kernel(cwd=os.path.dirname(os.path.abspath(path)))
    try:
        started = time.monotonic()
        run(client, cells[0])
        installed = time.monotonic()
        printed = [run(client, code) for code in cells[1:]]
        ended = time.monotonic()
        found, peak = run(client, FOUND).splitlines()
        driven = [drive(client, explorer) for explorer in json.loads(found)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(json.dumps({
        "cells": len(cells), "install_seconds": round(installed - started, 1),
        "seconds": round(ended - installed, 1), "peak_mb": int(peak) // 1024,
        "explorers": driven, "printed": printed,
    }))  # fmt: skip


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(name)
