"""What is computed from the columns of a customers table. Comes in: the clean table. Goes out: the same with dates, years of birth and derived columns as numbers."""

from __future__ import annotations

import pandas as pd

from segments.config.source import Customers

OLDEST = 120  # years of age, beyond which a year of birth is no such year


def derive(customers: pd.DataFrame, spec: Customers, as_of: str | None, notes: list[str]) -> pd.DataFrame:
    """Turn dates into days before the as-of date and years of birth into ages, and add the derived columns.

    Parameters
    ----------
    customers : DataFrame
        Clean customers: numbers, categories, and dates as ISO text.
    spec : Customers
        What the columns are, and what is derived.
    as_of : str, optional
        ISO date; the configuration asks for it where a column needs it.
    notes : list of str
        Grows by what a person should know: days in the future, ratios without a value.

    Returns
    -------
    DataFrame
        On the same rows; a value that one of its parts lacks is missing.

    Examples
    --------
    >>> from segments.config.source import Column, Derived
    >>> columns = {"joined": Column(kind="date"), "wine": Column(), "fish": Column()}
    >>> spec = Customers("shop.csv", columns=columns, derived={"spent": Derived(sum=["wine", "fish"])})
    >>> table = pd.DataFrame({"customer_id": ["1"], "joined": ["2024-01-01"], "wine": [5.0], "fish": [2.5]})
    >>> derive(table, spec, "2024-01-31", []).to_dict("records")
    [{'customer_id': '1', 'joined': 30.0, 'wine': 5.0, 'fish': 2.5, 'spent': 7.5}]
    """
    table = customers.copy()
    today = pd.NaT if as_of is None else pd.Timestamp(as_of)
    for name, column in spec.columns.items():
        if name not in table:
            continue
        if column.kind == "date":
            table[name] = (today - pd.to_datetime(table[name], format="%Y-%m-%d")).dt.days.astype("float64")
            if ahead := int((table[name] < 0).sum()):
                notes.append(
                    f"'{name}' lies after the as-of date for {ahead} of {len(table)} customers: their days are below zero"
                )
        elif column.kind == "birth_year":
            table[name] = today.year - table[name]
            if odd := int(((table[name] < 0) | (table[name] > OLDEST)).sum()):
                notes.append(
                    f"'{name}' makes {odd} of {len(table)} customers younger than 0 or older than {OLDEST}: set minimum and maximum"
                )
    for name, made in spec.derived.items():
        parts = [table[part] for part in made.made_of]
        if made.sum:
            table[name] = sum(parts[1:], parts[0])
        elif made.difference:
            table[name] = parts[0] - parts[1]
        elif made.ratio:
            table[name] = parts[0] / parts[1].mask(parts[1] == 0)
            if zeros := int((parts[1] == 0).sum()):
                notes.append(
                    f"'{name}' has no value for {zeros} of {len(table)} customers, whose '{made.ratio[1]}' is 0"
                )
        else:
            table[name] = parts[0]
    return table
