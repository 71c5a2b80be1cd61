"""Champion and challenger: who is in use, decided on the same customers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from segmentations import TABLE, on_a_line
from segments.clustering.space import fit_space
from segments.config.identity import ConfidenceConfig
from segments.config.registry import RegistryConfig
from segments.config.sweep import Feature, FeatureSet, Scaler, ScoringConfig
from segments.model.promotion import admit, judge
from segments.model.segmentation import Segmentation, fit_limits, number_segments

RULE = RegistryConfig(tolerance=0.1)
ANN = {"by": "Ann", "at": "2024-05-02T08:00:00+00:00", "because": "four teams"}


def verdict(champion: Segmentation, challenger: Segmentation) -> Any:
    return judge(TABLE, champion, challenger, RULE, ScoringConfig(), seed=0)


def test_the_two_are_compared_on_the_same_customers_in_the_reference_space() -> None:
    found = verdict(on_a_line([1.0, 11.0]), on_a_line([0.0, 6.0]))
    standard = (TABLE[["x"]] - TABLE["x"].mean()) / TABLE["x"].std(ddof=0)
    assert found.champion == pytest.approx(silhouette_score(standard, [0, 0, 0, 1, 1, 1]), abs=1e-9)
    assert found.challenger == pytest.approx(silhouette_score(standard, [0, 0, 0, 1, 1, 1]), abs=1e-9)
    assert found.promote


def test_one_that_is_worse_by_more_than_the_tolerance_waits() -> None:
    good, bad = on_a_line([1.0, 11.0]), on_a_line([0.0, 1.0])
    assert not verdict(good, bad).promote
    assert verdict(good, bad).reason.startswith("worse than the champion: silhouette over all features")
    assert verdict(bad, good).promote


def test_what_looks_visibly_worse_is_not_excused_by_the_default_tolerance() -> None:
    """Over many features all silhouettes are small: 0.02 is a third of the champion's here."""
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=300) for name in ("x", *(f"noise{i}" for i in range(12)))}
    table = pd.DataFrame({"customer_id": [str(i) for i in range(300)], **columns})

    def cut_at(place: float) -> Segmentation:
        space, _ = fit_space(table, FeatureSet("s", {"x": Feature()}), Scaler("none"))
        points = np.array([[place - 1.0], [place + 1.0]])
        limits = fit_limits(space, points, table, ConfidenceConfig())
        return Segmentation("id", space, points, number_segments(["low", "high"]), limits)

    found = judge(table, cut_at(-1.9), cut_at(0.0), RegistryConfig(), ScoringConfig(), seed=0)
    assert found.champion is not None
    assert found.challenger is not None
    assert 0.01 < found.champion - found.challenger < 0.05
    assert not found.promote


def test_a_champion_that_cannot_be_asked_keeps_its_place() -> None:
    found = verdict(on_a_line([1.0, 11.0], column="gone"), on_a_line([1.0, 11.0]))
    assert not found.promote
    assert "cannot be compared" in found.reason


def test_one_segment_for_everybody_wins_against_nobody() -> None:
    whole, parted = on_a_line([5.0, 500.0]), on_a_line([1.0, 11.0])
    assert verdict(whole, parted).promote
    assert not verdict(parted, whole).promote


@pytest.mark.parametrize(
    ("differences", "tags", "champion", "chosen", "promote", "because"),
    [
        ([], {}, None, None, True, "the first one"),
        ([], {}, None, ANN, True, "chosen by hand"),
        (["x.csv was changed"], {}, None, ANN, False, "it cannot be made again: x.csv was changed"),
        ([], {"rolled_back": "yesterday by Ann"}, None, ANN, False, "it was rolled back (yesterday by Ann)"),
        ([], {"source": "a"}, {"source": "a"}, ANN, True, "chosen by hand"),
        ([], {"source": "a"}, {"source": "b"}, None, True, "the champion is of another source (b)"),
        ([], {"source": "a"}, {"source": "a"}, None, None, ""),
    ],
)
def test_what_needs_no_comparison(
    differences: list[str],
    tags: dict[str, str],
    champion: dict[str, str] | None,
    chosen: dict[str, str] | None,
    promote: bool | None,
    because: str,
) -> None:
    found = admit(differences, tags, champion, RULE, chosen=chosen)
    assert (None if found is None else found.promote) == promote
    assert found is None or found.reason.startswith(because)


