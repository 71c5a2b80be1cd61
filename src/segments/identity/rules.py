"""Why a customer is in a segment. Comes in: features in original units, the clustered space, clusters and centres. Goes out: plain rules per segment, and per customer the two features that decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.identity.profiles import as_numbers

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier  # who only reads rules does not wait a second for it

CRITERIA = ("gini", "entropy")

Bounds = dict[str, tuple[float | None, float | None]]  # feature -> (above, at most)


@dataclass(frozen=True)
class Rule:
    """Conditions that all must hold, and whom they find.

    Parameters
    ----------
    bounds : dict of str to (float or None, float or None)
        Feature -> (above this, at most this), in original units; ``None`` is no bound.
    customers : int
        Customers the rule finds.
    precision : float
        Share of them who are in the segment.
    coverage : float
        Share of the segment's customers it finds.
    """

    bounds: Bounds
    customers: int
    precision: float
    coverage: float


@dataclass(frozen=True)
class Rules:
    """A segmentation in plain rules, and how true they are to it.

    Parameters
    ----------
    segments : list of list of Rule
        Per cluster its rules, the one that finds most first; none when the tree cannot tell the segment from others.
    precision, coverage : list of float
        Per cluster, of all its rules together; 0 without rules.
    fidelity : float
        Share of all customers whom the rules put into their segment.
    fidelity_unseen : float or None
        The same for customers the rules were not made from (five-fold); ``None`` when a segment is too small for that.
    depth : int
        Questions at most on the way to an answer.
    """

    segments: list[list[Rule]]
    precision: list[float]
    coverage: list[float]
    fidelity: float
    fidelity_unseen: float | None
    depth: int

    def to_plain(self) -> dict[str, Any]:
        """The rules as plain data, ready for JSON."""
        return asdict(self)


def plain_rules(features: pd.DataFrame, labels: NDArray[np.int32], columns: Sequence[str], depth: int) -> Rules:
    """A shallow decision tree that reproduces the segments, read as rules in original units.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer, 0 to k-1.
    columns : sequence of str
        The features the rules may use: the clustered ones.
    depth : int
        Depth of the tree; where k segments need a deeper one to have a leaf each and room to spare, that.

    Returns
    -------
    Rules
        Thresholds are the roundest numbers that part the same customers; of a category, "feature = level" is 1 or 0. Whoever lacks a number counts
        with its median. The rules are exclusive, and one holds for everybody.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), Classification and Regression Trees; for explaining clusters so, Dasgupta,
    Frost, Moshkovitz & Rashtchian (2020), Explainable k-means and k-medians clustering, ICML.

    Examples
    --------
    >>> table = pd.DataFrame({"visits": [1.0, 2.0, 17.3, 19.0]})
    >>> rules = plain_rules(table, np.array([1, 1, 0, 0], dtype=np.int32), ["visits"], depth=2)
    >>> rules.segments[0], rules.fidelity
    ([Rule(bounds={'visits': (10.0, None)}, customers=2, precision=1.0, coverage=1.0)], 1.0)
    """
    numbers = as_numbers(features, columns)
    columns, X = list(numbers), numbers.fillna(numbers.median()).to_numpy(dtype=np.float64)
    k = int(labels.max()) + 1
    depth = max(depth, math.ceil(math.log2(k)) + (k > 4))
    # A tree asks only for order. Ranks keep it exact: scikit-learn's trees compare in single precision.
    order = np.column_stack([np.unique(column, return_inverse=True)[1] for column in X.T]).astype(np.float64)
    # Entropy halves many equal segments, where Gini is indifferent and peels off one after the other until the depth is used
    # up; with few segments Gini is often the truer one. Ties go to Gini, the first.
    tree = max(
        (_tree(name, depth, len(X)).fit(order, labels) for name in CRITERIA), key=lambda t: t.score(order, labels)
    )
    leaves = _leaves(tree.tree_, order, X)
    found: list[list[Rule]] = [[] for _ in range(k)]
    given = np.empty(len(X), dtype=np.int32)
    for bounds, members, cluster in leaves:
        given[members] = cluster
        own = int((labels[members] == cluster).sum())
        named: Bounds = {columns[j]: ends for j, ends in bounds.items()}
        found[cluster].append(Rule(named, len(members), own / len(members), own / int((labels == cluster).sum())))
    right = given == labels
    hits = np.bincount(labels[right], minlength=k)
    return Rules(
        [sorted(rules, key=lambda rule: -rule.coverage) for rules in found],
        (hits / np.maximum(np.bincount(given, minlength=k), 1)).tolist(),
        (hits / np.bincount(labels, minlength=k)).tolist(),
        float(right.mean()),
        _unseen(order, labels, tree.criterion, depth),
        depth,
    )


def contributions(
    X: NDArray[np.float64], labels: NDArray[np.int32], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """How much each feature pulls each customer to their own centre rather than to the second nearest.

    k-means puts customer x with centre a and not with b because ``|x-b|² - |x-a|² > 0``. That difference is a sum over the
    features j of ``(x_j-b_j)² - (x_j-a_j)²``, so each feature's term is its contribution: exact, with nothing left over, and
    negative where the feature speaks for the other segment. (It is linear in x, and up to a factor the feature's term in the
    log-odds between two spherical Gaussians of equal spread.)

    Parameters
    ----------
    X : ndarray of shape (n_customers, n_columns)
        Customers in the clustered space.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer: the nearest centre.
    centres : ndarray of shape (k, n_columns)
        Centres in that space; two at least.

    Returns
    -------
    ndarray of shape (n_customers,)
        Cluster of the second-nearest centre; ties go to the lower number.
    ndarray of shape (n_customers, n_columns)
        Contributions, in squared units of the clustered space.

    Examples
    --------
    >>> second, terms = contributions(np.array([[1.0, 5.0]]), np.array([0], dtype=np.int32), np.array([[0.0, 5.0], [4.0, 6.0]]))
    >>> second.tolist(), terms.tolist()
    ([1], [[8.0, 1.0]])
    """
    squared = np.zeros((len(X), len(centres)))
    for j in range(X.shape[1]):
        squared += (X[:, j : j + 1] - centres[:, j]) ** 2
    squared[np.arange(len(X)), labels] = np.inf
    second = squared.argmin(axis=1).astype(np.int32)
    return second, (X - centres[second]) ** 2 - (X - centres[labels]) ** 2


def reasons(
    X: NDArray[np.float64],
    labels: NDArray[np.int32],
    centres: NDArray[np.float64],
    columns: Sequence[str],
    names: Sequence[str],
    sides: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Per customer the two features that put them into their segment.

    Parameters
    ----------
    X, labels, centres
        As in :func:`contributions`.
    columns : sequence of str
        The feature of each axis; a category may have several.
    names : sequence of str
        Name of each cluster's segment.
    sides : sequence of (str, str), optional
        What low and high on each axis is called: of a category the level.

    Returns
    -------
    DataFrame of shape (n_customers, 8)
        ``segment``, ``next_segment`` (of the second-nearest centre), and for the ``first_`` and ``second_`` of the features:
        ``feature``, ``side`` (``high`` or ``low``, or the level of a category: where the own segment lies, seen from the next) and ``share`` of all that
        speaks for the segment. A feature that does not speak for it is no reason: then it is missing.

    Examples
    --------
    >>> X, centres = np.array([[1.0, 5.0]]), np.array([[0.0, 5.0], [4.0, 6.0]])
    >>> row = reasons(X, np.array([0], dtype=np.int32), centres, ["visits", "age"], ["rare", "frequent"]).iloc[0]
    >>> row["first_feature"], row["first_side"], round(float(row["first_share"]), 3)
    ('visits', 'low', 0.889)
    """
    second, each = contributions(X, labels, centres)
    features = list(dict.fromkeys(columns))
    own = [[at for at, column in enumerate(columns) if column == feature] for feature in features]
    terms = np.column_stack([each[:, at].sum(axis=1) if len(at) > 1 else each[:, at[0]] for at in own])
    # Which axis of a feature is named: the one that pulls most, and of two levels that pull alike the one the segment has more of.
    clear = np.round(each, 9) + 1e-6 * (centres[labels] > centres[second])
    telling = np.column_stack([np.array(at)[clear[:, at].argmax(axis=1)] for at in own])
    low, high = np.array(sides or [("low", "high")] * len(columns), dtype=object).T
    pulls = np.maximum(terms, 0.0)
    total = pulls.sum(axis=1)
    order = np.argsort(-terms, axis=1, kind="stable")
    rows = np.arange(len(X))
    named = np.array(names, dtype=object)
    out: dict[str, Any] = {"segment": named[labels], "next_segment": named[second]}
    for place, which in enumerate(("first", "second")):
        column = order[:, min(place, len(features) - 1)]
        pull = pulls[rows, column] if place < len(features) else np.zeros(len(X))
        is_reason, axis = pull > 0, telling[rows, column]
        higher = centres[labels, axis] > centres[second, axis]
        out[f"{which}_feature"] = pd.Series(np.array(features, dtype=object)[column]).where(is_reason)
        out[f"{which}_side"] = pd.Series(np.where(higher, high[axis], low[axis])).where(is_reason)
        out[f"{which}_share"] = np.divide(pull, total, out=np.full(len(X), np.nan), where=is_reason)
    text = {name: "string" for name in out if not name.endswith("_share")}
    return pd.DataFrame(out).astype(text)


