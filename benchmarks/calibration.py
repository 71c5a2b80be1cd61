"""How often the existence test finds clusters where there are none: on more data sets than the test suite has time for."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from segments.config.evidence import EvidenceConfig
from structureless import KINDS, SCALERS, false_findings

SETS = 100


def table() -> list[str]:
    """False findings by kind of data and scaler; more than 5 of 100 are too many."""
    alpha = EvidenceConfig().grades.alpha
    lines = [f"| data without clusters | scaler | called clustered, of {SETS}, at {alpha:g} |", "|---|---|---|"]
    for kind in KINDS:
        for scaler in SCALERS:
            found = false_findings(kind, scaler, SETS)
            lines.append(f"| {kind} | {scaler} | {found}{' **too many**' if found > 5 else ''} |")
            print(lines[-1], flush=True)
    return lines
