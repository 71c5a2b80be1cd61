"""Text that a spreadsheet would take for a formula. Comes in: cells. Goes out: the same with a mark in front of the risky ones, and the way back.

An id, a name or an offer may begin with ``=``: whoever opens a CSV with it would run it. Numbers are left as they are.
"""

from __future__ import annotations

import re

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# What makes a spreadsheet take a cell for a formula, also in the wide and small forms of East Asian keyboards; and our own mark.
RISKY = tuple("=+-@\t\r\n＝＋－＠﹦﹢﹣﹫'")
# What a spreadsheet may drop before it looks at a cell: blanks, controls, marks without width, and the quotes of another separator's file.
_DROPPED = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff\""
)
# A spreadsheet that separates by semicolons or tabs takes our commas for text: to it, a cell begins after each of these, quoted or not.
_BREAKS = ";\t\r\n"
_FORMULA = rf"[{_DROPPED}]*?[{re.escape(''.join(RISKY))}]"
_BEGINS_RISKY = re.compile(rf"(?:^|(?<=[{_BREAKS}]))(?={_FORMULA})")
_MARKED = re.compile(rf"(^|[{_BREAKS}])'")
_FIRST_BYTES = bytes({sign.encode()[0] for sign in RISKY})
# The same for RE2, which knows no looking around and writes characters in another way.
_HAS_RISKY = re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", rf"(^|[{_BREAKS}]){_FORMULA}")


def neutralise(table: pd.DataFrame) -> pd.DataFrame:
    """Text that no spreadsheet takes for a formula: an apostrophe before a risky first character, in cells and headers; numbers stay numbers.

    Inside a text the same goes for what follows a semicolon, a tab or a line break: a spreadsheet that separates by those begins a cell
    there, quotes or not, for to it the quotes are closed at the first comma. The way back is :func:`restore`, exactly: where an apostrophe
    stands already, it gets another one.

    Parameters
    ----------
    table : DataFrame
        Any table.

    Examples
    --------
    >>> neutralise(pd.DataFrame({"id": ["=1+1", "a;=1+1", "7"], "change": [-1, 2, 0]})).to_dict("list")
    {'id': ["'=1+1", "a;'=1+1", '7'], 'change': [-1, 2, 0]}
    """
    columns = {
        harmless(str(name)): values if pd.api.types.is_numeric_dtype(values) else values.map(_cell, na_action="ignore")
        for name, values in table.items()
    }
    return pd.DataFrame(columns, index=table.index)


def neutralise_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same for a piece of a large file: only cells that are risky cost more than a look.

    Examples
    --------
    >>> neutralise_batch(pa.record_batch({"=id": ["=1+1", "7", None], "change": [-1, 2, 0]})).to_pydict()
    {"'=id": ["'=1+1", '7', None], 'change': [-1, 2, 0]}
    """
    columns = [_harmless_array(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, [harmless(name) for name in batch.schema.names])


def restore(text: pd.Series) -> pd.Series:
    """Cells as they were before :func:`neutralise`.

    Examples
    --------
    >>> restore(pd.Series(["'=1+1", "a;'=1+1", "7"])).tolist()
    ['=1+1', 'a;=1+1', '7']
    """
    return text.str.replace(_MARKED, r"\1", regex=True)


def harmless(text: str) -> str:
    """One text, as :func:`neutralise` writes it."""
    return _BEGINS_RISKY.sub("'", text)


def _cell(cell: object) -> object:
    return harmless(cell) if isinstance(cell, str) else cell


def _harmless_array(column: pa.Array) -> pa.Array:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    # all cells as one text: most columns have no such character anywhere, and looking at each cell takes ten times as long
    text = b"" if column.buffers()[2] is None else column.buffers()[2].to_pybytes()
    if len(text.translate(None, _FIRST_BYTES)) == len(text):
        return column
    risky = pc.fill_null(pc.match_substring_regex(column, _HAS_RISKY), False)
    if not risky.true_count:
        return column
    cells = [harmless(cell) for cell in column.filter(risky).to_pylist()]
    return pc.replace_with_mask(column, risky, pa.array(cells, type=column.type))
