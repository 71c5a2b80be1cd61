"""Entry of the page: ``streamlit run app.py -- OVERRIDES``, as :mod:`segments.app.servers.dashboard` starts it from the project's folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from segments.app.dashboard import compare, monitor, overview, performance, segment, what_if
from segments.app.load import load
from segments.config.root import Config
from segments.errors import SegmentsError

# Without icons: Streamlit makes a page's icon the tab's, too, and fetches that from a server of Google's.
PAGES: dict[str, tuple[str, Callable[[Config], None]]] = {
    "overview": ("Overview", overview.show),
    "performance": ("Performance", performance.show),
    "compare": ("Compare", compare.show),
    "segments": ("Segments", segment.show),
    "what-if": ("What if", what_if.show),
    "monitor": ("Monitor", monitor.show),
}


def page(overrides: list[str]) -> None:
    """Show the page a person chose."""
    st.set_page_config(layout="wide")
    try:
        config = _config(tuple(overrides), max(path.stat().st_mtime_ns for path in Path("conf").rglob("*.yaml")))
    except SegmentsError as error:
        st.error(str(error))
        return
    made = [
        st.Page(partial(_shown, show, config), title=title, url_path=path, default=path == "overview")
        for path, (title, show) in PAGES.items()
    ]
    page = st.navigation(made)
    # Streamlit writes white on what was picked, in the dark on a pale blue
    st.html(
        "<style>[data-testid='stMultiSelectTagsContainer'] [data-tag] { background-color: #0072B2 !important; }</style>"
    )
    st.set_page_config(page_title=f"{page.title} · customer segments")
    with st.sidebar:
        st.caption(f"Source: **{config.source.name}**")
        at = f"at {config.tracking.uri}" if config.tracking.uri else "on this machine"
        st.caption(f"Reads artifacts on this machine and MLflow's registry {at}. Only buttons that say so write.")
    page.run()


def _shown(show: Callable[[Config], None], config: Config) -> None:
    """A page; what a person can mend is one sentence, not a traceback."""
    try:
        show(config)
    except SegmentsError as error:
        st.error(str(error))


# Hydra composes one config at a time in a process; the cache's lock sees to that for equal overrides, which all who look share.
@st.cache_resource(max_entries=2, show_spinner=False)
def _config(overrides: tuple[str, ...], stamp: int) -> Config:
    return load(overrides)


if __name__ == "__main__":
    page(sys.argv[1:])
