"""A segmentation as one SELECT: whoever has a table and an engine needs neither a file nor this package. Comes in: a model. Goes out: SQL.

What the model does to a row is said step by step, one common table expression each: read, check, put in what is missing, cap, transform, scale,
measure, take the nearest. A row that the model rejects has the reason in the column ``reason``, and NULL in every other but its id.

All engines compute with the same 64-bit numbers, but no two have the same functions. So only what all have is used: the four operations, comparisons,
``LN``, ``EXP``, ``SQRT``, ``ABS``, ``LEAST``, ``GREATEST`` and ``CASE``. What no step may do is overflow (PostgreSQL refuses it, others give infinity)
or take a function where it is not defined: rows of which that would happen are known beforehand, by bounds found by asking the model itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segments.clustering.space import Axis, Space, place
from segments.errors import ConfigError, DataError
from segments.model.answers import DOMAINS
from segments.model.segmentation import Segmentation

Floats = NDArray[np.float64]
LARGEST_FLOAT = 1.7976931348623157e308
SMALLEST_FLOAT = 5e-324
# Beyond, the distance to one centre might be infinite and that to another not, and no bound on the row would tell.
FARTHEST_CENTRE = 1e130
# What can be said of what `fit_space` makes.
TRANSFORMS = ("identity", "log1p", "signed_log1p", "sqrt")
SCALINGS = ("none", "standard", "minmax", "robust", "power", "quantile")
BLANKS_AROUND = " \t\n\r\v\f"


@dataclass(frozen=True)
class SqlDialect:
    """Where one engine's SQL is another's no more.

    Parameters
    ----------
    double, text : str
        Names of the types.
    quote : str
        What stands around a name.
    number : str
        How a 64-bit number is written.
    is_nan, trim : str
        How to ask whether something is not a number, and to take signs off both ends of a text.
    fence : str
        Ends a step that the planner must not dissolve into the next: it would write out every expression as often as it is used.
    refuses_zero : bool
        Whether a result too small for a 64-bit number is an error instead of 0.
    forbidden : str
        Regular expression of what no name may hold, since it cannot be quoted.
    proved : bool
        Whether tests run it against the model.
    note : str
        What whoever runs it should know.
    """

    double: str
    text: str
    quote: str
    number: str
    is_nan: str
    trim: str
    fence: str = ""
    refuses_zero: bool = False
    forbidden: str = "\0"
    proved: bool = True
    note: str = ""


DIALECTS = {
    "duckdb": SqlDialect("DOUBLE", "VARCHAR", '"', "{}", "ISNAN({})", "TRIM({}, {})"),
    "postgres": SqlDialect(
        "DOUBLE PRECISION",
        "TEXT",
        '"',
        "{}",
        "{} = CAST('NaN' AS DOUBLE PRECISION)",
        "BTRIM({}, {})",
        # without it a step used twice is computed twice, and the one after it four times
        fence=" OFFSET 0",
        refuses_zero=True,
        note="SET jit = off before: to compile so large an expression takes minutes, to compute it seconds",
    ),
    # its parser puts in ${variables} before it knows what is quoted
    "spark": SqlDialect("DOUBLE", "STRING", "`", "{}D", "ISNAN({})", "BTRIM({}, {})", forbidden=r"\0|\$\{"),
    "bigquery": SqlDialect(
        "FLOAT64", "STRING", "`", "{}", "IS_NAN({})", "TRIM({}, {})", forbidden=r"[\0-\x1f`\\]", proved=False
    ),
    "snowflake": SqlDialect(
        "DOUBLE",
        "VARCHAR",
        '"',
        "CAST('{}' AS DOUBLE)",
        "{} = CAST('NaN' AS DOUBLE)",
        "TRIM({}, {})",
        proved=False,
        note="names are quoted, so they are taken as written; columns made without quotes are found after "
        "ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE",
    ),
}


def as_sql(
    segmentation: Segmentation,
    dialect: str,
    table: str = "customers",
    id_column: str = "customer_id",
    missing: Iterable[str] = (),
    title: str = "",
) -> str:
    """Say a model as one SELECT.

    Parameters
    ----------
    segmentation : Segmentation
        The model.
    dialect : {"duckdb", "postgres", "spark", "bigquery", "snowflake"}
        Whose SQL.
    table : str
        Of feature rows, with the model's columns under their names; ``SCHEMA.TABLE`` too.
    id_column : str
        Column of the ids.
    missing : iterable of str
        Texts that mean "no value", for categories and ids; case does not matter.
    title : str
        Which model it is, for a comment.

    Returns
    -------
    str
        Columns as in :meth:`Segmentation.predict` behind the id, and ``reason``; one row per row of the table. No semicolon.

    Raises
    ------
    ConfigError
        If the dialect is unknown, or a name cannot be quoted in it.
    DataError
        If the model does something that cannot be said.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space = Space(["x"], ["identity"], [1.0], "none", {})
    >>> limits = Limits(np.array([2.0, 2.0]), np.array([-2.0]), np.array([12.0]), boundary=0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "it's high"]), limits)
    >>> import duckdb
    >>> shop = duckdb.connect()
    >>> _ = shop.execute("CREATE TABLE customers AS SELECT 'a' AS customer_id, 8 AS x UNION ALL SELECT 'b', NULL")
    >>> shop.execute(as_sql(model, "duckdb")).fetchall()  # doctest: +NORMALIZE_WHITESPACE
    [('a', 1, 'S2', "it's high", 2.0, 6.0, 0.75, False, False, None),
     ('b', None, None, None, None, None, None, None, None, 'x is missing')]
    """
    if dialect not in DIALECTS:
        raise ConfigError(f"'{dialect}' is not a known dialect", where="dialect", fix=f"write {', '.join(DIALECTS)}")
    space, where, instead = (
        segmentation.space,
        f"candidate {segmentation.candidate_id}",
        "score files: `segments score`",
    )
    if np.abs(segmentation.centres).max() > FARTHEST_CENTRE:
        raise DataError(
            f"a centre of the model lies farther out than {FARTHEST_CENTRE:g}, where distances overflow",
            where=where,
            fix=instead,
        )
    for kind, named, known in (("transform", space.transforms, TRANSFORMS), ("scaler", [space.scaler], SCALINGS)):
        if unsaid := [name for name in named if name not in known]:
            raise DataError(f"the {kind} {unsaid[0]} of the model cannot be said in SQL", where=where, fix=instead)
    if len(segmentation.centres) < 2:
        raise DataError("a model with one segment has nothing to say", where=where, fix="choose one with more")
    sql_dialect = DIALECTS[dialect]
    words = {word.strip().casefold() for word in missing} | {""}
    comments = (
        [] if sql_dialect.proved else [f"not run here: nobody has compared what {dialect} answers with the model"]
    )
    comments += [
        f"{title or segmentation.candidate_id}, said in the SQL of {dialect}",
        *filter(None, [sql_dialect.note]),
    ]
    lines = [f"-- {_plain_line(line)}" for line in comments]
    return "\n".join(
        [*lines, _Writer(segmentation, _Words(dialect, sql_dialect), sorted(words)).select(table, id_column)]
    )


def _plain_line(text: str) -> str:
    # a line's end, or what an engine puts something in for, would end the comment
    return re.sub(r"[^\w .,:;/@()=-]", "?", text.encode("ascii", "replace").decode())


@dataclass(frozen=True)
class _Words:
    """What single things are called in one dialect."""

    called: str
    dialect: SqlDialect

    def name(self, text: str) -> str:
        """A name of the table's, quoted."""
        if not text or re.search(self.dialect.forbidden, text):
            raise ConfigError(
                f"'{text}' cannot be a name in the SQL of {self.called}",
                where="segments sql",
                fix="choose another dialect, or give table and columns other names in the source and in the database",
            )
        quote = self.dialect.quote
        return f"{quote}{text.replace(quote, 2 * quote)}{quote}"

    def text(self, text: str) -> str:
        """A text, whatever is in it: between quotes stand only signs that no engine takes for anything else."""
        if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise ConfigError(
                f"'{text}' holds a sign that no database keeps",
                where="segments sql",
                fix="rename it: `segments rename`, or the level in the raw data",
            )
        parts = []
        for safe, group in groupby(text, lambda sign: ord(sign) > 255 or (sign.isprintable() and sign not in "'\\$")):
            signs = "".join(group)
            parts += [f"'{signs}'"] if safe else [f"CHR({ord(sign)})" for sign in signs]
        return f"({' || '.join(parts)})" if len(parts) > 1 else (parts or ["''"])[0]

    def number(self, value: float) -> str:
        """A 64-bit number, to the last bit; in brackets below zero, for two minus signs begin a comment."""
        text = repr(float(value))
        text = self.dialect.number.format(text if "e" in text else f"{text}e0")
        return f"({text})" if value < 0 else text

    def times(self, x: str, factor: float) -> str:
        """An expression times a constant."""
        return x if factor == 1.0 else self._not_too_small(x, f"{x} * {self.number(factor)}", lambda a: a * factor)

    def over(self, x: str, divisor: float) -> str:
        """An expression divided by a constant."""
        return x if divisor == 1.0 else self._not_too_small(x, f"{x} / {self.number(divisor)}", lambda a: a / divisor)

    def squared(self, x: str) -> str:
        return self._not_too_small(x, f"{x} * {x}", lambda a: a * a)

    def _not_too_small(self, x: str, found: str, of: Callable[[float], float]) -> str:
        """Where the engine refuses a result that is too small, zero instead, as everywhere else."""
        if not self.dialect.refuses_zero or (least := _first(lambda a: of(a) != 0.0)) == SMALLEST_FLOAT:
            return found
        return f"CASE WHEN ABS({x}) < {self.number(least)} THEN {self.number(0.0)} ELSE {found} END"

    def log1p(self, x: str) -> str:
        """LN of 1 + x, as exact as LN where x is tiny: Goldberg (1991), What every computer scientist should know, theorem 4."""
        one, more = self.number(1.0), f"({self.number(1.0)} + {x})"
        return f"CASE WHEN {more} = {one} THEN {x} ELSE LN({more}) * ({x} / ({more} - {one})) END"

    def expm1(self, x: str) -> str:
        """EXP of x less 1, as exact as EXP where x is tiny: Higham (2002), Accuracy and stability, section 1.14.1."""
        one = self.number(1.0)
        # below, EXP of it is nothing beside 1; above, no distance can be measured
        grown = f"EXP(LEAST(GREATEST({x}, {self.number(-50.0)}), {self.number(709.0)}))"
        small, nothing = f"{grown} = {one}", f"{x} < {self.number(-40.0)}"
        exact = f"({grown} - {one}) * ({x} / LN({grown}))"
        return f"CASE WHEN {nothing} THEN {self.number(-1.0)} WHEN {small} THEN {x} ELSE {exact} END"

    def between(self, x: str, key: str, points: Sequence[_Point]) -> str:
        """The broken line through points; before the first and behind the last, as there.

        A search by halves: of a thousand pieces each row is compared with ten. Which piece is asked of `key`, which the engine has as it was given
        and not as its own logarithm has it: one more or less in the last digit would fall off a step.
        """

        def pieces(first: int, last: int) -> str:
            if last - first > 1:
                middle = (first + last) // 2
                below, above = pieces(first, middle), pieces(middle, last)
                return f"CASE WHEN {key} < {self.number(points[middle].first)} THEN {below}\nELSE {above} END"
            here, there = points[first], points[last]
            slope = (there.left - here.right) / (there.at - here.at)
            line = f"{self.number(here.right)} + {self._rise(x, here.at, slope)}" if slope else self.number(here.right)
            if here.left == here.right:
                return line
            # many customers share this value: it stands in the middle of its step
            step = f"WHEN {key} <= {self.number(here.last)} THEN {self.number(0.5 * (here.left + here.right))}"
            return f"CASE {step} ELSE {line} END"

        low, high = points[0], points[-1]
        ends = f"WHEN {key} <= {self.number(low.last)} THEN {self.number(low.left)} WHEN {key} >= {self.number(high.first)} THEN {self.number(high.right)}"
        inner = f"WHEN {key} IS NOT NULL THEN {pieces(0, len(points) - 1)} " if len(points) > 1 else ""
        return f"CASE {ends}\n{inner}END"

    def _rise(self, x: str, at: float, slope: float) -> str:
        run = f"({x} - {self.number(at)})" if at else x
        found = f"{run} * {self.number(slope)}"
        # the nearest number to the next piece's beginning is the smallest run
        small = self.dialect.refuses_zero and (np.nextafter(at, np.inf) - at) * slope == 0.0
        return f"({self._not_too_small(run, found, lambda a: a * slope)})" if small else found


