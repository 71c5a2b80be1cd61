"""Command `summary`: the artifacts of the last run in; what was chosen and why, for a person or a machine, out."""

from __future__ import annotations

import json
import shutil
from typing import Any

from segments.app import terminal
from segments.io.store import catalog

KEY_WIDTH = 8  # of summary.txt


def run(*, as_json: bool, on_terminal: bool) -> str:
    """Say what the last run chose and why.

    Parameters
    ----------
    as_json : bool
        As one JSON object for a machine.
    on_terminal : bool
        Whether a person reads it: then it is wrapped and coloured; otherwise it is the text that the last run wrote.

    Raises
    ------
    StoreError
        If there was no run yet.
    """
    if as_json:
        return json.dumps(facts(), ensure_ascii=False, indent=2)
    text = catalog.read(catalog.SUMMARY)
    width = shutil.get_terminal_size().columns
    return (terminal.laid_out(text, KEY_WIDTH, width) if on_terminal else text).removesuffix("\n")


def facts() -> dict[str, Any]:
    """What the catalog's documents say of the last run, under their own keys.

    Returns
    -------
    dict
        ``sweep`` (id, source, number of candidates), ``choice`` and ``model`` (the documents choice.json and receipt.json), ``firmness`` in a sentence,
        ``everybody`` (the document fit_of_record.json, ``None`` where all customers are here),
        the ``scores`` of the chosen candidate and its ``segments`` (the rows of profiles.parquet that are of the segment itself and not of a feature).
    """
    sweep, choice = catalog.read(catalog.SWEEP), catalog.read(catalog.CHOICE)
    found: dict[str, Any] = {
        "sweep": {
            "sweep_id": sweep.sweep_id,
            "source": sweep.source,
            "candidates": sum(len(cell) for cell in sweep.cells),
        },
        "choice": choice.to_plain(),
        "firmness": catalog.read(catalog.FIRMNESS).firmness,
        "model": catalog.RECEIPT.plain(catalog.read(catalog.RECEIPT)),
        "everybody": None,
        "scores": None,
        "segments": [],
    }
    if choice.candidate_id is None:
        return found
    if catalog.exists(catalog.FIT_OF_RECORD):
        found["everybody"] = catalog.FIT_OF_RECORD.plain(catalog.read(catalog.FIT_OF_RECORD))
    candidates = catalog.read(catalog.JUDGED_CANDIDATES).set_index("candidate_id")
    found["scores"] = json.loads(candidates.loc[choice.candidate_id].to_json())
    profiles, named = catalog.read(catalog.PROFILES), catalog.read(catalog.SEGMENTS)
    own = [name for name in profiles if (column := catalog.PROFILES.column(name)) is None or not column.is_family]
    rows = json.loads(profiles[own].to_json(orient="records"))
    found["segments"] = [{"segment_id": named.ids[row["cluster"]], **row} for row in rows]
    return found
