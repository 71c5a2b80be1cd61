"""Results in words. Comes in: the choice, candidates and profiles. Goes out: markdown for MLflow and a summary for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pandas as pd

from segments.action.templates import fill
from segments.config.evidence import NULLS
from segments.evidence.selection import useful_in_words
from segments.io.store import catalog

if TYPE_CHECKING:
    from segments.model.of_record import FitOfRecord

# Of a segment, where they are known: what they are called, and how they are written.
SEGMENT_FIGURES = {
    "revenue_share": ("revenue share", ".1%"),
    "churn_risk": ("risk of leaving", ".1%"),
    "expected_value": ("expected value", ",.0f"),
    "at_risk_revenue": ("revenue at risk", ",.0f"),
}


def sweep_note(
    choice: Mapping[str, Any],
    candidates: pd.DataFrame,
    profiles: pd.DataFrame | None,
    firmness: str | None = None,
    not_foreseen: Sequence[str] = (),
    sampled: str = "",
) -> str:
    """Markdown that says what was swept, what won and why, and what the segments are.

    Parameters
    ----------
    choice : mapping
        The choice, as the selection stage writes it.
    candidates : DataFrame
        One row per candidate.
    profiles : DataFrame or None
        One row per segment; ``None`` when nothing was chosen.
    firmness : str, optional
        What the sensitivity found, in a sentence.
    not_foreseen : sequence of str
        Sentences on what cannot be foreseen of the segments.
    sampled : str
        Whose figures these are, where an engine has more customers than are here.
    """
    null = next(str(name) for name in candidates["null"] if name)  # all that were evaluated have the same
    finalists = candidates.set_index("candidate_id").loc[choice["finalists"]]
    return fill(
        __package__,
        "texts/sweep.md.j2",
        choice=choice,
        firmness=firmness,
        useful=_useful(choice, candidates),
        not_foreseen=not_foreseen,
        swept=_of(sampled, swept(candidates)),
        finalists=finalists.to_dict("records"),
        null=null,
        null_in_words=NULLS[null],
        segments=None if profiles is None else profiles.to_dict("records"),
        figures={name: how for name, how in SEGMENT_FIGURES.items() if profiles is not None and name in profiles},
    )


def model_card(
    choice: Mapping[str, Any],
    candidate: Mapping[str, Any],
    profiles: pd.DataFrame,
    columns: list[str],
    data: Mapping[str, Any],
    firmness: str | None = None,
    command: str | None = None,
) -> str:
    """Markdown for the registry page: data, features, k, segments, evidence, limits, intended use; who put it in use is added there.

    Parameters
    ----------
    choice : mapping
        As in :func:`sweep_note`.
    candidate : mapping
        The chosen candidate's row.
    profiles : DataFrame
        One row per segment.
    columns : list of str
        What the model asks of a customer.
    data : mapping
        ``source, customers, hash``, the names of the ``raw`` files, and ``as_of`` or ``None``.
    firmness, command : str, optional
        What the sensitivity found, in a sentence; what makes the candidate again.
    """
    segments = profiles.to_dict("records")
    given = {"data": data, "firmness": firmness, "command": command, "columns": columns, "segments": segments}
    return fill(__package__, "texts/model.md.j2", reason=choice["reason"], candidate=candidate, **given)


def summary(
    source: str,
    choice: Mapping[str, Any],
    candidates: pd.DataFrame,
    profiles: pd.DataFrame | None,
    receipt: Mapping[str, Any],
    firmness: str | None = None,
    not_foreseen: Sequence[str] = (),
    segment_ids: Sequence[str] = (),
    sampled: str = "",
) -> str:
    """The end of ``make repro``: what was swept, what was chosen and why, who the segments are.

    Parameters
    ----------
    source : str
        Name of the source.
    choice, candidates, profiles
        As in :func:`sweep_note`.
    receipt : mapping
        The registry stage's receipt.
    firmness, not_foreseen, sampled
        As in :func:`sweep_note`.
    segment_ids : sequence of str
        Ids of the segments, in the order of their clusters.
    """
    segments = [] if profiles is None else profiles.to_dict("records")
    for row, identity in zip_longest(segments, segment_ids):
        row["called"] = f"{identity}  {row['segment']}" if identity else row["segment"]
    width = max((len(row["called"]) for row in segments), default=0)
    given: dict[str, Any] = {
        "source": source,
        "choice": choice,
        "receipt": receipt,
        "firmness": firmness,
        "swept": _of(sampled, swept(candidates)),
    }
    given |= {"segments": segments, "width": width, "not_foreseen": not_foreseen, "useful": _useful(choice, candidates)}
    return fill(__package__, "texts/summary.txt.j2", **given).removesuffix("\n")


def sample_in_words() -> str:
    """Whose figures and lists these are, where an engine has more customers than are here; "" where everybody is."""
    if not catalog.exists(catalog.ENGINE_LOG) or catalog.read(catalog.ENGINE_LOG).sample_until is None:
        return ""
    here = catalog.read(catalog.FEATURES_REPORT).customers
    return f"these are the {here:,} customers of the sample, of {catalog.read(catalog.ENGINE_FEATURES).rows:,} on the engine"


def everybody_in_words(*, brief: bool = False) -> str:
    """What the fit of record says of all customers, and how the sample lies among them; "" where there is none.

    In brief it is of some 600 signs, whatever the number of segments: a model card may not outgrow a database's column.
    """
    if not catalog.exists(catalog.FIT_OF_RECORD):
        return ""
    fit = catalog.read(catalog.FIT_OF_RECORD)
    names = [f"{one.segment_id} {one.name}" for one in catalog.read(catalog.IDENTITY).known.segments]
    each_share = [f"{name} {size / fit.customers:.1%}" for name, size in zip(names, fit.sizes, strict=True)]
    shares = "" if brief else f", shares {', '.join(each_share)}"
    said = (
        f"the centres are those of all {fit.customers:,} customers, polished in {fit.passes} passes over them"
        f" in the space of the sample; of all of them: WCSS {fit.wcss:.6g}, Davies-Bouldin {fit.davies_bouldin:.4f},"
        f" Calinski-Harabasz {fit.calinski_harabasz:.6g}{shares}; of the sample: {_silhouette(fit)}every other figure"
    )
    if fit.without:
        each = ", ".join(f"{count:,} customers ({why})" for why, count in fit.without.items())
        said += "; in no segment: " + (f"{sum(fit.without.values()):,} customers" if brief else each)
    off = [
        f"{names[c]} is {fit.sample_sizes[c] / fit.of_sample:.1%} of the sample and {fit.sizes[c] / fit.customers:.1%} of all"
        for c in fit.far_off[: 1 if brief else None]
    ]
    if off:
        said += f". The sample is not like the rest: {'; '.join(off)}"
    else:
        said += "; the sample's shares are those of all, within chance"
    few = [
        f"{names[c]} has {fit.sample_sizes[c]:,} of its {fit.sizes[c]:,} customers in the sample"
        for c in fit.few[: 1 if brief else None]
    ]
    if few:
        said += f". {'; '.join(few)}: too few to tell more than the share"
    return f"{said}. Take a larger sample (engine.sample)" if off or few else said


def _silhouette(fit: FitOfRecord) -> str:
    """The sample's silhouette, and where that of everybody lies."""
    if fit.silhouette is None:
        return ""
    middle, low, high = fit.silhouette
    return f"silhouette around these centres {middle:.4f} (95 % interval for that of all: {low:.4f} to {high:.4f}) and "


