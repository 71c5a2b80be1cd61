"""How Sphinx builds the site: `make docs`. Pages of the reference are made from the code first, and no page may load anything from the network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import reference

import segments

project, author, release = "segments", "", segments.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"]
exclude_patterns = ["webshop"]
html_theme = "furo"
html_title = "segments"
html_show_copyright = html_show_sphinx = html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_last_updated_fmt = None
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook is kept with what it showed; a test runs it
nb_merge_streams = True
napoleon_use_rtype = False
napoleon_use_ivar = True  # else the fields of a dataclass stand there twice
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them in words
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
suppress_warnings = ["myst.header", "docutils", "ref.python", "myst.xref_missing"]
OPTIONAL = ("scale", "operations", "scoring")  # pages that others write


def make_pages(app: Any) -> None:
    """Write what is made from the code, under ``docs/made/``."""
    folder = reference.DOCS / reference.MADE
    folder.mkdir(exist_ok=True)
    for name, text in reference.pages().items():
        path = reference.DOCS / name
        if not path.is_file() or path.read_text() != text:  # else Sphinx would read it again
            path.write_text(text)


def move_links(app: Any, docname: str, source: list[str]) -> None:
    """Links lead to pages of the site."""
    if not docname.startswith(reference.MADE) and (reference.DOCS / f"{docname}.md").is_file():
        text = reference.for_site(source[0], f"docs/{docname}.md", f"docs/{docname}.md")
        if docname == "index":
            absent = {name for name in OPTIONAL if not (reference.DOCS / f"{name}.md").is_file()}
            text = "\n".join(line for line in text.splitlines() if line not in absent)
        source[0] = text


def refuse_network(app: Any, exception: Exception | None) -> None:
    """Stop where a page would load something from elsewhere: the site is read offline, and tells nobody who reads it."""
    if exception is None:
        for path in sorted([*Path(app.outdir).rglob("*.html"), *Path(app.outdir).rglob("*.css")]):
            if found := reference.loaded_from_network(path.read_text(errors="replace")):
                raise RuntimeError(f"{path.relative_to(app.outdir)} loads {', '.join(found)}")


def setup(app: Any) -> None:
    """Hang these in."""
    app.connect("builder-inited", make_pages)
    app.connect("source-read", move_links)
    app.connect("build-finished", refuse_network)
