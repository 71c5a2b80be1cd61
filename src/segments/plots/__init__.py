"""Pictures. Comes in: results of the rooms. Goes out: matplotlib Figures, and a Figure as PNG bytes.

Nothing is computed, saved or shown here. One file per part of the path; what the pictures have in common is here.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any common colour blindness can tell apart (yellow, the palest, left out),
# then five of Paul Tol's muted ones for the rarer case of more than seven clusters.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#000000",
    "#882255",
    "#999933",
    "#332288",
    "#88CCEE",
    "#AA4499",
)
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
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return buffer.getvalue()


def small(picture: bytes) -> bytes:
    """Halve a PNG in width and height, for a grid of many.

    Parameters
    ----------
    picture : bytes
        A PNG.

    Returns
    -------
    bytes
        A PNG of half the width and height, each pixel the mean of four.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> len(small(png(Figure()))) < len(png(Figure()))
    True
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").reduce(2).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