def _of(sampled: str, swept_so: str) -> str:
    return f"{swept_so}; {sampled}" if sampled else swept_so


def _useful(choice: Mapping[str, Any], candidates: pd.DataFrame) -> str:
    """What the chosen segments explain of the time after, where it is known."""
    chosen = candidates[candidates["candidate_id"] == choice["candidate_id"]]
    return useful_in_words(chosen.iloc[0]) if len(chosen) else ""


def swept(candidates: pd.DataFrame) -> str:
    """One phrase for the grid.

    Examples
    --------
    >>> swept(pd.DataFrame({"feature_set": ["a", "a"], "scaler": ["none", "none"], "k": [2, 3], "n_customers": [200, 200]}))
    '2 candidates (1 feature set × 1 scaler × k 2–3) on 200 customers'
    """

    def many(count: int, noun: str) -> str:
        return f"{count} {noun}{'' if count == 1 else 's'}"

    sets, scalers, ks = candidates["feature_set"].nunique(), candidates["scaler"].nunique(), candidates["k"]
    grid = f"{many(sets, 'feature set')} × {many(scalers, 'scaler')} × k {ks.min()}–{ks.max()}"
    return f"{many(len(candidates), 'candidate')} ({grid}) on {candidates['n_customers'].iloc[0]:,} customers"
