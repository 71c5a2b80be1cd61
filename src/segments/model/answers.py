"""Feature rows to answers, chunk by chunk. Comes in: cells as a file holds them, and a model. Goes out: answers, and rejected rows with the reason.

Every row ends in exactly one place: among the answers, in the order of the file, or rejected under the first reason that applies: not as many
fields as the header, missing id, then for each column of the model missing (where nothing stands in), not a number, a level no training customer
had, infinite, outside the transform's domain, and last too large to be scaled or measured.
A row's answer depends on nothing but the row, so neither the size of the chunks nor the number of threads shows in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segments.clustering.fitted.columns import as_levels
from segments.clustering.silhouette import cores_to_use
from segments.clustering.space import Space, place
from segments.data.reading.cells import read_number, tells_decimal
from segments.data.rows import find_header
from segments.errors import DataError, SegmentsError
from segments.model.segmentation import Segmentation

# Smallest value each transform takes, and whether that one is taken.
DOMAINS = {"log1p": (-1.0, False), "sqrt": (0.0, True)}
ODD = "not as many fields as the header"
PLAIN_NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Rejected:
    """A row that was not scored.

    Parameters
    ----------
    row : int or None
        Its number among the rows of the input, from 1; ``None`` for a customer summed up from a log.
    id : str or None
        Its id, as far as it has one.
    kind : str
        The reason without the customer's value: what is counted.
    reason : str
        The reason in words.
    """

    row: int | None
    id: str | None
    kind: str
    reason: str


@dataclass(frozen=True)
class Scored:
    """One chunk, scored.

    Parameters
    ----------
    ids : pyarrow.Array of length n
        Ids of the rows that have an answer, as they were.
    features : ndarray of shape (n, n_columns)
        Their features, in original units, in the order of the model's columns.
    answers : DataFrame of shape (n, ...)
        What the model says of them.
    rejected : list of Rejected
        The other rows.
    """

    ids: pa.Array
    features: NDArray[np.float64]
    answers: pd.DataFrame
    rejected: list[Rejected]

    def table(self, name: str) -> pa.RecordBatch:
        """Ids, under this name, and answers, as a file holds them."""
        columns = {name: self.ids} | {str(key): pa.array(column) for key, column in self.answers.items() if key != name}
        return pa.RecordBatch.from_pydict(columns)


def find_columns(headers: Sequence[str], columns: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Headers of the id and of the model's columns in a file; other columns and their order do not matter.

    Parameters
    ----------
    headers : sequence of str
        Headers of the file.
    columns : sequence of str
        Columns of the model: they must be there under exactly these names, whose units and meaning the model knows.
    ids : sequence of str
        Names of the id, best first. Case, blanks and punctuation do not matter.

    Returns
    -------
    list of str
        Header of the id, then those of the columns.

    Raises
    ------
    DataError
        If one is missing.

    Examples
    --------
    >>> find_columns(["frequency", "Customer ID", "note"], ["frequency"], ["customer_id"])
    ['Customer ID', 'frequency']
    """
    if absent := [name for name in columns if name not in headers]:
        raise DataError(
            f"the file has no column{'s' * (len(absent) > 1)} {', '.join(absent)}; it has {', '.join(headers)}",
            fix=f"the model needs: {', '.join(columns)}",
        )
    found = next((header for name in ids if (header := find_header(headers, [name])) is not None), None)
    if found is None:
        raise DataError(
            f"the file has no id column; it has {', '.join(headers)}",
            fix=f"name the column with the customers' ids {' or '.join(dict.fromkeys(ids))}",
        )
    return [found, *columns]


def score_batches(
    segmentation: Segmentation,
    batches: Iterable[pa.RecordBatch],
    missing: Iterable[str] = (),
    decimal: str = ".",
    threads: int = 0,
) -> Iterator[Scored]:
    """Score chunks side by side; yields them in order, with never more than two per thread in memory.

    Parameters
    ----------
    segmentation : Segmentation
        The model.
    batches : iterable of pyarrow.RecordBatch
        First column the id, then the model's columns in their order: numbers, or text. One more, if there is one, is text: of a row without
        cells, because it was not as long as the header, what it looks like; of every other row nothing.
    missing : iterable of str
        Texts that mean "no value"; case does not matter.
    decimal : {".", ",", ""}
        Decimal mark of text; "" where nobody knows.
    threads : int
        0 for one per core.

    Raises
    ------
    DataError
        If a column holds something that is neither a number nor text.

    Examples
    --------
    >>> space = Space(["x"], ["identity"], [1.0], "none", {})
    >>> from segments.model.segmentation import Limits, number_segments
    >>> limits = Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> batch = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "x": ["1", "nine", "9"]})
    >>> [scored] = score_batches(model, [batch])
    >>> scored.ids.to_pylist(), scored.answers["segment"].tolist()
    (['a', 'c'], ['low', 'high'])
    >>> scored.rejected
    [Rejected(row=2, id='b', kind='x is not a number', reason="x is not a number: 'nine'")]
    """
    words = frozenset(word.strip().casefold() for word in missing) | {""}
    threads = cores_to_use(threads)
    waiting: deque[Future[Scored]] = deque()
    source = iter(batches)
    first_row = 1
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            for batch in islice(source, 2 * threads - len(waiting)):
                waiting.append(pool.submit(score_batch, segmentation, batch, first_row, words, decimal))
                first_row += len(batch)
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:  # after an error or Ctrl-C, the chunks not yet begun never are
        pool.shutdown(cancel_futures=True)


