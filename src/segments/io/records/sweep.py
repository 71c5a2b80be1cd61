"""What the sweep's MLflow run is made from, as files, so that the run can be rebuilt from them.

Comes in: the results of the stages. Goes out: a folder per sweep with config, tables, pictures, note and ``record.json``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segments.clustering.candidate import hash_table
from segments.clustering.space import Space
from segments.config.root import Config
from segments.evidence.selection import Choice, name_of
from segments.io.plots import evidence
from segments.io.plots import sweep as draw
from segments.io.plots.style import png, shrunk
from segments.io.records import notes
from segments.io.store import cache, catalog
from segments.io.store.documents import Sweep
from segments.io.store.files import (
    checkout,
    clear,
    find_project,
    read_json,
    replace_folder,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)
from segments.io.store.fingerprints import sha256
from segments.io.store.seals import seal
from segments.io.tracking.inputs import dataset_of
from segments.io.tracking.sweeps import PICTURES_OF_NOTE
from segments.model.segmentation import Segment

PREVIEW = 540  # pixels: as wide as MLflow's page has room for a note on a screen of 1280
# What goes in as it is, and as CSV: nothing that holds a customer.
COPIED = (
    catalog.EXPLORE_PICTURES,
    catalog.EXPLORE_SUMMARY,
    catalog.FEATURE_WARNINGS,
    catalog.EVIDENCE_PICTURES,
    catalog.GAP_STATISTICS,
    catalog.EVIDENCE_RUN,
    catalog.USEFULNESS_RUN,
    catalog.SELECTION_PICTURES,
    catalog.FIRMNESS,
    catalog.FIT_OF_RECORD,
    catalog.SELECTION_METRICS,
    catalog.PLAYBOOKS,
    catalog.PLAYBOOK_PAGE,
    catalog.PERFORMANCE_FACTS,
    catalog.PERFORMANCE_METRICS,
)
COPIED_WHEN_CHOSEN = (catalog.PLAIN_RULES, catalog.REPORT, catalog.BRIEFING, catalog.BRIEFING_PICTURES)
TABLES_WHEN_CHOSEN = (
    catalog.PROFILES,
    catalog.DESCRIPTORS,
    catalog.TESTS,
    catalog.MAKE_UP,
    catalog.RFM_SEGMENTS,
    catalog.RFM_CROSS_TABLE,
    catalog.PERFORMANCE,
    catalog.MOVERS,
    catalog.TARGET_LIGHTS,
)


def is_left_alone(folder: Path) -> bool:
    """Whether an experiment in DVC's temporary folder meets the sweep that the checkout has recorded: it may choose otherwise from the same candidates."""
    known = folder / "record.json"
    return find_project() != checkout() and known.is_file() and not read_json(known).get("aside", False)


def write_sweep_record(
    config: Config,
    folder: Path,
    sweep: Sweep,
    choice: Choice,
    candidates: pd.DataFrame,
    features: pd.DataFrame,
    profiles: pd.DataFrame | None,
    not_foreseen: Sequence[str] = (),
    sampled: str = "",
) -> None:
    """Write all of a sweep's MLflow run into its folder.

    Parameters
    ----------
    config : Config
        What was asked for.
    folder : Path
        Where to; what an earlier run left there is replaced.
    sweep, choice : Sweep, Choice
        As the sweep and selection stages wrote them.
    candidates, features : DataFrame
        As the sweep and features stages wrote them.
    profiles : DataFrame or None
        One row per segment; ``None`` when nothing was chosen.
    not_foreseen : sequence of str
        Sentences on what cannot be foreseen of them.
    sampled : str
        Whose figures these are, where an engine has more customers than are here.
    """
    files = folder / ".files"  # takes the place of "files" when it is whole
    clear(files)
    write_json(files / "config.json", asdict(config))
    write_csv(files / "candidates.csv", candidates)
    write_json(files / "choice.json", choice.to_plain())
    for artifact in (*COPIED, *(COPIED_WHEN_CHOSEN if profiles is not None else ())):
        for path in artifact.files_to_show():
            write_bytes(files / artifact.stage / path.name, path.read_bytes())
    for table in (catalog.CLUSTER_STABILITY, *(TABLES_WHEN_CHOSEN if profiles is not None else ())):
        if table is catalog.CLUSTER_STABILITY or catalog.exists(table):
            path = files / table.stage / Path(table.file).with_suffix(".csv")
            write_csv(path, catalog.read(table))
    if board := _board(choice, candidates, features):
        write_bytes(files / "finalists.png", board)
    for shown in PICTURES_OF_NOTE:
        if (files / shown).is_file():
            write_bytes(files / "previews" / Path(shown).name, shrunk((files / shown).read_bytes(), PREVIEW))
    replace_folder(files, folder / "files")
    firmness = catalog.read(catalog.FIRMNESS).firmness
    _write_cards(config, folder / "cards", choice, candidates, firmness)
    said = notes.sweep_note(choice.to_plain(), candidates, profiles, firmness, not_foreseen, sampled)
    write_text(folder / "note.md", said)
    record_folder = folder / "sweep.json"
    if not record_folder.is_file():  # DVC brought the sweep back from its cache: when it ran is not known here
        write_json(record_folder, asdict(sweep) | {"started_ms": 0, "seconds": 0.0})
    timing = read_json(record_folder)
    record = {
        "sweep_id": sweep.sweep_id,
        "candidate_ids": candidates["candidate_id"].tolist(),
        "candidate_id": choice.candidate_id,
        "finalists": choice.finalists,
        "ranking": _ranking(choice, candidates, config.selection.metric),
        "misses": {identity: list(gates) for identity, gates in choice.misses.items()},
        "params": _params(config),
        "data": dataset_of(config.source.name, features, hash_table(features)),
        "origin": timing.get("origin", {}),
        "aside": find_project() != checkout(),
        "started_ms": timing["started_ms"],
        "seconds": timing["seconds"],
    }
    write_json(folder / "record.json", record)
    seal(folder)


