"""Do clusters exist: the two scores' p by hand, and limits met exactly."""

from __future__ import annotations

import numpy as np
import pytest

from segments.config.evidence import EvidenceConfig, GradesConfig
from segments.evidence.existence import (
    Existence,
    calibrated,
    existence,
    first_se,
    gap_statistic,
    global_se_max,
    peaks_of,
)
from segments.evidence.resample_fits import refit

TWO = np.array([[0.0], [0.5], [1.0], [8.0], [8.5], [9.0]])
CONFIG = EvidenceConfig(nulls=3, references=4, starts=2, grades=GradesConfig(alpha=0.5))


def test_both_scores_must_be_convinced() -> None:
    """Of four data sets, ours has the least WCSS; but two of three null ones have as much silhouette. At the second k it is the other way round."""
    null = np.array([[0.0, 0.0], [-1.0, -1.0], [-2.0, -2.0]])
    data = Existence(np.array([-3.0, -1.0]), np.array([-1.0, 1.0]), null, null, np.array([0.75, 0.0]))
    found = data.verdict()
    assert found["p_wcss"].tolist() == [0.25, 0.75], "less WCSS is better"
    assert found["p_silhouette"].tolist() == [0.75, 0.25]
    assert found["z_wcss"].tolist() == [2.0, 0.0]
    assert found["z_silhouette"].tolist() == [0.0, 2.0]
    assert found["p_adjusted"].tolist() == [0.75, 0.75]
    assert found["excess"].tolist() == [0.0, 2.0]
    # the null's mean errs by 1 / sqrt(3)
    assert found["excess_error"] == pytest.approx([np.sqrt(0.5625 + 1 / 3), np.sqrt(1 / 3)])


def test_the_p_pay_for_every_cell_that_was_searched() -> None:
    """The draws' best z are 1, 0, -1 in the one cell and 0, 1, -1 in the other: two of three reach 1 somewhere."""
    one, other = np.array([[1.0], [0.0], [-1.0]]), np.array([[0.0], [1.0], [-1.0]])
    cells = [Existence(np.array([-1.0]), np.array([1.0]), -null, null, np.zeros(1)) for null in (one, other)]
    assert peaks_of(cells).tolist() == [[1.0, 1.0, -1.0]] * 2
    assert cells[0].verdict()["p_adjusted"].tolist() == [0.5]
    assert cells[0].verdict(peaks_of(cells))["p_adjusted"].tolist() == [0.75]
    assert cells[0].verdict(peaks_of(cells))["p_silhouette"].tolist() == [0.5], "that of the candidate alone stays"


def test_a_null_that_does_as_well_counts_and_one_that_never_varies_tells_nothing() -> None:
    z, p, adjusted = calibrated(
        np.array([1.0, 7.0]), np.array([[1.0, 5.0], [0.0, 5.0], [-1.0, 5.0]]), np.array([1.0, 0.0, 0.0])
    )
    assert z.tolist() == [1.0, 0.0]
    assert p.tolist() == [0.5, 1.0]
    assert adjusted.tolist() == [0.5, 1.0]


def test_gaps_that_meet_their_limit_exactly() -> None:
    error = np.array([0.0, 0.25, 0.25])
    assert first_se(np.array([0.25, 0.5, 1.0]), error) == 0, "not exceeded: 0.5 less 0.25"
    assert first_se(np.array([0.25, 0.75, 1.0]), error) == 1
    assert first_se(np.array([0.25, 0.75, 2.0]), error) == 2, "the last, when each exceeds"
    assert global_se_max(np.array([0.25, 0.75, 1.0]), error) == 1
    assert global_se_max(np.array([0.25, 0.5, 1.0]), error) == 2


def test_the_scores_of_six_points_by_hand() -> None:
    """WCSS 1 of 97 in all, in every search of so few points; both groups within 0.5 to 0.75 of 7.5 to 8.5."""
    found = existence(TWO, [2, 3], CONFIG)
    assert found.wcss[0] == pytest.approx(np.log(1.0 / 97.0))
    silhouettes = [1 - inside / 8.0 for inside in (0.75, 0.5, 0.75)]
    silhouettes[0], silhouettes[2] = 1 - 0.75 / 8.5, 1 - 0.75 / 7.5
    assert found.silhouette[0] == pytest.approx(np.mean(silhouettes))
    assert found.null_wcss.shape == found.null_silhouette.shape == (3, 2)
    assert (found.null_wcss < 0).all()
    assert (np.abs(found.null_silhouette) < 1).all()
    assert len(set(found.null_wcss[:, 0])) == 3, "every null data set is another one"


def test_points_on_their_centres_have_a_logarithm_all_the_same() -> None:
    alike = np.repeat([[0.0], [1.0]], 5, axis=0)
    assert np.isfinite(existence(alike, [2], CONFIG).wcss).all()
    assert np.isfinite(gap_statistic(alike, [2], CONFIG).gap).all()


def test_the_gap_by_hand() -> None:
    """Uniform data of the same range: 97 in all for ours, and for theirs what R's clusGap would subtract it from."""
    found = gap_statistic(TWO, [2], CONFIG)
    logs = []
    for i in range(4):
        random = np.random.default_rng([CONFIG.seed, 8, i])
        flat = random.uniform(TWO.min(), TWO.max(), size=(6, 1))
        logs.append([np.log(((flat - flat.mean()) ** 2).sum()), np.log(refit(flat, 2, 2, random).wcss)])
    logs = np.array(logs)
    assert found.k == [1, 2]
    assert found.gap == pytest.approx(logs.mean(axis=0) - np.log([97.0, 1.0]), abs=1e-8)
    assert found.error == pytest.approx(logs.std(axis=0) * np.sqrt(1.25), abs=1e-8)
    assert (found.first_se, found.global_se_max) == (2, 2)
