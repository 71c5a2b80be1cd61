"""One row in Python's own numbers: what arrays answer, to the last bit, or nothing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import odd_rows
from segmentations import segmentation
from segments.app.servers.model_api import invocations
from segments.clustering.space import Space
from segments.model.segmentation import Segmentation

ARRAYS_ONLY = {"quantile"}


def answer(model: Segmentation, cells: list[list[object]]) -> list[bytes] | str:
    try:
        return invocations.answers_of(model, cells)
    except invocations.RefusedError as refused:
        return refused.sentence


@pytest.mark.parametrize("kind", [*odd_rows.KINDS, "everything"])
def test_alone_or_among_many_a_row_gets_the_same_bytes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = odd_rows.of_everything() if kind == "everything" else odd_rows.of_numbers(*kind.split("-"))
    table = odd_rows.rows(model, 150, seed=len(kind))
    rows = [[[row[name]] for name in model.space.columns] for row in table.to_pylist()]
    alone = [answer(model, row) for row in rows]
    monkeypatch.setattr(invocations, "_FEW", 0)
    assert alone == [answer(model, row) for row in rows]
    if kind == "everything" or kind.partition("-")[0] in ARRAYS_ONLY:
        assert model.of_one_row is None
    else:
        quick = [
            model.of_one_row.answer([cell for [cell] in row]) for row in rows if None not in [cell for [cell] in row]
        ]
        assert sum(one is not None for one in quick) > 50, "most are ordinary"


def test_read_back_or_sent_elsewhere_it_answers_the_same() -> None:
    model = odd_rows.of_numbers("power", "log1p")
    wanted = model.of_one_row.answer([3, 2.5])
    assert wanted == Segmentation.from_json(model.to_json()).of_one_row.answer([3, 2.5])
    assert wanted == pickle.loads(pickle.dumps(model)).of_one_row.answer([3, 2.5])


def test_the_nearest_of_two_at_the_same_distance_is_the_first_and_on_both_nobody_is_sure() -> None:
    space = Space(["x"], ["identity"], [1.0], "none", {})
    between = segmentation("c0", space, np.array([[0.0], [10.0], [4.0]]), ["a", "b", "c"])
    found = between.of_one_row.answer([2.0])
    assert (found["cluster"], found["distance"], found["margin"], found["confidence"]) == (0, 2.0, 0.0, 0.0)
    twice = segmentation("c0", space, np.array([[1.0], [1.0]]), ["a", "b"])
    assert twice.of_one_row.answer([1.0])["confidence"] == 0.0
    assert segmentation("c0", space, np.array([[1.0]]), ["all"]).of_one_row is None


@pytest.mark.parametrize("cell", [True, "9", None, [1], float("nan"), 2**70, 10**400])
def test_what_is_no_ordinary_number_is_left_to_arrays(cell: object, monkeypatch: pytest.MonkeyPatch) -> None:
    model = odd_rows.of_numbers("standard", "identity")
    assert invocations._one_by_one(model, [[cell], [1.0]]) is None
    alone = answer(model, [[cell], [1.0]])
    monkeypatch.setattr(invocations, "_FEW", 0)
    assert alone == answer(model, [[cell], [1.0]])
