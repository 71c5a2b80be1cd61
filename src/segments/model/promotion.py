"""Champion and challenger on the same data -> who is in use. Comes in: two segmentations, the features of today. Goes out: a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from segments.clustering.scores import reference_space
from segments.clustering.silhouette import silhouette_estimate
from segments.config.registry import RegistryConfig
from segments.config.sweep import ScoringConfig
from segments.errors import SegmentsError
from segments.model.segmentation import Segmentation


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger takes over.

    Parameters
    ----------
    promote : bool
        Whether it does.
    reason : str
        Why, in words.
    champion, challenger : float or None
        The silhouettes that were compared; ``None`` when there was nothing to compare.
    by : str
        Whose verdict it is: the rule's, or the person's who chose.
    """

    promote: bool
    reason: str
    champion: float | None = None
    challenger: float | None = None
    by: str = "the rule"

    def to_plain(self) -> dict[str, Any]:
        """The verdict as plain data, ready for JSON."""
        return asdict(self)


def admit(
    differences: Sequence[str],
    tags: Mapping[str, str],
    champion: Mapping[str, str] | None,
    config: RegistryConfig,
    *,
    chosen: Mapping[str, Any] | None,
) -> Verdict | None:
    """Decide what can be decided without comparing fits.

    Parameters
    ----------
    differences : sequence of str
        What kept the challenger from being made again; empty when it is proved.
    tags : mapping of str to str
        The challenger's.
    champion : mapping of str to str or None
        Tags of the one in use; ``None`` when there is none.
    config : RegistryConfig
        Whether uncommitted code counts.
    chosen : mapping or None
        When a person chose the challenger: ``by, at, because``.

    Returns
    -------
    Verdict or None
        ``None`` when the two have to be compared.

    Examples
    --------
    >>> admit([], {"source": "mall"}, None, RegistryConfig(), chosen=None).reason
    'the first one'
    >>> ann = {"by": "Ann", "at": "2024-05-02", "because": "four teams"}
    >>> admit([], {}, None, RegistryConfig(), chosen=ann).reason
    'chosen by hand (2024-05-02 by Ann: four teams)'
    >>> admit(["the refitted labels differ"], {}, None, RegistryConfig(), chosen=ann).promote
    False
    """
    if differences:
        return Verdict(False, f"it cannot be made again: {'; '.join(differences)}")
    commit = tags.get("git_commit", "unknown")
    if config.require_commit and (commit == "unknown" or commit.endswith("-dirty")):
        return Verdict(False, "it was made from code that is not committed: commit it, and `segments promote` it")
    if tags.get("rolled_back"):
        return Verdict(False, f"it was rolled back ({tags['rolled_back']}); `segments promote` puts it in use again")
    if chosen is not None:
        message = f"{chosen['at']} by {chosen['by']}: {chosen['because']}"
        return Verdict(True, f"chosen by hand ({message})", by=str(chosen["by"]))
    if champion is None:
        return Verdict(True, "the first one")
    if all(tags.get(key) and tags.get(key) == champion.get(key) for key in ("model_hash", "candidate_id")):
        return Verdict(True, "the same model as the champion, whose files are not those that were registered")
    if champion.get("source") != tags.get("source"):
        return Verdict(True, f"the champion is of another source ({champion.get('source', 'unknown')}): not comparable")
    return None


def judge(
    features: pd.DataFrame,
    champion: Segmentation,
    challenger: Segmentation,
    config: RegistryConfig,
    scoring: ScoringConfig,
    seed: int,
) -> Verdict:
    """Compare two segmentations of the same customers on equal ground: all features, standard-scaled.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The customers as they are now.
    champion, challenger : Segmentation
        The one in use, and the one that would take its place.
    config : RegistryConfig
        How much worse a challenger may be.
    scoring : ScoringConfig
        Up to how many customers the silhouettes are exact.
    seed : int
        Of the sample of very many customers; both are measured on the same one.

    Returns
    -------
    Verdict
        The challenger takes over if its silhouette in the reference space is not lower by more than ``config.tolerance``.

    Examples
    --------
    >>> from segments.model.segmentation import Limits, number_segments
    >>> from segments.clustering.space import Space
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "x": [0.0, 1.0, 10.0, 11.0]})
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> two = number_segments(["low", "high"])
    >>> good, bad = (Segmentation("id", space, np.array(c), two, limits) for c in ([[0.5], [10.5]], [[0.0], [1.0]]))
    >>> judge(table, bad, good, RegistryConfig(), ScoringConfig(), seed=0).promote
    True
    >>> judge(table, good, bad, RegistryConfig(), ScoringConfig(), seed=0).promote
    False
    """
    try:
        before = champion.predict(features)["cluster"].to_numpy()
    except SegmentsError as error:
        return Verdict(
            False, f"the champion cannot be asked about these customers ({error.what}), so they cannot be compared"
        )
    after = challenger.predict(features)["cluster"].to_numpy()
    if before.min() == before.max():
        return Verdict(True, "the champion puts every customer of today into one segment")
    if after.min() == after.max():
        return Verdict(False, "it puts every customer of today into one segment")
    measured = len(features) if scoring.is_exact(len(features)) else scoring.sample
    found = silhouette_estimate(reference_space(features), np.stack([before, after]), max(measured, 4), seed)
    old, new = (round(float(mean), 10) for mean in found.mean)
    compared = f"silhouette over all features {new:.4f}, the champion's {old:.4f} on the same customers"
    if new >= old - config.tolerance:
        return Verdict(True, f"not worse than the champion: {compared} (tolerance {config.tolerance:g})", old, new)
    return Verdict(False, f"worse than the champion: {compared} (tolerance {config.tolerance:g})", old, new)
