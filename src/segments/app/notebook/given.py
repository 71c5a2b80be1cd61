"""A DataFrame as somebody has it -> a feature table as a stage hands it on. Comes in: any table, what is wanted of it. Goes out: features, feature sets, notes.

What cannot be clustered is refused in one error that names every such column, or left out with a note; never silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from segments.clustering.fitted.columns import MOST_LEVELS
from segments.config.sweep import Feature, FeatureSet
from segments.data.drafting.cells import Sample
from segments.data.drafting.columns import ColumnDraft, columns_of, stopgap_of
from segments.data.drafting.headers import id_like
from segments.data.drafting.roles import guess_roles
from segments.errors import DataError

Wanted = Sequence[str] | Mapping[str, "Sequence[str] | FeatureSet"] | None
WHERE = "segments.sweep"
EVERY = "all"  # name of the feature set of all usable columns
ID = "customer_id"
LOOK_ROWS = 10_000  # rows, to tell what a column is


@dataclass(frozen=True)
class Given:
    """What a DataFrame holds, ready for a sweep.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        ``customer_id`` and the columns that some feature set names.
    feature_sets : list of FeatureSet
        What is clustered on.
    index : Index
        Of the DataFrame as it came, or the ids.
    notes : list of str
        What was left out, and why.
    """

    features: pd.DataFrame
    feature_sets: list[FeatureSet]
    index: pd.Index[Any]
    notes: list[str]


def read_given(df: Any, features: Wanted = None, id: str | None = None) -> Given:
    """Read a DataFrame; arguments and errors as :func:`segments.sweep`.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["a", "b"], "age": [20, 30], "name": ["Ada Lovelace", "Alan Turing"], "born": pd.to_datetime(["2000", "1990"])})
    >>> given = read_given(people)
    >>> list(given.features), given.notes[-1]
    (['customer_id', 'age', 'name'], "'born' is a time, and is left out: make it days before a day, such as (day - df['born']).dt.days")
    """
    table = _table(df)
    notes: list[str] = []
    if features is None:
        seen = _sample(table)
        if id is None:
            id = next(
                (name for name in table if id_like(name) and table[name].is_unique and table[name].notna().all()), None
            )
            _refuse_lines(seen, id)
            if id is not None:
                notes.append(f"'{id}' tells customers apart, and plays no other part")
    ids = _ids(table, id)
    if isinstance(features, str):
        raise DataError(f"features is '{features}', not a list", where=WHERE, fix=f"write features=['{features}']")
    if features is None:
        sets, more = _every(table, seen, id)
        notes += more
    elif isinstance(features, Mapping):
        sets = [_named(name, one) for name, one in features.items()]
    else:
        sets = [_named("features", features)]
    if not sets or not all(one.columns for one in sets):
        raise DataError(
            "there is no column to cluster on", where=WHERE, fix="name numbers or categories in features=[…]"
        )
    named = dict.fromkeys(name for one in sets for name in one.columns)
    wanted = sorted(
        named, key=lambda name: list(table).index(name) if name in table else -1
    )  # as they came: their order is part of the data
    if unknown := [name for name in wanted if name not in table or name in (id, ID)]:
        known = ", ".join(name for name in table if name not in (id, ID))
        raise DataError(f"unknown feature {', '.join(unknown)}", where=WHERE, fix=f"the DataFrame has: {known}")
    filled = {name for name in wanted if all(one.columns[name].fills for one in sets if name in one.columns)}
    columns = {name: _column(table[name]) for name in wanted}
    _refuse(columns, filled)
    return Given(pd.DataFrame({ID: ids, **columns}), sets, table.index if id is None else pd.Index(ids, name=id), notes)


def as_pandas(df: Any, where: str) -> pd.DataFrame:
    """A table of pandas, or of any library whose tables have ``to_pandas()``.

    Raises
    ------
    DataError
        If it is no table.

    Examples
    --------
    >>> len(as_pandas(pd.DataFrame({"age": [20, 30]}), "here"))
    2
    """
    table = df.to_pandas() if hasattr(df, "to_pandas") else df
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"it takes a DataFrame, not {type(df).__name__}", where=where, fix="write pd.DataFrame(…) around it"
        )
    return table


def _table(df: Any) -> pd.DataFrame:
    """The table as pandas has it, its columns named by text."""
    table = as_pandas(df, WHERE)
    if len(table) == 0:
        raise DataError("the DataFrame has no rows", where=WHERE, fix="give it one row per customer")
    names = [str(name) for name in table.columns]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two columns are called {', '.join(doubled)}", where=WHERE, fix="rename them")
    named = table.set_axis(names, axis=1)
    return named.assign(**{name: _numbers(named[name]) for name in names if _holds_numbers(named[name])})


def _holds_numbers(column: pd.Series[Any]) -> bool:
    """Whether Python's own numbers stand in a column of anything, as databases and other libraries give them."""
    if column.dtype != object:
        return "decimal" in str(column.dtype)
    return bool(column.notna().any()) and all(
        isinstance(one, Real | Decimal) and not isinstance(one, bool) for one in column.dropna()
    )


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype("object").where(column.notna(), np.nan).astype("float64")


