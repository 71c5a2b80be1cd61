"""The site and the README: nothing public is undocumented, every command and link in a page is there, no page needs the network."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from small_project import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """What makes the pages of the reference; it is no part of the package."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_public_is_undocumented(reference: ModuleType) -> None:
    assert reference.undocumented() == []
    assert len(reference.commands()) > 30 and len(list(reference.sections())) > 40


def test_every_command_and_every_key_has_its_place(reference: ModuleType) -> None:
    from segments.app.cli import COMMANDS, STAGES

    commands = reference.commands_page()
    assert re.findall(r"^### segments (\w+)$", commands, re.MULTILINE) == [*STAGES, *COMMANDS]
    settings = reference.settings_page()
    values, comments = reference.in_conf()
    paths = {path for path, _ in reference.sections()}
    assert {path.split(".")[0] for path in values} <= {*paths, "defaults", "k"}
    absent = [path for path in values if f"| `{path.rpartition('.')[2]}` |" not in settings and path not in paths]
    named = ("defaults", "k", "profiles.traits", "rfm_map.segments", "overlay.traits")
    assert [path for path in absent if not path.startswith(named)] == []
    assert "| `alpha` | `0.01` | There is structure when" in settings
    assert "two segments are rarely worth acting on" in settings, "what conf/ says beside a key"
    assert comments["evidence.grades.alpha"].startswith("of the p against data without clusters")


def test_what_import_segments_gives_is_on_its_page(reference: ModuleType) -> None:
    import segments

    page = reference.python_page()
    assert [name for name in segments.__all__ if f"## segments.{name}\n" not in page] == ["__version__"]
    assert all(f"python_{noun}" in page for noun in reference.NOUNS)
    assert ".. automodule:: segments.evidence.selection\n   :members:" in reference.noun_page("evidence")


def test_every_page_is_in_the_sites_menu(reference: ModuleType) -> None:
    listed = re.findall(r"^[\w/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE)
    have = {path.stem for path in DOCS.glob("*.md")} | {
        "notebook",
        *(f"made/{name}" for name in reference.ROOT_PAGES.values()),
    }
    have |= {"made/commands", "made/settings", "made/python"}
    assert have - {"index"} - set(listed) == set()
    assert set(listed) - have <= {"scale", "operations", "scoring"}, "pages that may come"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_and_commands_are_there(page: Path) -> None:
    from segments.app.cli import app

    text = page.read_text()
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    made = [target for target in targets if target.startswith("made/")]
    assert [one for one in targets if one and one not in made and not (page.parent / one).exists()] == []
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    words = re.findall(r"(?:^|&& |; )segments ([a-z]+)", blocks, re.MULTILINE)
    assert [word for word in words if word not in app.commands] == []


def test_the_readme_is_a_page_that_starts() -> None:
    lines = (CHECKOUT / "README.md").read_text().splitlines()
    assert len(lines) < 120
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    asked = re.findall(r"^make ([a-z-]+)", "\n".join(lines), re.MULTILINE)
    assert asked and set(asked) <= set(targets)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', ["https://cdn.example.org/x.js"]),
        ("<link rel='stylesheet' href='//fonts.example.org/a.css'>", ["//fonts.example.org/a.css"]),
        ("<style>@import url(https://a.example.org/b.css);</style>", ["https://a.example.org/b.css"]),
        ("body { background: url('http://a.example.org/c.png') }", ["http://a.example.org/c.png"]),
        ('<a href="https://example.org">read</a><img src="data:image/png;base64,aa"><script src="_static/x.js">', []),
    ],
)
def test_what_a_page_loads_from_the_network_is_found(reference: ModuleType, html: str, found: list[str]) -> None:
    assert reference.loaded_from_network(html) == found


def test_links_lead_to_pages_of_the_site(reference: ModuleType) -> None:
    text = "[a](docs/sweeps.md#what), ![b](docs/evidence.png), [c](src/segments/errors.py), [d](https://example.org), [e](#f)"
    assert reference.for_site(text, "README.md", "docs/made/x.md") == (
        "[a](../sweeps.md#what), ![b](../evidence.png), c, [d](https://example.org), [e](#f)"
    )
    assert reference.for_site("[words](../GLOSSARY.md)", "docs/a.md", "docs/a.md") == "[words](made/glossary.md)"