class _Point(NamedTuple):
    """A point of a broken line: where, its value coming from the left and going to the right, and the first and last key that stand for it."""

    at: float
    left: float
    right: float
    first: float
    last: float


class _Writer:
    """One model, said step by step."""

    def __init__(self, model: Segmentation, words: _Words, missing: Sequence[str]) -> None:
        self.model, self.space, self.words, self.missing = model, model.space, words, missing
        self.columns = list(enumerate(self.space.columns))
        self.said: list[dict[str, Any]] = [self.space.inputs.get(name, {}) for name in self.space.columns]
        self.k = len(model.centres)

    def select(self, table: str, id_column: str) -> str:
        """All steps."""
        parts = table.split(".")
        source = ".".join(map(self.words.name, parts))
        prefix = "step_"
        while parts[-1].lower().startswith(prefix):
            prefix = f"a_{prefix}"
        reason, spread = self._checked()
        steps = {
            "read": self._read(id_column),
            "known": self._known(),
            "checked": {"fault": reason},
            "entered": self._entered(),
            "transformed": self._transformed(),
            "logs": self._logs(),
            "exponents": self._exponents(),
            "raised": self._raised(),
            "placed": self._placed(),
            "sized": self._sized() if spread else {},
            "measurable": self._measurable(spread),
            "distances": self._distances(),
            "nearest": {"nearest": f"LEAST({', '.join(f'd{c}' for c in range(self.k))})"},
            "clusters": self._clusters(),
            "next": self._next(),
            "sure": self._sure(),
        }
        texts, before = [], ""
        for step, columns in steps.items():
            if not columns:
                continue
            shown = "\n, ".join(f"{expression} AS {name}" for name, expression in columns.items())
            where = f"*, {shown}\nFROM {before}" if before else f"{shown}\nFROM {source} AS source"
            before = f"{prefix}{step}"
            texts.append(f"{before} AS (\nSELECT {where}{self.words.dialect.fence}\n)")
        last = [f"id AS {self.words.name(id_column)}"]
        last += [f"{expression} AS {name}" for name, expression in self._answers().items() if name != id_column.lower()]
        return f"WITH {', '.join(texts)}\nSELECT " + "\n, ".join(last) + f"\nFROM {before}"

    # --- from cells to numbers ------------------------------------------------------------------------------------------

    def _read(self, id_column: str) -> dict[str, str]:
        cell = f"source.{self.words.name(id_column)}"
        found = {"id": cell, "id_text": self._trimmed(cell)}
        for j, name in self.columns:
            cell = f"source.{self.words.name(name)}"
            levels = self.space.levels(name)
            found[f"c{j}"] = f"CAST({cell} AS {self.words.dialect.double})" if levels is None else self._trimmed(cell)
        return found

    def _trimmed(self, cell: str) -> str:
        return self.words.dialect.trim.format(
            f"CAST({cell} AS {self.words.dialect.text})", self.words.text(BLANKS_AROUND)
        )

    def _is_missing(self, text: str) -> str:
        return f"{text} IS NULL OR LOWER({text}) IN ({', '.join(map(self.words.text, self.missing))})"

    def _known(self) -> dict[str, str]:
        """Numbers: of a level its place, of one never seen -1, NULL where there is no value."""
        found, number = {}, self.words.number
        for j, name in self.columns:
            cell, levels = f"c{j}", self.space.levels(name)
            if levels is None:
                found[f"x{j}"] = f"CASE WHEN {self.words.dialect.is_nan.format(cell)} THEN NULL ELSE {cell} END"
                continue
            cases = [f"WHEN {cell} = {self.words.text(level)} THEN {number(i)}" for i, level in enumerate(levels)]
            cases.append(f"WHEN {self._is_missing(cell)} THEN NULL ELSE {number(-1)}")
            found[f"x{j}"] = f"CASE {' '.join(cases)} END"
        return found

    def _checked(self) -> tuple[str, float]:
        """Why a row is rejected, the first reason that applies, in the order of :mod:`segments.model.answers`; and the largest squared length of the others."""
        number = self.words.number
        reasons = [("missing id", self._is_missing("id_text"))]
        for j, name in self.columns:
            if not self.space.fills(name):
                reasons.append((f"{name} is missing", f"x{j} IS NULL"))
            if self.space.levels(name) is None:
                reasons.append((f"{name} is infinite", f"ABS(x{j}) > {number(LARGEST_FLOAT)}"))
            else:
                reasons.append((f"{name} is a level the model has never seen", f"x{j} < {number(0.0)}"))
        for j, transform in enumerate(self.space.transforms):
            if transform in DOMAINS:
                lowest, taken = DOMAINS[transform]
                said = f"{self.space.columns[j]} is below what its transform {transform} takes"
                reasons.append((said, f"x{j} {'<' if taken else '<='} {number(lowest)}"))
        longest = self._corner().copy()
        for j, name in self.columns:
            if self.space.levels(name) is None:
                low, high, farthest = self._ends(j)
                longest = np.maximum(longest, farthest)
                if low > -LARGEST_FLOAT:
                    reasons.append(("too large to be scaled", f"x{j} < {number(low)}"))
                if high < LARGEST_FLOAT:
                    reasons.append(("too large to be scaled", f"x{j} > {number(high)}"))
        cases = [f"WHEN {asked} THEN {self.words.text(reason)}" for reason, asked in reasons]
        with np.errstate(over="ignore"):
            spread = float((longest**2).sum())
        return "\n".join(["CASE", *cases, "END"]), 0.0 if spread < 1e300 else spread

    def _anyone(self) -> Floats:
        """A row that the model can place: of each column the lowest value among the training customers, if it is known."""
        lowest = [DOMAINS.get(transform, (-LARGEST_FLOAT, True))[0] for transform in self.space.transforms]
        low = np.nan_to_num(self.model.limits.low.clip(-1e100, 1e100))
        return np.where(low <= lowest, 0.0, low)[None, :]

    def _place(self, j: int, value: float) -> Floats:
        row = self._anyone()
        row[0, j] = value
        with np.errstate(all="ignore"):
            found: Floats = place(self.space, row)[0]
        return found

    def _corner(self) -> Floats:
        """The farthest that categories lie on each axis."""
        rows = [self._place(j, i) for j, name in self.columns for i, _ in enumerate(self.space.levels(name) or ())]
        farthest: Floats = np.abs([*rows, self._place(0, self._anyone()[0, 0])]).max(axis=0)
        return farthest

    def _ends(self, j: int) -> tuple[float, float, Floats]:
        """Lowest and highest value of a column that the model can scale, found by asking it, and how far out they lie on each axis."""
        start, bounded = float(self._anyone()[0, j]), self.space.transforms[j] in DOMAINS

        def scaled(x: float) -> bool:
            return bool(np.isfinite(self._place(j, x)).all())

        low = start if bounded else -_last(lambda x: scaled(-x), -start)
        high = _last(scaled, start)
        return -LARGEST_FLOAT if bounded else low, high, np.abs([self._place(j, low), self._place(j, high)]).max(axis=0)

    # --- from numbers to the space --------------------------------------------------------------------------------------

    def _entered(self) -> dict[str, str]:
        """What enters the transform: put in where it was missing, and capped; NULL in a row with a fault."""
        found = {}
        for j, _ in self.columns:
            value, said = f"x{j}", self.said[j]
            if "fill" in said:
                value = f"COALESCE({value}, {self.words.number(said['fill'])})"
            low, high = said.get("limits", (None, None))
            if low is not None:
                value = f"GREATEST({value}, {self.words.number(low)})"
            if high is not None:
                value = f"LEAST({value}, {self.words.number(high)})"
            found[f"v{j}"] = f"CASE WHEN fault IS NULL THEN {value} END"
        return found

    def _numbers(self) -> list[tuple[int, int, str]]:
        """Axes that are numbers: column, place among what the scaler has, and what its transform made of it."""
        found, i = [], 0
        for axis in self.space.axes:
            j = self.space.columns.index(axis.column)
            if axis.kind == "number":
                found.append((j, i, f"v{j}" if self.space.transforms[j] == "identity" else f"t{j}"))
            i += axis.kind == "number" or (axis.kind == "level" and bool(self.said[j].get("scaled")))
        return found

    def _transformed(self) -> dict[str, str]:
        found = {}
        for j, _, t in self._numbers():
            transform, v = self.space.transforms[j], f"v{j}"
            if transform == "log1p":
                found[t] = self.words.log1p(v)
            elif transform == "signed_log1p":
                size = self.words.log1p(f"ABS({v})")
                found[t] = f"CASE WHEN {v} < {self.words.number(0.0)} THEN -({size}) ELSE {size} END"
            elif transform == "sqrt":
                found[t] = f"SQRT({v})"
        return found

    def _yeo_johnson(self) -> list[tuple[int, str, float]]:
        return [(j, t, self.space.fitted["lambdas_"][i]) for j, i, t in self._numbers() if self.space.scaler == "power"]

    def _logs(self) -> dict[str, str]:
        return {f"l{j}": self.words.log1p(f"ABS({t})") for j, t, _ in self._yeo_johnson()}

    def _exponents(self) -> dict[str, str]:
        found = {}
        for j, t, at in self._yeo_johnson():
            up, down = (self.words.times(f"l{j}", a) if a else f"l{j}" for a in (at, 2 - at))
            found[f"e{j}"] = self._by_sign(t, up, down)
        return found

    def _raised(self) -> dict[str, str]:
        found = {}
        for j, t, at in self._yeo_johnson():
            up, down = (self.words.over(f"({self.words.expm1(f'e{j}')})", a) if a else f"l{j}" for a in (at, 2 - at))
            found[f"p{j}"] = self._by_sign(t, up, f"-({down})")
        return found

    def _by_sign(self, t: str, up: str, down: str) -> str:
        return f"CASE WHEN {t} >= {self.words.number(0.0)} THEN {up} ELSE {down} END"

    def _placed(self) -> dict[str, str]:
        """The axes."""
        weights = dict(zip(self.space.columns, self.space.weights, strict=True))
        numbers = {j: self._scaled(j, i, t) for j, i, t in self._numbers()}
        found = {}
        for a, axis in enumerate(self.space.axes):
            j = self.space.columns.index(axis.column)
            if axis.kind == "number":
                found[f"z{a}"] = self.words.times(f"({numbers[j]})", weights[axis.column])
            else:
                found[f"z{a}"] = self._of_two(a, axis, j)
        return found

    def _of_two(self, a: int, axis: Axis, j: int) -> str:
        """An axis with two values, both asked of the model."""
        number = self.words.number
        if axis.kind == "lacking":
            known, unknown = (float(self._place(j, x)[a]) for x in (self._anyone()[0, j], np.nan))
            asked = f"x{j} IS NULL"
        else:
            level = (self.space.levels(axis.column) or []).index(axis.level)
            known, unknown = (float(self._place(j, x)[a]) for x in (1.0 if level == 0 else 0.0, level))
            asked = f"v{j} = {number(level)}"
        return f"CASE WHEN fault IS NULL THEN CASE WHEN {asked} THEN {number(unknown)} ELSE {number(known)} END END"

    def _scaled(self, j: int, i: int, t: str) -> str:
        words, scaler, fitted, prefix = self.words, self.space.scaler, self.space.fitted, ""
        if scaler == "power":
            t, scaler, prefix = f"p{j}", "standard", "inner_"
        if scaler == "none":
            return t
        if scaler in ("standard", "robust"):
            middle = fitted["center_" if scaler == "robust" else f"{prefix}mean_"][i]
            return words.over(f"({t} - {words.number(middle)})", fitted[f"{prefix}scale_"][i])
        if scaler == "minmax":
            return f"{words.times(t, fitted['scale_'][i])} + {words.number(fitted['min_'][i])}"
        return words.between(t, f"v{j}", self._steps(self.space.transforms[j], np.array(fitted["quantiles_"])[:, i]))

    def _steps(self, transform: str, landmarks: Floats) -> list[_Point]:
        """The ranks of a column's landmarks, of which several may be equal."""
        at, first = np.unique(landmarks, return_index=True)
        last = np.append(first[1:], len(landmarks)) - 1
        levels = np.array(self.space.fitted["references_"])
        alone = Space(["x"], [transform], [1.0], "none", {})

        def transformed(x: Floats) -> Floats:
            return place(alone, x[:, None])[:, 0]

        start = np.full(len(at), DOMAINS.get(transform, (-LARGEST_FLOAT, True))[0])
        if transform == "log1p":
            start = np.nextafter(start, 0.0)
        reached = _first_of_each(lambda x: transformed(x) >= at, start)
        passed = _first_of_each(lambda x: transformed(x) > at, start)
        columns = (at, levels[first], levels[last], reached, np.nextafter(passed, -np.inf))
        return [_Point(*row) for row in np.column_stack(columns).tolist()]

    # --- from the space to answers --------------------------------------------------------------------------------------

    def _sized(self) -> dict[str, str]:
        """How far out each axis lies, in units in which no square overflows: a power of two, so to the same bits."""
        number = self.words.number
        return {
            f"s{a}": f"GREATEST({number(1.0)}, LEAST(ABS(z{a}), {number(2.0**515)})) * {number(2.0**-100)}"
            for a, _ in enumerate(self.space.axes)
        }

    def _measurable(self, spread: float) -> dict[str, str]:
        if not spread:
            return {"reason": "fault"}
        length = " + ".join(f"s{a} * s{a}" for a, _ in enumerate(self.space.axes))
        too_large = f"WHEN {length} >= {self.words.number(2.0**824)} THEN {self.words.text('too large to be measured')}"
        return {"reason": f"CASE WHEN fault IS NOT NULL THEN fault {too_large} END"}

    def _distances(self) -> dict[str, str]:
        found = {}
        for c, centre in enumerate(self.model.centres.tolist()):
            squares = [self.words.squared(f"(z{a} - {self.words.number(x)})") for a, x in enumerate(centre)]
            found[f"d{c}"] = f"CASE WHEN reason IS NULL THEN SQRT({' + '.join(map(_bracketed, squares))}) END"
        return found

    def _clusters(self) -> dict[str, str]:
        """The nearest centre's; of several, the lowest number."""
        cases = " ".join(f"WHEN d{c} = nearest THEN {c}" for c in range(self.k))
        return {"cluster": f"CASE {cases} END"}

    def _next(self) -> dict[str, str]:
        others = (
            f"CASE WHEN cluster = {c} THEN {self.words.number(LARGEST_FLOAT)} ELSE d{c} END" for c in range(self.k)
        )
        return {"farther": f"LEAST({', '.join(others)})"}

    def _sure(self) -> dict[str, str]:
        zero, one = self.words.number(0.0), self.words.number(1.0)
        share = f"CASE WHEN farther > {zero} THEN {one} - nearest / farther WHEN farther = {zero} THEN {zero} END"
        return {"confidence": share}

    def _answers(self) -> dict[str, str]:
        number, limits, segments = self.words.number, self.model.limits, self.model.segments
        ranges = [
            f"COALESCE(x{j} < {number(low)} OR x{j} > {number(high)}, FALSE)"
            for j, (low, high) in enumerate(zip(limits.low, limits.high, strict=True))
        ]
        ranges.append(f"nearest > {self._by_cluster(map(number, limits.reach))}")
        found = {
            "cluster": "cluster",
            "segment_id": self._by_cluster(self.words.text(segment.segment_id) for segment in segments),
            "segment": self._by_cluster(self.words.text(segment.name) for segment in segments),
            "distance": "nearest",
            "margin": "farther - nearest",
            "confidence": "confidence",
            "boundary": f"confidence < {number(limits.boundary)}",
            "out_of_range": f"CASE WHEN reason IS NULL THEN {' OR '.join(ranges)} END",
        }
        if limits.agreement is not None:
            found["agreement"] = self._by_cluster(
                self.words.between(
                    "confidence", "confidence", [_Point(x, y, y, x, x) for x, y in np.column_stack(curve).tolist()]
                )
                for curve in limits.agreement
            )
        return found | {"reason": "reason"}

    def _by_cluster(self, values: Iterable[str]) -> str:
        return f"CASE cluster {' '.join(f'WHEN {c} THEN {value}' for c, value in enumerate(values))} END"