def score_batch(
    segmentation: Segmentation, batch: pa.RecordBatch, first_row: int, missing: frozenset[str], decimal: str
) -> Scored:
    """Score one chunk; arguments as in :func:`score_batches`, with the number of its first row and case-folded words.

    Raises
    ------
    DataError
        As :func:`score_batches`.
    """
    space = segmentation.space
    width = len(space.columns) + 1
    ids, cells, odd = batch.column(0), batch.columns[1:width], batch.columns[width:]
    values = np.empty((len(batch), len(cells)))
    unreadable = np.zeros(values.shape, dtype=bool)
    for j, column in enumerate(cells):
        name = space.columns[j]
        levels = space.levels(name)
        values[:, j], unreadable[:, j] = (
            read_numbers(column, name, missing, decimal) if levels is None else read_levels(column, levels, missing)
        )
    rejected: list[Rejected] = []
    alive = np.ones(len(batch), dtype=bool)

    def reject(
        rows: NDArray[np.bool_], kind: str, of: pa.Array | None = None, message: Callable[[Any], str] = _quoted
    ) -> None:
        for i in np.flatnonzero(alive & rows):
            name = ids[i].as_py()
            detail = "" if of is None else f": {message(of[i].as_py())}"
            rejected.append(Rejected(first_row + int(i), None if name is None else str(name), kind, kind + detail))
        alive[rows] = False

    for looks in odd:
        reject(looks.is_valid().to_numpy(zero_copy_only=False), ODD, looks, str)
    if (no_id := _no_id(ids, missing)) is not None:
        reject(no_id, "missing id")
    for kind, rows, column in faults(values, unreadable, space):
        reject(rows, kind, None if column is None else cells[column])
    with np.errstate(all="ignore"):  # what overflows is rejected below
        answers = _predict(segmentation, values[alive])
        if answers is None:
            fine = alive.copy()
            fine[alive] = np.isfinite(place(space, values[alive])).all(axis=1)
            reject(~fine, "too large to be scaled")
            answers = _predict(segmentation, values[alive])
    if answers is not None and not (measured := np.isfinite(answers["distance"].to_numpy())).all():
        far = np.zeros(len(batch), dtype=bool)
        far[alive] = ~measured
        reject(far, "too large to be measured")
        answers = answers[measured]
    assert answers is not None
    rejected.sort(key=lambda one: one.row or 0)
    if rejected:
        ids = ids.filter(pa.array(alive))
    return Scored(ids, values[alive], answers, rejected)


def _quoted(cell: str | float) -> str:
    return f"{cell[:60]!r}" if isinstance(cell, str) else f"{cell:g}"


def faults(
    values: NDArray[np.float64], unreadable: NDArray[np.bool_], space: Space
) -> Iterator[tuple[str, NDArray[np.bool_], int | None]]:
    """What keeps rows from being scored, reason by reason in the order in which they count.

    Parameters
    ----------
    values, unreadable : ndarray of shape (n, n_columns)
        As :func:`read_numbers` gives them, in the order of the space's columns.
    space : Space
        Knows the columns and their transforms.

    Yields
    ------
    str
        The reason, without a value.
    ndarray of shape (n,)
        Whom it concerns; at least one.
    int or None
        The column to quote.

    Examples
    --------
    >>> space = Space(["x"], ["log1p"], [1.0], "none", {})
    >>> [(kind, rows.tolist()) for kind, rows, _ in faults(np.array([[1.0], [-2.0]]), np.zeros((2, 1), dtype=bool), space)]
    [('x is below what its transform log1p takes', [False, True])]
    """
    if unreadable.any() or not np.isfinite(values).all():
        for j, name in enumerate(space.columns):
            column = values[:, j]
            lacks = "not a number" if space.levels(name) is None else "a level the model has never seen"
            for kind, rows, quoted in (
                (f"{name} is missing", np.isnan(column) & ~unreadable[:, j] & (not space.fills(name)), None),
                (f"{name} is {lacks}", unreadable[:, j], j),
                (f"{name} is infinite", np.isinf(column), None),
            ):
                if rows.any():
                    yield kind, rows, quoted
    if (values >= 0).all():  # as nearly always: every transform takes these
        return
    for j, transform in enumerate(space.transforms):
        if transform in DOMAINS:
            lowest, taken = DOMAINS[transform]
            outside = values[:, j] < lowest if taken else values[:, j] <= lowest
            if outside.any():
                yield f"{space.columns[j]} is below what its transform {transform} takes", outside, j