def _tree(criterion: str, depth: int, customers: int) -> DecisionTreeClassifier:
    from sklearn.tree import DecisionTreeClassifier

    # A rule for a handful of customers is no rule; without a limit a tree makes some.
    smallest = max(1, customers // 200)
    return DecisionTreeClassifier(criterion=criterion, max_depth=depth, min_samples_leaf=smallest, random_state=0)


def _unseen(X: NDArray[np.float64], labels: NDArray[np.int32], criterion: str, depth: int) -> float | None:
    from sklearn.model_selection import StratifiedKFold

    folds = 5
    if np.bincount(labels).min() < folds:
        return None
    right = 0
    for made_from, held_out in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, labels):
        tree = _tree(criterion, depth, len(made_from)).fit(X[made_from], labels[made_from])
        right += int((tree.predict(X[held_out]) == labels[held_out]).sum())
    return right / len(X)


def _leaves(
    tree: Any, order: NDArray[np.float64], X: NDArray[np.float64]
) -> list[tuple[dict[int, tuple[float | None, float | None]], NDArray[np.intp], int]]:
    """Bounds, members and answer of every leaf; leaves that split off to the same answer are one."""

    def answer(node: int) -> int:
        return int(tree.value[node][0].argmax())

    def one_answer(node: int) -> bool:
        if tree.children_left[node] < 0:
            return True
        left, right = tree.children_left[node], tree.children_right[node]
        return one_answer(left) and one_answer(right) and answer(left) == answer(right) == answer(node)

    def walk(node: int, members: NDArray[np.intp], bounds: dict[int, tuple[float | None, float | None]]) -> None:
        if one_answer(node):
            leaves.append((bounds, members, answer(node)))
            return
        j = int(tree.feature[node])
        values, below = X[members, j], order[members, j] <= tree.threshold[node]
        cut = _roundest(float(values[below].max()), float(values[~below].min()))
        low, high = bounds.get(j, (None, None))
        walk(tree.children_left[node], members[below], bounds | {j: (low, cut)})
        walk(tree.children_right[node], members[~below], bounds | {j: (cut, high)})

    leaves: list[tuple[dict[int, tuple[float | None, float | None]], NDArray[np.intp], int]] = []
    walk(0, np.arange(len(X)), {})
    return leaves


def _roundest(low: float, high: float) -> float:
    """The number with the fewest digits in [low, high), near the middle: all that are at most it stay on its left."""
    between = low + (high - low) / 2
    size = math.floor(math.log10(abs(between))) if between else 0
    for places in range(-size, 16 - size):
        nearest = round(between, places)
        for rounded in (nearest, nearest - 10.0**-places):  # below too: "at most 5" is rounder than "at most 5.5"
            if low <= rounded < high:
                return round(rounded, max(places, 0))
    return low
