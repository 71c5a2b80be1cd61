"""The dashboard's pages of a million customers: seconds and CPU seconds of the server, the first time and at a click; and its memory.

Run as ``python benchmarks/pages.py [CUSTOMERS]``. The tables of the stages are made up (four features, six segments, risk and value; ids 0, 1, 2, ... as text)
in a temporary project with this checkout's ``conf/``; the registry is stood in for, the pages run in Streamlit's AppTest. What the browser does with
what it is sent (a page of fifty rows, charts of a few bars) does not grow with the customers and is not measured.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from growth import peak_mib

CUSTOMERS = 1_000_000
COLUMNS = ("recency_days", "frequency", "monetary", "tenure_days")
K = 6
CHECKOUT = Path(__file__).resolve().parent.parent


def make_project(n: int) -> Any:
    """Tables of n customers in the working folder; the model they belong to."""
    import numpy as np
    import pandas as pd

    from segments.clustering.space import fit_space, nearest
    from segments.config.identity import ConfidenceConfig
    from segments.config.sweep import FeatureSet, Scaler
    from segments.evidence.selection import Choice
    from segments.io.store import catalog
    from segments.io.store.files import write_table
    from segments.model.segmentation import Segmentation, fit_limits, number_segments

    for name in ("conf", "dvc.yaml", "data.dvc"):
        Path(name).symlink_to(CHECKOUT / name)
    random = np.random.default_rng(0)
    drawn = random.integers(0, K, n)
    columns = {name: np.exp(0.5 * random.normal(size=n) + drawn) for name in COLUMNS}
    features = pd.DataFrame({"customer_id": [f"{i}" for i in range(n)], **columns})
    space, X = fit_space(features, FeatureSet(name="rfm", columns={name: {} for name in COLUMNS}), Scaler("standard"))
    centres = np.array([X[drawn == c].mean(axis=0) for c in range(K)])
    clusters, _ = nearest(X, centres)
    segments = number_segments([f"segment {c}" for c in range(K)])
    members = features[["customer_id"]].assign(
        cluster=clusters,
        segment_id=np.array([one.segment_id for one in segments])[clusters],
        segment=np.array([one.name for one in segments])[clusters],
    )
    write_table(catalog.path_of(catalog.FEATURES), features)
    write_table(catalog.path_of(catalog.NAMED_LABELS), members)
    risk = members.assign(churn_risk=random.random(n), expected_value=random.gamma(2, 50, n))
    write_table(catalog.path_of(catalog.CUSTOMER_FORECAST), risk)
    why = {"next_segment": "segment 0", "first_feature": "frequency", "first_side": "high", "first_share": 0.7}
    why |= {"second_feature": "monetary", "second_side": "low", "second_share": 0.3}
    write_table(catalog.path_of(catalog.REASONS), members[["customer_id", "segment"]].assign(**why))
    choice = Choice("c0", None, "rfm", "rfm · standard", ["c0"], "The best.", "c0 won.", [], 1, 1, {}, [], [], {})
    catalog.write(catalog.CHOICE, choice)
    limits = fit_limits(space, centres, features.head(10_000), ConfidenceConfig())
    return Segmentation("c0", space, centres, segments, limits)


def stand_in(model: Any) -> None:
    """A registry whose only version is this model."""
    from segments.io.registry import files, versions

    tags = {"candidate_id": "c0", "model_hash": "h", "source": "mall"}
    version = versions.Version("customer-segments", "1", "r", tags, ["champion"], "", 0)
    versions.registered = lambda config, name: [version]
    held = {files.DOCUMENT: model.to_json().encode()}
    stored = files.RegisteredModel("customer-segments", "1", "models:/m/1", "mall", held)
    files.read_model = lambda config, uri: stored


def script(page: str) -> None:
    """What a page's script is, for AppTest: it takes the source of this function."""
    from importlib import import_module

    from pages import config

    import_module(f"segments.app.dashboard.{page}").show(config())


@cache
def config() -> Any:
    """Composed once, as the page's entry does."""
    from segments.app.load import load

    return load(["source=mall"])


def timed(what: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    app = what()
    taken = time.perf_counter() - wall, time.process_time() - cpu
    if app.exception:
        raise SystemExit(app.exception[0].message)
    return app, *taken


def table(n: int = CUSTOMERS) -> list[str]:
    """Every row of the table in results.md."""
    import streamlit
    from streamlit.testing.v1 import AppTest

    def row(what: str, do: Callable[[], Any]) -> Any:
        app, wall, cpu = timed(do)
        lines.append(f"| {what} | {wall:.2f} | {cpu:.2f} |")
        print(lines[-1], flush=True)
        return app

    def opened(page: str) -> AppTest:
        return AppTest.from_function(script, args=(page,), default_timeout=600)

    lines, here = [f"| {n:,} customers | s | CPU s |", "|---|---|---|"], Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            stand_in(make_project(n))
            for page in ("overview", "segment", "what_if"):
                opened(page).run()  # libraries are loaded
            streamlit.cache_resource.clear()
            row("Overview, first time", opened("overview").run)
            row("Overview again", opened("overview").run)
            segment = row("Segments, first time", opened("segment").run)
            for number, what in ((n // 2, "a customer looked up"), (n - 1, "another")):
                asked = segment.text_input(key="customer").set_value(f"{number}")
                segment = row(what, asked.run)
            segment = row("members searched by a part of an id", segment.text_input(key="search").set_value("99").run)
            given = row("What if, first time", opened("what_if").run)
            row("What if of a given customer", given.text_input(key="given").set_value(f"{n // 3}").run)
            lines += ["", f"Peak memory of the server's process, tables made in it included: {peak_mib():,.0f} MiB."]
        finally:
            os.chdir(here)
    return lines


if __name__ == "__main__":
    print(json.dumps(table(*map(int, sys.argv[1:]))))