def test_a_persons_choice_is_theirs_and_a_refusal_is_the_rules() -> None:
    found = admit([], {"source": "a"}, {"source": "a"}, RULE, chosen=ANN)
    assert found is not None
    assert (found.by, found.reason) == ("Ann", "chosen by hand (2024-05-02T08:00:00+00:00 by Ann: four teams)")
    refused = admit(["x.csv was changed"], {}, None, RULE, chosen=ANN)
    assert refused is not None
    assert refused.by == "the rule"


@pytest.mark.parametrize("commit", ["unknown", "abc123-dirty"])
def test_uncommitted_code_waits_where_the_config_says_so(commit: str) -> None:
    strict = RegistryConfig(require_commit=True)
    refused = admit([], {"git_commit": commit}, None, strict, chosen=ANN)
    assert refused is not None
    assert not refused.promote
    accepted = admit([], {"git_commit": "abc123"}, None, strict, chosen=None)
    assert accepted is not None
    assert accepted.promote


@pytest.mark.parametrize(("tolerance", "promote"), [(0.0, False), (0.999, False), (1.0, True), (1.001, True)])
def test_a_challenger_may_be_worse_by_the_tolerance_and_no_more(tolerance: float, promote: bool) -> None:
    """In parts of the difference there is: 0.5 against what cutting off two of three low ones leaves."""
    good, worse = on_a_line([1.0, 11.0]), on_a_line([0.0, 3.0])
    apart = verdict(good, worse)
    assert apart.champion > apart.challenger
    config = RegistryConfig(tolerance=tolerance * (apart.champion - apart.challenger))
    found = judge(TABLE, good, worse, config, ScoringConfig(), seed=0)
    assert found.promote is promote
    assert found.reason.startswith("not worse than the champion" if promote else "worse than the champion")
    assert f"(tolerance {config.tolerance:g})" in found.reason


@pytest.mark.parametrize(("exact_up_to", "exact"), [(300, True), (299, False)])
def test_silhouettes_are_exact_as_far_as_the_config_says(exact_up_to: int, exact: bool) -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"customer_id": [str(i) for i in range(300)], "x": random.uniform(0, 12, 300)})
    scoring = ScoringConfig(exact_up_to=exact_up_to, sample=20)
    found = judge(table, on_a_line([1.0, 11.0]), on_a_line([0.0, 6.0]), RULE, scoring, seed=0)
    standard = (table[["x"]] - table["x"].mean()) / table["x"].std(ddof=0)
    for said, border in [(found.champion, 6.0), (found.challenger, 3.0)]:
        truth = silhouette_score(standard, table["x"] > border)
        assert (said == pytest.approx(truth, abs=1e-9)) is exact


def test_what_was_compared_is_said_in_full() -> None:
    found = verdict(on_a_line([1.0, 11.0]), on_a_line([0.0, 1.0]))
    assert found.to_plain() == {
        "promote": False,
        "reason": found.reason,
        "champion": found.champion,
        "challenger": found.challenger,
        "by": "the rule",
    }
    assert found.reason == (
        f"worse than the champion: silhouette over all features {found.challenger:.4f}, the champion's {found.champion:.4f} on the same customers (tolerance 0.1)"
    )


@pytest.mark.parametrize("commit", ["unknown", "abc123-dirty"])
def test_uncommitted_code_does_not_matter_where_the_config_does_not_ask(commit: str) -> None:
    found = admit([], {"git_commit": commit}, None, RegistryConfig(require_commit=False), chosen=None)
    assert found is not None
    assert found.promote
    unknown = admit([], {}, None, RegistryConfig(require_commit=True), chosen=None)
    assert unknown is not None
    assert not unknown.promote, "no commit at all is none that is known"
