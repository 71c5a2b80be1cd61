"""The bench of the true k: its sets are what they say, and its tables count right."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from segments.config.evidence import EvidenceConfig, GradesConfig

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import true_k

QUICK = EvidenceConfig(bootstraps=4, splits=2, nulls=19, references=2, starts=2, grades=GradesConfig(alpha=0.05))


@pytest.mark.slow
def test_planted_sets_are_as_unlike_as_they_should_be() -> None:
    sets = [true_k.planted(0, number) for number in range(28)]
    assert {int(one.labels.max()) + 1 for one in sets} == set(range(2, 16))
    assert {one.rows.shape[1] for one in sets} == set(range(2, 9))
    sizes = [len(one.rows) for one in sets]
    assert min(sizes) >= 190
    assert max(sizes) <= 3100
    shares = np.concatenate([np.bincount(one.labels) / len(one.labels) for one in sets])
    assert 0.01 < shares.min() < 0.03
    again = true_k.planted(0, 5)
    assert np.array_equal(sets[5].rows, again.rows)
    assert not np.array_equal(sets[5].rows[:9], true_k.planted(1, 5).rows[:9])


@pytest.mark.parametrize("kind", true_k.ATOMS)
def test_a_lump_is_in_every_set_that_should_have_one(kind: str) -> None:
    rows = true_k.ATOMS[kind](np.random.default_rng(0), 400, 3)
    largest = max(np.unique(column, return_counts=True)[1].max() for column in rows.T)
    assert 0.1 <= largest / 400 <= 0.9


def test_every_kind_meets_every_scaler() -> None:
    kinds = len(true_k.SMOOTH) + len(true_k.ATOMS)
    assert kinds >= 24
    met = {(one.kind, one.scaler) for one in (true_k.structureless(0, number) for number in range(3 * kinds))}
    assert len(met) == 3 * kinds


def test_an_easy_set_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(true_k, "KS", range(2, 5))
    random = np.random.default_rng(0)
    rows = np.concatenate([random.normal(size=(40, 2)) + at for at in ([0, 0], [12, 0], [0, 12])])
    answer = true_k.asked(true_k.Set("three", "standard", rows, np.repeat(np.arange(3), 40)), QUICK)
    assert (answer.true_k, answer.agreement, answer.natural) == (3, 1.0, True)
    assert {rule: k for rule, k in answer.named.items() if k != 3} == {}


def test_the_tables_count_what_was_answered() -> None:
    def of(kind: str, true: int, agreement: float, ours: int, natural: bool) -> true_k.Answer:
        return true_k.Answer(kind, "power", true, agreement, {"ours": ours}, natural)

    planted = [
        of("", 4, 0.9, 4, True),
        of("", 4, 1.0, 3, True),
        of("", 4, 1.0, 6, True),
        of("", 4, 1.0, 4, True),
        of("", 4, 0.8999, 9, True),
    ]
    lines = true_k.summary(planted, [of("normal", 1, 0, 2, False), of("zeros", 1, 0, 2, True)])
    assert lines[0].startswith("5 planted sets, of which k-means at the true k recovers 4 ")
    assert "| ours | 2 (50%) | 1 | 1 |" in lines
    assert lines[-2:] == ["| smooth | 1 | 0 |", "| with lumps | 1 | 1: zeros (power) |"]