def _refuse_lines(seen: Sample, id: str | None) -> None:
    """An error where rows are what customers did, and not customers."""
    roles = guess_roles(seen)
    if roles.is_log or (roles.repeats and id is None):
        what = f"'{roles.customer}' stands in several rows" if roles.repeats else "these look like purchases"
        say = "name the columns to cluster on in features=[…]" if id is None else f"say id='{id}'"
        raise DataError(
            f"{what}, so a row is no customer",
            where=WHERE,
            fix=f"make it one row per customer: of a log of purchases `segments new FOLDER --from FILE` does so; if a row is a customer, {say}",
        )


def _sample(table: pd.DataFrame) -> Sample:
    """Its first rows as the text that a file of them would hold."""
    return Sample(pd.DataFrame({name: _as_text(table[name].head(LOOK_ROWS)) for name in table}), decimal=".")


def _ids(table: pd.DataFrame, id: str | None) -> list[str]:
    """Who each row is."""
    if id is None:
        return [str(one) for one in (table.index if table.index.is_unique else range(len(table)))]
    if id not in table:
        raise DataError(f"there is no column '{id}'", where=f"{WHERE}: id", fix=f"name one of: {', '.join(table)}")
    column = table[id]
    if column.isna().any():
        raise DataError(
            f"{int(column.isna().sum())} rows have no {id}", where=f"{WHERE}: id", fix=f"df.dropna(subset=['{id}'])"
        )
    if column.duplicated().any():
        raise DataError(
            f"{id} {column[column.duplicated()].iloc[0]} stands in more than one row",
            where=f"{WHERE}: id",
            fix="make it one row per customer: a log of purchases is summed up first (`segments new --from FILE` does so)",
        )
    return [str(one) for one in column]


def _every(table: pd.DataFrame, seen: Sample, id: str | None) -> tuple[list[FeatureSet], list[str]]:
    """One feature set of all columns that can be clustered on, and what is said of the others."""
    kept, notes = {}, []
    # what lacks values is no other column for it, and is refused, not left out
    filled = Sample(seen.cells.bfill().ffill(), decimal=".")
    for drafted in columns_of(filled, id):
        name = drafted.header
        if reason := _unusable(name, table[name]) or _no_feature(table[name], drafted):
            notes.append(f"'{name}' {reason}")
            continue
        kept[name] = Feature()
        if drafted.meaning.startswith("kind: number") and _is_text(table[name]):
            notes.append(f"'{name}' is text, and is taken as a category{_as_number(table[name])}")
        if drafted.meaning == "kind: category" and pd.api.types.is_numeric_dtype(table[name]):
            notes.append(f"'{name}' is taken as a number: if it is a code of groups, df['{name}'].astype('category')")
        if pd.api.types.is_numeric_dtype(table[name]) and (none := stopgap_of(_column(table[name]).dropna())):
            notes.append(f"'{name}' holds {none}: if it means no value, df['{name}'].replace({none}, np.nan)")
    if not kept:
        raise DataError("no column can be clustered on", where=WHERE, fix="give it numbers or categories", listed=notes)
    return [FeatureSet(EVERY, kept)], notes