def _ranking(choice: Choice, candidates: pd.DataFrame, metric: str) -> list[str]:
    """Every candidate, best first: finalists as they were ranked, then by the number of gates they fail and the metric."""
    known = candidates.set_index("candidate_id")[metric].fillna(-np.inf)
    places = {identity: place for place, identity in enumerate(choice.finalists)}
    last = len(places)
    return sorted(
        known.index, key=lambda one: (places.get(one, last), len(choice.misses.get(one, ())), -float(known[one]))
    )


def _write_cards(config: Config, folder: Path, choice: Choice, candidates: pd.DataFrame, firmness: str | None) -> None:
    """The evidence card of every finalist that has evidence; the chosen one's says how firm it is, too."""
    clear(folder)
    clusters, scores = catalog.read(catalog.CLUSTER_STABILITY), catalog.read(catalog.NULL_SCORES)
    gaps = catalog.read(catalog.GAP_STATISTICS)
    for row in candidates[candidates["candidate_id"].isin(choice.finalists) & candidates["evaluated"]].to_dict(
        "records"
    ):
        identity = row["candidate_id"]
        card = evidence.card(
            name_of(row),
            row,
            clusters[clusters["candidate_id"] == identity],
            scores[scores["candidate_id"] == identity],
            asdict(gaps[f"{row['feature_set']} · {row['scaler']}"]),
            row["k"],
            asdict(config.evidence.grades),
            firmness if identity == choice.candidate_id else None,
        )
        write_bytes(folder / f"{identity}.png", png(card))


def config_text(config: Config) -> str:
    """Everything that was asked for, as JSON: :class:`~segments.config.Config` reads it back."""
    # Not sorted: the order of columns is part of what was asked for.
    return json.dumps(asdict(config), indent=1, ensure_ascii=False) + "\n"


def config_hash(config: Config) -> str:
    """SHA-256 of everything that was asked for."""
    return sha256(config_text(config).encode())


def _board(choice: Choice, candidates: pd.DataFrame, features: pd.DataFrame) -> bytes | None:
    by_id = candidates.set_index("candidate_id")
    tiles = []
    for candidate_id in choice.finalists:
        row, pictures = by_id.loc[candidate_id], cache.candidate_pictures(candidate_id)
        if {"clusters", "silhouette"} <= set(pictures):
            caption = f"silhouette {row['silhouette']:.3f}, smallest {row['smallest_share']:.0%}"
            if candidate_id == choice.candidate_id:
                tiles.append((f"chosen · {caption}", *_of_segments(name_of(row), candidate_id, features)))
            else:
                tiles.append((caption, pictures["clusters"].read_bytes(), pictures["silhouette"].read_bytes()))
    title = "Finalists, best first" if choice.candidate_id else "Nothing passed; these came closest"
    return png(draw.board(tiles, title)) if tiles else None


def _of_segments(name: str, candidate_id: str, features: pd.DataFrame) -> tuple[bytes, bytes]:
    """The chosen candidate's pictures, drawn anew: since they were, its clusters have become segments."""
    known, found = catalog.read(catalog.SEGMENTS), cache.arrays_of(candidate_id)
    segments = list(map(Segment, known.ids, known.names, known.colours))
    space, labels = Space.from_plain(cache.space_of(candidate_id)), found["labels"]
    bars = draw.Silhouettes().draw(found["silhouettes"], labels[found["rows"]], name, segments)
    return png(draw.draw_clusters(features, space, labels, name, segments)), png(bars)


def _params(config: Config) -> dict[str, Any]:
    grid = config.sweep
    return {
        "source": config.source.name,
        "feature_sets": ",".join(grid.feature_sets),
        "scalers": ",".join(grid.scalers),
        "k_min": grid.k_min,
        "k_max": grid.k_max,
        "seed": grid.seed,
        "algorithm": config.algorithm.name,
        "config_hash": config_hash(config),
    }
