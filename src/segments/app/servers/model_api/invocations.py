"""A request to the model -> its answer. Comes in: the body of one request. Goes out: a status and a body; pure, so that any server can ask it.

The protocol is that of MLflow's scoring server, the answers are those of ``segments score``: the same checks of a row, the same figures to the last digit.
Numbers go from the body into an array and from there into the answer, without a table in between: that takes most of the time of a single row.
"""

from __future__ import annotations

import json
from contextlib import suppress
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from segments.model.answers import faults, read_levels, score_batch
from segments.model.one_row import ORDINARY
from segments.model.segmentation import Segmentation

Cells = list[list[Any]]  # column by column
BODY_FORMATS = ("dataframe_records", "dataframe_split", "inputs")


class RefusedError(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Of HTTP.
    sentence : str
        What is wrong with it.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def read(body: bytes, content_type: str, segmentation: Segmentation, max_rows: int) -> Cells:
    """The rows of a request, as they came.

    Parameters
    ----------
    body : bytes
        Of the request: JSON with one key of ``BODY_FORMATS``.
    content_type : str
        Its header of that name.
    segmentation : Segmentation
        The model that is to answer.
    max_rows : int
        Most rows in a request.

    Returns
    -------
    list of lists
        Column by column, in the model's order.

    Raises
    ------
    RefusedError
        If the request is not understood.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> read(b'{"dataframe_records": [{"x": 1, "of": "no use"}, {"x": "9"}]}', "application/json", model, 10)
    [[1, '9']]
    >>> read(b'{"inputs": {"y": [1, 9.5]}}', "application/json", model, 10)
    Traceback (most recent call last):
    segments.app.servers.model_api.invocations.RefusedError: column x is missing; the model needs x
    """
    asked = parsed(body, content_type)
    if not isinstance(asked, dict) or len(asked) != 1 or (form := next(iter(asked))) not in BODY_FORMATS:
        raise RefusedError(
            400, f"the body must be an object with one key, {', '.join(BODY_FORMATS[:-1])} or {BODY_FORMATS[-1]}"
        )
    columns = segmentation.space.columns
    cells = (_of_split if form == "dataframe_split" else _of_records)(form, asked[form], columns)
    rows = len(cells[0])
    if not rows:
        raise RefusedError(400, "there are no rows")
    if rows > max_rows:
        raise RefusedError(
            413, f"{rows} rows are more than the {max_rows} a request may have: use `segments score` for files"
        )
    return cells


def answers_of(segmentation: Segmentation, cells: Cells) -> list[bytes]:
    """What the model says of rows.

    Parameters
    ----------
    segmentation : Segmentation
        The model.
    cells : list of lists
        As :func:`read` gave them, of one request or of several.

    Returns
    -------
    list of bytes
        One JSON object per row, with the names and figures of :meth:`segments.model.segmentation.Segmentation.predict`.

    Raises
    ------
    RefusedError
        If a row cannot be scored: names the first.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> [json.loads(answer)["segment"] for answer in answers_of(model, [[1, 9.5]])]
    ['low', 'high']
    >>> answers_of(model, [[1, "9"]])
    Traceback (most recent call last):
    segments.app.servers.model_api.invocations.RefusedError: row 2: x is not a number: '9'
    """
    if len(cells[0]) <= _FEW and (alone := _one_by_one(segmentation, cells)) is not None:
        return alone
    values = _checked_values(cells, segmentation)
    with np.errstate(all="ignore"):  # what overflows is refused below
        if np.nanmax(np.abs(values)) > ORDINARY and (problem := _too_large(segmentation, values)):
            raise RefusedError(400, problem)
        found = segmentation.columns(values)
    # A column is written at once and parted at its commas, of which numbers have none: an object per row would take most of the time of many.
    texts = {
        "segment_id": [orjson.dumps(segment.segment_id) for segment in segmentation.segments],
        "segment": [orjson.dumps(segment.name) for segment in segmentation.segments],
    }
    clusters = found["cluster"].tolist()
    written = [
        [texts[name][cluster] for cluster in clusters]
        if name in texts
        else orjson.dumps(column.tolist())[1:-1].split(b",")
        for name, column in found.items()
    ]
    row = b"{" + b",".join(orjson.dumps(name) + b":%b" for name in found) + b"}"
    return [row % own for own in zip(*written, strict=True)]


def _checked_values(cells: Cells, segmentation: Segmentation) -> NDArray[np.float64]:
    """Rows as numbers: in the order of the model's columns, levels as their numbers, NaN where the model has something to stand in."""
    columns = segmentation.space.columns
    shape = (len(cells[0]), len(columns))
    values, unreadable = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for j, column in enumerate(cells):
        values[:, j], unreadable[:, j] = _numbers(column, segmentation.space.levels(columns[j]))
    for kind, wrong, quoted in faults(values, unreadable, segmentation.space):
        row = int(np.flatnonzero(wrong)[0])
        cell = "" if quoted is None else f": {_shown(cells[quoted][row])}"
        more = f" (and {int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""
        raise RefusedError(400, f"row {row + 1}: {kind}{cell}{more}")
    return values


def to_json(answers: list[bytes]) -> bytes:
    """The body of a reply; numbers come back from it as they went in."""
    return b'{"predictions":[' + b",".join(answers) + b"]}"


_FEW = 12  # rows up to here are answered one by one: arrays would take longer


def _one_by_one(segmentation: Segmentation, cells: Cells) -> list[bytes] | None:
    """The answers to rows that hold nothing but ordinary numbers; ``None`` where one does not."""
    if (model := segmentation.of_one_row) is None or any(
        type(cell) not in _PLAIN for column in cells for cell in column
    ):
        return None
    found = []
    for row in zip(*cells, strict=True):
        if (answer := model.answer(row)) is None:
            return None
        found.append(orjson.dumps(answer))
    return found


_PLAIN = {int, float}  # True is an int to isinstance


def _too_large(segmentation: Segmentation, values: NDArray[np.float64]) -> str:
    space = segmentation.space
    spelt = []
    for name, column in zip(space.columns, values.T, strict=True):
        if (levels := space.levels(name)) is None:
            spelt.append(pa.array(column))
        else:
            spelt.append(pa.array([None if np.isnan(at) else levels[int(at)] for at in column], pa.string()))
    batch = pa.RecordBatch.from_arrays([pa.array(np.arange(len(values))), *spelt], ["", *space.columns])
    rejected = score_batch(segmentation, batch, 1, frozenset(), ".").rejected
    return f"row {rejected[0].row}: {rejected[0].reason}" if rejected else ""


def parsed(body: bytes, content_type: str) -> Any:
    """The JSON of a request.

    Raises
    ------
    RefusedError
        If it is none, or does not say so.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "the body must be JSON, with the header Content-Type: application/json")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:  # NaN and numbers beyond any float are no JSON, and Python writes them: the sentence is about the cell
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not valid JSON") from None


def _numbers(column: list[Any], levels: list[str] | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of a column, and which of its cells are none though they hold something."""
    if levels is not None:
        texts = [cell if isinstance(cell, str) else None for cell in column]
        values, unreadable = read_levels(pa.array(texts, pa.string()), levels, frozenset({""}))
        return values, unreadable | [cell is not None and not isinstance(cell, str) for cell in column]
    if set(map(type, column)) <= {float, int}:
        with suppress(OverflowError):
            return np.array(column, dtype=np.float64), np.zeros(len(column), dtype=bool)
    values, unreadable = np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    for i, cell in enumerate(column):
        if type(cell) is float or (type(cell) is int and abs(cell) < 1 << 1000):
            values[i] = cell
        else:
            unreadable[i] = cell is not None
    return values, unreadable


def _of_records(form: str, rows: Any, columns: list[str]) -> Cells:
    if form == "inputs" and isinstance(rows, dict):
        return _of_columns(rows, columns)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RefusedError(400, f"{form} must be a list of objects, one per customer")
    with suppress(KeyError):  # nearly always every row has every column
        return [list(map(itemgetter(name), rows)) for name in columns]
    _all_there(set().union(*rows), columns)
    return [[row.get(name) for row in rows] for name in columns]


def _of_columns(given: dict[str, Any], columns: list[str]) -> Cells:
    _all_there(given.keys(), columns)
    cells = [given[name] for name in columns]
    if not all(isinstance(column, list) for column in cells) or len({len(column) for column in cells}) != 1:
        raise RefusedError(400, "every column of inputs must be a list, and all of one length")
    return cells


def _of_split(form: str, split: Any, columns: list[str]) -> Cells:
    if (
        not isinstance(split, dict)
        or not isinstance(split.get("columns"), list)
        or not isinstance(split.get("data"), list)
    ):
        raise RefusedError(400, f"{form} must be an object with the lists columns and data")
    names, data = split["columns"], split["data"]
    if not data:
        raise RefusedError(400, "there are no rows")
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise RefusedError(400, "the names in columns must be different texts")
    _all_there(names, columns)
    if any(not isinstance(row, list) or len(row) != len(names) for row in data):
        raise RefusedError(400, f"every row of data must be a list of {len(names)} values, one per column")
    return [[row[at] for row in data] for at in (names.index(name) for name in columns)]


def _all_there(present: Any, columns: list[str]) -> None:
    if absent := [name for name in columns if name not in present]:
        missing = f"column {absent[0]} is" if len(absent) == 1 else f"columns {', '.join(absent)} are"
        raise RefusedError(400, f"{missing} missing; the model needs {', '.join(columns)}")


def _shown(cell: Any) -> str:
    return repr(cell[:60]) if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, float) else str(cell)[:60]