def read_numbers(
    cells: pa.Array, name: str, missing: frozenset[str], decimal: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of a column, and which of its cells are none though they hold something.

    Parameters
    ----------
    cells : pyarrow.Array of length n
        Numbers or text.
    name : str
        Of the column, for the error.
    missing : frozenset of str
        Case-folded texts that mean "no value".
    decimal : {".", ",", ""}
        Decimal mark of text; without one a number that may be a thousand or a decimal is unreadable.

    Returns
    -------
    ndarray of shape (n,)
        float64; NaN where a cell is missing or unreadable.
    ndarray of shape (n,)
        Whether a cell is unreadable.

    Raises
    ------
    DataError
        If the column holds neither numbers nor text.

    Examples
    --------
    >>> values, unreadable = read_numbers(pa.array(["1.5", " +2", "?", "x"]), "age", frozenset({"?"}), ".")
    >>> values.tolist(), unreadable.tolist()
    ([1.5, 2.0, nan, nan], [False, False, False, True])
    """
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = cells.dictionary_decode(), kind.value_type
    none_bad = np.zeros(len(cells), dtype=bool)
    if pa.types.is_null(kind):
        return np.full(len(cells), np.nan), none_bad
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise DataError(
                f"column '{name}' holds {kind}, not numbers",
                fix="write its values as numbers, or as text that holds them",
            )
        # An integer beyond 2**53 is rounded, as it is when the same digits stand in a CSV.
        return pc.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False), none_bad
    text = cells
    if decimal == ",":  # where a point stands between thousands
        text = pc.replace_substring(pc.replace_substring(cells, ".", "\0"), ",", ".")
    try:
        return pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False), none_bad
    except pa.ArrowInvalid:
        pass
    text = pc.utf8_trim_whitespace(text)
    plain = pc.match_substring_regex(text, PLAIN_NUMBER)
    values = pc.cast(pc.if_else(plain, text, None), pa.float64()).to_numpy(zero_copy_only=False).copy()
    odd = np.flatnonzero(~plain.fill_null(True).to_numpy(zero_copy_only=False))
    for i in odd:
        values[i], none_bad[i] = _odd_number(cells[i].as_py().strip(), missing, decimal)
    return values, none_bad


def read_levels(
    cells: pa.Array, levels: Sequence[str], missing: frozenset[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Levels of a column as their numbers, and which cells hold something that is none of them; arguments and result as :func:`read_numbers`.

    Examples
    --------
    >>> values, unseen = read_levels(pa.array(["No", " Yes", "Perhaps", "?"]), ["No", "Yes"], frozenset({"?"}))
    >>> values.tolist(), unseen.tolist()
    ([0.0, 1.0, nan, nan], [False, False, True, False])
    """
    texts = as_levels(cells.to_pandas()).str.strip()
    numbers = pd.Index(levels).get_indexer(texts).astype(np.float64)
    absent = texts.isna() | texts.str.casefold().isin(missing)
    unseen = (numbers < 0) & ~absent.to_numpy(dtype=bool)
    numbers[numbers < 0] = np.nan
    return numbers, unseen


def _odd_number(text: str, missing: frozenset[str], decimal: str) -> tuple[float, bool]:
    if text.casefold() in missing:
        return np.nan, False
    value = read_number(text, decimal or tells_decimal(text) or ".")
    unsure = not decimal and tells_decimal(text) == ""  # a thousand or a decimal
    return (np.nan, True) if value is None or unsure else (value, False)


def _no_id(ids: pa.Array, missing: frozenset[str]) -> NDArray[np.bool_] | None:
    """Rows without an id, or ``None`` when all have one."""
    kind = ids.type
    absent = pc.is_null(ids, nan_is_null=True)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_lower(pc.utf8_trim_whitespace(ids))
        absent = pc.or_(absent, pc.is_in(text, value_set=pa.array(sorted(missing), type=kind)))
    return absent.to_numpy(zero_copy_only=False).astype(bool) if pc.any(absent).as_py() else None


def _predict(segmentation: Segmentation, values: NDArray[np.float64]) -> pd.DataFrame | None:
    """The model's answers, or ``None`` when it refuses some row."""
    if not len(values):  # scalers refuse an empty table: its answers have the columns of any other
        return segmentation.answers(np.ones((1, len(segmentation.space.columns)))).iloc[:0]
    try:
        return segmentation.answers(values)
    except SegmentsError:
        return None
