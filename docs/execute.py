"""Run docs/notebook.ipynb in this project and keep what it shows, its pictures in few colours: `make notebook`, after `make repro`."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

PATH = Path(__file__).with_name("notebook.ipynb")

os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm's, where widgets are not installed: nobody's concern
notebook = nbformat.read(PATH, as_version=4)
NotebookClient(notebook, resources={"metadata": {"path": str(PATH.parent.parent)}}).execute()
for cell in notebook.cells:
    cell.metadata.pop("execution", None)  # when it ran: a difference without a meaning
    for output in cell.get("outputs", []):
        if picture := output.get("data", {}).get("image/png"):
            small = io.BytesIO()
            Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").quantize(48).save(
                small, "PNG", optimize=True
            )
            output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode()
notebook.metadata["language_info"] = {"name": "python"}
nbformat.write(notebook, PATH)
