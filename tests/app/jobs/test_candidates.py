"""Candidates are made once, and put in the cache whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import by_hand
from segments.app.jobs import candidates as jobs_candidates
from segments.app.jobs.candidates import curves, make_cell, make_cells
from segments.app.stages import sweep as stage
from segments.clustering import candidate
from segments.clustering import plane as clustering_plane
from segments.clustering.candidate import Spec, TableHash, candidate_id, hash_table
from segments.clustering.plane import plane
from segments.clustering.space import Space
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.io.plots import sweep as plots_sweep
from segments.io.store.cache import (
    arrays_of,
    candidate_pictures,
    candidates_folder,
    elbow_file,
    kept_candidate,
    space_of,
)
from segments.io.store.files import artifact, clear, write_table
from segments.io.store.seals import SEAL

SET = FeatureSet("xy", {"x": Feature(), "y": Feature()})


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"customer_id": [str(i) for i in range(60)], "x": rng.normal(size=60), "y": rng.normal(size=60)}
    )


def specs(*ks: int) -> list[Spec]:
    return [Spec("toy", SET, Scaler("none"), Algorithm(starts=2, max_fits=6), k, 0) for k in ks]


@pytest.mark.slow
def test_everything_of_a_candidate_is_in_the_cache(features: pd.DataFrame) -> None:
    [facts] = make_cell(features, specs(3))
    identity = facts["candidate_id"]
    assert identity == candidate_id(specs(3)[0], features)
    assert kept_candidate(identity) == facts
    assert arrays_of(identity)["labels"].max() == 2
    assert space_of(identity)["columns"] == ["x", "y"]
    assert sorted(candidate_pictures(identity)) == ["clusters", "clusters.small", "silhouette", "silhouette.small"]


@pytest.mark.slow
def test_what_is_finished_is_not_made_again(features: pd.DataFrame) -> None:
    first = {fact["candidate_id"]: fact for fact in make_cell(features, specs(2, 3))}
    made = {path.name: path.stat().st_mtime_ns for path in candidates_folder().iterdir()}
    grown = make_cell(features, specs(2, 3, 4))
    assert [fact["params"]["k"] for fact in grown] == [2, 3, 4]
    assert all(first[fact["candidate_id"]] == fact for fact in grown[:2])
    assert all((candidates_folder() / name).stat().st_mtime_ns == when for name, when in made.items())


def test_a_candidate_made_again_alone_is_the_same(features: pd.DataFrame) -> None:
    """To the last byte: scores, labels, centres and pictures, as after a kill."""
    together = {fact["candidate_id"]: fact["scores"] for fact in make_cell(features, specs(2, 3, 4))}
    identity = candidate_id(specs(3)[0], features)
    before = {p.name: p.read_bytes() for p in (candidates_folder() / identity).iterdir() if p.name != "candidate.json"}
    clear(candidates_folder() / identity)
    [again] = make_cell(features, specs(3))
    assert again["scores"] == together[identity]
    after = {p.name: p.read_bytes() for p in (candidates_folder() / identity).iterdir() if p.name != "candidate.json"}
    assert after.keys() == before.keys()
    for name in before:
        if name not in ("arrays.npz", SEAL):
            assert after[name] == before[name], name


def test_of_many_customers_some_are_drawn_and_all_are_kept(
    features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Centres in the picture come from all of them."""
    drawn = []

    class Seen(plots_sweep.Clusters):
        def draw(self, labels: Any, centres: Any, title: str) -> Any:
            drawn.append((len(self.points), len(labels), centres))
            return super().draw(labels, centres, title)

    monkeypatch.setattr(plots_sweep, "Clusters", Seen)
    monkeypatch.setattr(clustering_plane, "DRAWN", 20)
    [fact] = make_cell(features, specs(3))
    labels = arrays_of(fact["candidate_id"])["labels"]
    assert len(labels) == len(features) > 20
    [(points, own, centres)] = drawn
    assert points == own == 20
    whole = plane(features, Space.from_plain(space_of(fact["candidate_id"])))
    np.testing.assert_array_equal(centres, whole.centres(labels))