def _bracketed(square: str) -> str:
    return f"({square})" if square.startswith("CASE") else square


# --- searches among 64-bit numbers ----------------------------------------------------------------------------------------


def _order(x: float) -> int:
    """The number of a 64-bit number in their order, 0 for 0."""
    bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits & (2**63 - 1))


def _at(order: int) -> float:
    size: float = struct.unpack("<d", struct.pack("<q", abs(order)))[0]
    return size if order >= 0 else -size


def _last(holds: Callable[[float], bool], start: float) -> float:
    """The last number for which something holds that holds for `start`, and beyond a certain number no more.

    Examples
    --------
    >>> _last(lambda x: x <= 7.5, -3.0)
    7.5
    """
    if holds(LARGEST_FLOAT):
        return LARGEST_FLOAT
    yes, no = _order(start), _order(LARGEST_FLOAT)
    while no - yes > 1:
        middle = (yes + no) // 2
        yes, no = (middle, no) if holds(_at(middle)) else (yes, middle)
    return _at(yes)


def _first(holds: Callable[[float], bool]) -> float:
    """The first number above 0 for which something holds that holds for all above it.

    Examples
    --------
    >>> _first(lambda x: x * x > 0)
    1.5717277847026288e-162
    """
    if holds(SMALLEST_FLOAT):
        return SMALLEST_FLOAT
    return _at(_order(_last(lambda x: not holds(x), SMALLEST_FLOAT)) + 1)


def _first_of_each(holds: Callable[[Floats], NDArray[np.bool_]], start: Floats) -> Floats:
    """For each of several questions the first number, not before `start`, of which it holds as of all behind it; the largest where it never does.

    Examples
    --------
    >>> _first_of_each(lambda x: x > np.array([-1.0, 1.0]), np.array([-5.0, -5.0])).tolist()
    [-0.9999999999999999, 1.0000000000000002]
    """
    no, yes = np.array([_order(x) - 1 for x in start]), np.full(len(start), _order(LARGEST_FLOAT))
    while (no + 1 < yes).any():
        middle = (no >> 1) + (yes >> 1) + (no & yes & 1)  # their difference may be too large for 64 bits
        found = holds(np.array([_at(n) for n in middle]))
        no, yes = np.where(found, no, middle), np.where(found, middle, yes)
    return np.array([_at(n) for n in yes])