def _unusable(name: str, column: pd.Series[Any]) -> str:
    """Why a column that nobody asked for is left out; "" where it is not."""
    if _is_time(column):
        return f"is a time, and is left out: make it days before a day, such as (day - df['{name}']).dt.days"
    if name == ID:
        return "does not tell the rows apart, and is left out: call it otherwise if it is a category"
    if _is_nested(column):
        return "holds lists or objects, and is left out: make columns of what counts in them"
    if not pd.api.types.is_numeric_dtype(column) and (levels := column.nunique()) > MOST_LEVELS:
        return f"is text with {levels} different values, and is left out, as a category has at most {MOST_LEVELS}{_as_number(column)}"
    return ""


def _is_time(column: pd.Series[Any]) -> bool:
    kind = column.dtype
    return (
        pd.api.types.is_datetime64_any_dtype(kind)
        or pd.api.types.is_timedelta64_dtype(kind)
        or isinstance(kind, pd.PeriodDtype)
    )


def _is_text(column: pd.Series[Any]) -> bool:
    return not pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype)


def _is_nested(column: pd.Series[Any]) -> bool:
    if isinstance(column.dtype, pd.ArrowDtype):
        return bool(pa.types.is_nested(column.dtype.pyarrow_dtype))
    return column.dtype == object and any(isinstance(one, list | dict | set | np.ndarray) for one in column)


def _as_number(column: pd.Series[Any]) -> str:
    """How numbers are made of a column of text, where it holds some."""
    if not _is_text(column) or pd.to_numeric(column, errors="coerce").isna().any():
        return ": if these are numbers, make numbers of it first"
    return f": pd.to_numeric(df['{column.name}']) makes numbers of it"


def _no_feature(column: pd.Series[Any], drafted: ColumnDraft) -> str:
    """Why a column that nobody asked for tells nothing of what customers are like; "" where it may."""
    reason = drafted.kept_out or drafted.remark
    if drafted.meaning.startswith("kind: date"):
        reason = "days that are written as numbers or text: pd.to_datetime reads them"
    elif column.nunique() == 1 or drafted.decides:
        return ""  # a constant is named where all columns are checked
    return f"is left out ({reason}): name it in features=['{column.name}', …] if it is a figure"


def _named(name: str, wanted: Sequence[str] | FeatureSet) -> FeatureSet:
    if isinstance(wanted, FeatureSet):
        return FeatureSet(name, wanted.columns)
    return FeatureSet(name, {str(column): Feature() for column in wanted}) if len(wanted) else _nothing(name)


def _nothing(name: str) -> FeatureSet:
    raise DataError(f"the feature set '{name}' is empty", where=f"{WHERE}: features", fix="name at least one column")


def _column(column: pd.Series[Any]) -> pd.Series[Any]:
    """As a feature table has it: numbers as float64, categories as text."""
    if pd.api.types.is_complex_dtype(column):
        raise DataError(f"'{column.name}' holds complex numbers", where=WHERE, fix="leave it out, or take their size")
    if _is_nested(column):
        raise DataError(
            f"'{column.name}' holds lists or objects", where=WHERE, fix="make columns of what counts in them"
        )
    if _is_time(column):
        raise DataError(
            f"'{column.name}' is a time",
            where=f"{WHERE}: features",
            fix=f"make it days before a day, such as (day - df['{column.name}']).dt.days",
        )
    if pd.api.types.is_numeric_dtype(column):  # yes/no too
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return _as_text(column).reset_index(drop=True).astype("str")


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype("object").where(column.notna(), None).map(lambda one: one if one is None else str(one))


def _refuse(columns: Mapping[str, pd.Series[Any]], filled: set[str]) -> None:
    """One error for all columns that lack values or hold infinite ones."""
    found = []
    for name, column in columns.items():
        missing = 0 if name in filled else int(column.isna().sum())
        infinite = int(np.isinf(column.to_numpy()).sum()) if pd.api.types.is_float_dtype(column) else 0
        said = [f"lacks a value in {missing} of {len(column)} rows"] * (missing > 0)
        said += [f"is infinite in {infinite} of {len(column)} rows"] * (infinite > 0)
        found += [f"'{name}' {' and '.join(said)}"] * bool(said)
    if found:
        raise DataError(
            "not every row can be clustered:",
            where=WHERE,
            fix="fill or drop these (df.fillna, df.dropna), leave the columns out (features=[…]), or say what stands in: "
            "features={'name': FeatureSet('name', {'column': Feature(missing='median')})} of segments.config.sweep",
            listed=found,
        )