def test_curves_hold_whole_cells_only(features: pd.DataFrame) -> None:
    facts = {fact["candidate_id"]: fact for fact in make_cell(features, specs(4, 2, 3))}
    found = curves([list(facts), ["not made yet"]], facts)
    assert list(found) == ["xy · none"]
    assert [fact["params"]["k"] for fact in found["xy · none"][0]] == [2, 3, 4]
    kept = elbow_file(facts)
    before = kept.read_bytes()
    assert before[1:4] == b"PNG"
    assert found["xy · none"][1]() == before, "the process that made the cell drew it"
    kept.write_bytes(b"from there")
    assert found["xy · none"][1]() == b"from there"
    kept.unlink()
    assert found["xy · none"][1]() == before, "drawn again where it was lost, in whatever order the k were asked for"


@pytest.mark.slow
def test_interrupted_it_waits_for_the_candidate_that_is_being_kept(
    features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 takes a thread for ended whose join was interrupted: it died with the process, and left a candidate half-made."""
    real, gone, ended = jobs_candidates.cache.keep_candidate, threading.Event(), list[str]()

    def interrupted(identity: str, *more: Any) -> None:
        if ended:  # the second, for which the other thread has nothing left to do but wait
            gone.wait(0.3)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            gone.wait(0.5)  # who does not wait is gone by then
        real(identity, *more)
        ended.append(identity)

    monkeypatch.setattr(jobs_candidates.cache, "keep_candidate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_cell(features, specs(2, 3))
    gone.set()
    assert sorted(path.name for path in candidates_folder().iterdir()) == sorted(ended)
    assert len(ended) == 2


def test_finished_cells_need_no_other_process(features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = make_cell(features, specs(2, 3))

    def start(*_: object, **__: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(jobs_candidates, "side_by_side", start)
    with make_cells(features, [specs(2, 3), specs(3)], workers=2) as made:
        assert list(made) == [facts, facts[1:]]
    # at once, not with the first result
    with pytest.raises(InterruptedError), make_cells(features, [specs(2, 3), specs(2, 3, 4)], workers=2):
        pass


def test_cells_from_the_kept_and_from_other_processes_come_together(features: pd.DataFrame) -> None:
    make_cell(features, specs(2))
    with make_cells(features, [specs(3), specs(2)], workers=2) as made:
        found = list(made)
    assert [[fact["params"]["k"] for fact in facts] for facts in found] == [[2], [3]]


@pytest.mark.slow
def test_a_sweep_hashes_the_table_once(features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the plan, every cell from the cache and every cell that is made: of millions of customers it takes seconds."""
    calls = list[int]()

    def counted(table: pd.DataFrame) -> TableHash:
        calls.append(len(table))
        return hash_table(table)

    def here(make: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Any]:
        yield from (make(*task) for task in tasks)  # in this process, where calls are counted

    make_cell(features, specs(2))
    for module in (candidate, jobs_candidates, stage):
        monkeypatch.setattr(module, "hash_table", counted)
    monkeypatch.setattr(jobs_candidates, "side_by_side", here)
    monkeypatch.setattr(stage, "grid", lambda *_: [specs(2), specs(2, 3), specs(4)])
    for name in ("track_candidates", "track_curves"):
        monkeypatch.setattr(stage, name, lambda *_: None)
    monkeypatch.setattr(stage, "connect", lambda *_: nullcontext())
    write_table(artifact("features", "customers.parquet"), features)
    by_hand.features_of("toy")
    section = SimpleNamespace(workers=1, k_max=4)
    config: Any = SimpleNamespace(source=SimpleNamespace(name="toy"), sweep=section, tracking=None)
    assert stage.run(config).startswith("3 candidates, 2 new")
    assert calls == [60]
