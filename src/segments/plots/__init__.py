"""Pictures. Comes in: results of the rooms. Goes out: matplotlib Figures, and a Figure as PNG bytes.

Nothing is computed, saved or shown here. One file per part of the path; what the pictures have in common is here.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any common colour blindness can tell apart; the palest (yellow) left out.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
INK, MUTED, PALE = "#222222", "#777777", "#D9D9D9"
DPI = 100


def png(figure: Figure) -> bytes:
    """Turn a Figure into PNG; equal figures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its size in inches times 100 is the size of the picture in pixels.

    Returns
    -------
    bytes
        Without date, version or any other mark of when and where it was made.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> png(Figure())[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
