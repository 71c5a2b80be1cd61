"""The local record after its project was moved: MLflow stores absolute addresses, and shows empty lists when they are stale."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from segments.io.tracking.mlflow_internals import ADDRESSES


def mend_moved(root: Path) -> int:
    """After the project was moved or copied: point the local record's absolute artifact addresses at where they lie now.

    MLflow stores them absolute and shows empty lists, without an error, when they are stale.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    int
        Addresses changed.
    """
    database = root / "mlflow.db"
    if not database.is_file():
        return 0
    here = (root / "mlruns").as_uri()
    changed = 0
    connection = sqlite3.connect(database, timeout=30)
    try:
        with connection:
            for table, names in ADDRESSES.items():
                known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for column in names:
                    if column not in known:
                        continue
                    for (address,) in connection.execute(
                        f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file:%/mlruns/%'"
                    ).fetchall():
                        moved = here + address[address.rindex("/mlruns/") + len("/mlruns") :]
                        if moved == address:
                            continue
                        # gone from there, or a copy of it here
                        if not _path(address).exists() or _path(moved).exists():
                            changed += connection.execute(
                                f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (moved, address)
                            ).rowcount
    finally:
        connection.close()
    return changed


def _path(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))
