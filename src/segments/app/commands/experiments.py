"""Command `experiments`: DVC's experiments in; what each changed and what it brought out, as text of 120 columns.

It is `dvc exp show --only-changed`, turned round: a line per param and figure, a column per experiment. DVC's own table has a column per figure,
and a list of scalers alone takes half a terminal.
"""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from segments.app.terminal import working
from segments.errors import SegmentsError
from segments.io.store.files import find_project

TERMINAL = 120  # columns
SIDE_BY_SIDE = 4
# What was made and the code it was made with change with everything; a changed file of conf/ is a choice.
NO_CHOICE_OF_A_PERSON = "(artifacts|src)/"


def run() -> str:
    """What every experiment of the current commit changed and brought, beside that commit and the folder.

    Raises
    ------
    SegmentsError
        If DVC cannot tell.
    """
    words = ["exp", "show", "--csv", "--only-changed", "--drop", NO_CHOICE_OF_A_PERSON]
    with working("experiments: dvc exp show"):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words], cwd=find_project(), capture_output=True, text=True, check=False
        )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise SegmentsError(said[0].removeprefix("ERROR: "), where="dvc exp show", fix="see `dvc exp show -v`")
    return compared(list(csv.DictReader(done.stdout.splitlines())))


def compared(rows: Sequence[dict[str, str]]) -> str:
    """Rows of `dvc exp show --csv` as a text, a column per experiment.

    Parameters
    ----------
    rows : sequence of dict of str to str
        The folder, its commit, and the experiments; with all figures and params in which they differ.

    Returns
    -------
    str
        The commit first, the folder only where it differs from it; in parts of four columns.

    Examples
    --------
    >>> about = {"typ": "", "Created": ""}
    >>> one = {"Experiment": "", "rev": "main", **about, "k": "3", "passed": "8", "sweep.k_max": "4"}
    >>> other = {"Experiment": "more", "rev": "ab12", **about, "k": "5", "passed": "9", "sweep.k_max": "8"}
    >>> print(compared([one | {"rev": "workspace"}, one, other]))
                   main  more
    changed
      sweep.k_max  4     8
    brought
      k            3     5
      passed       8     9
    """
    names = [
        name for name in rows[0] if name not in ("Experiment", "rev", "typ", "Created", "parent", "State", "Executor")
    ]
    changed = [name for name in names if "." in name or "/" in name or name == "defaults"]
    workspace, *committed = rows
    if committed and any(workspace[name] != committed[0][name] for name in names):
        committed.insert(1, workspace)
    if len(committed) < 2:
        return "no experiment yet: `dvc exp run -S 'conf/config.yaml:sweep.k_max=8'` makes one"
    first, *others = committed
    parts = []
    for start in range(0, len(others), SIDE_BY_SIDE - 1):
        shown = [first, *others[start : start + SIDE_BY_SIDE - 1]]
        table = [["", *(row.get("Experiment") or row["rev"] for row in shown)]]
        for title, those in (("changed", changed), ("brought", [name for name in names if name not in changed])):
            table += [[title]] if those else []
            table += [[f"  {name}", *_said(name, [row[name] for row in shown])] for name in those]
        parts.append(_laid_out(table))
    return "\n\n".join(parts)


def _said(name: str, values: Sequence[str]) -> list[str]:
    """Values as a person writes them; of the defaults list only what differs, of a file's hash the beginning."""
    if "/" in name:
        return [value[:7] or "-" for value in values]
    plain = [_plain(value) for value in values]
    if name == "defaults" and all(isinstance(one, list) for one in plain):
        plain = [[entry for entry in one if any(entry not in other for other in plain)] for one in plain]
    return [_word(one) for one in plain]


def _plain(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        return ", ".join(map(_word, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return str(value) or "-"


def _laid_out(table: Sequence[Sequence[str]]) -> str:
    """Columns side by side, long words folded."""
    first = max(len(row[0]) for row in table)
    columns = max(map(len, table)) - 1
    limit = (TERMINAL - first) // columns - 2
    lines = []
    widths = [min(limit, max(len(row[i]) for row in table if len(row) > i)) for i in range(1, columns + 1)]
    for head, *cells in table:
        folded = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=False)]
        for level in range(max(map(len, folded), default=1)):
            words = [part[level] if level < len(part) else "" for part in folded]
            padded = [word.ljust(width) for word, width in zip(words, widths, strict=False)]
            lines.append("  ".join([(head if level == 0 else "").ljust(first), *padded]).rstrip())
    return "\n".join(lines)
