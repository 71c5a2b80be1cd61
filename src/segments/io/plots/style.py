"""What pictures have in common: colours, and a Figure as PNG and SVG, equal bytes for equal Figures."""

from __future__ import annotations

import functools
import io
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from PIL import Image

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


def drawn(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """Turn Figures into files, each as PNG and, for print and slides, as SVG.

    Parameters
    ----------
    figures : mapping of str to matplotlib.figure.Figure
        By name. They are drawn for the last time: their layout is fixed.

    Returns
    -------
    dict of str to bytes
        By name of the file; equal figures give equal bytes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> list(drawn({"front": Figure()}))
    ['front.png', 'front.svg']
    """
    files = {}
    for name, figure in figures.items():
        files[f"{name}.png"] = png(figure)
        figure.set_layout_engine("none")  # laid out anew, a Figure takes twice the time, and some move a little
        files[f"{name}.svg"] = svg(figure)
    return files


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


def svg(figure: Figure) -> bytes:
    """Turn a Figure into SVG, for print and slides; equal figures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Letters become outlines, which look the same without its font. Coordinates are in hundredths of a point: the last digits of
        a float, which differ by processor, are not in it, and neither are matplotlib's names, which are hashes of such digits.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> svg(Figure()).startswith(b"<?xml"), svg(Figure()) == svg(Figure())
    (True, True)
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "segments"}):
        figure.savefig(buffer, format="svg", dpi=2 * DPI, metadata={"Date": None, "Creator": None})
    text = re.sub(r"scale\([^)]*\)|-?\d+\.\d{3,}", _hundredths, buffer.getvalue().decode())
    names = dict.fromkeys(re.findall(r'\bid="([^"]+)"', text))
    short = {name: f"n{number}" for number, name in enumerate(names)}
    return re.sub(r'(\bid="|#)([^")]+)', lambda at: at[1] + short.get(at[2], at[2]), text).encode()


def _hundredths(found: re.Match[str]) -> str:
    """A coordinate; the scale of an outline stays as it is."""
    return found[0] if found[0].startswith("scale") else f"{round(float(found[0]), 2) + 0:g}"


def shrunk(picture: bytes, width: int) -> bytes:
    """Make a PNG no wider than so many pixels; one that is not wider stays as it is.

    Parameters
    ----------
    picture : bytes
        A PNG.
    width : int
        In pixels.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> whole = png(Figure(figsize=(4, 2)))
    >>> len(shrunk(whole, 100)) < len(whole), shrunk(whole, 400) == whole
    (True, True)
    """
    from PIL import Image

    pixels = Image.open(io.BytesIO(picture))
    if pixels.width <= width:
        return picture
    buffer = io.BytesIO()
    size = (width, round(pixels.height * width / pixels.width))
    pixels.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class Backdrop:
    """Draws many Figures that differ in some artists only: the rest is drawn once and kept as pixels.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The Figure whose other artists stay as they are.
    """

    def __init__(self, figure: Figure) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure.set_dpi(DPI)
        # Any: matplotlib's canvas has no types
        self.canvas: Any = FigureCanvasAgg(figure)
        self.kept: object = None
        self.under: Any = None

    def pngs(self, changing: Iterable[Artist], state: object = None) -> tuple[bytes, bytes]:
        """The Figure as PNG, and one of half the width and height, each pixel the mean of four, for a grid of many.

        Parameters
        ----------
        changing : iterable of Artist
            What differs between pictures, in the order of drawing.
        state : object
            When it differs from the last call's, the rest is drawn anew.

        Returns
        -------
        tuple of bytes
            Equal Figures give equal bytes, whatever was drawn before. Colours are those of a palette of at most 256.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> large, half = Backdrop(Figure()).pngs([])
        >>> large[1:4], len(half) < len(large)
        (b'PNG', True)
        """
        from PIL import Image

        changing = list(changing)
        if self.under is None or state != self.kept:
            for artist in changing:
                artist.set_visible(False)
            self.canvas.draw()
            self.under, self.kept = self.canvas.copy_from_bbox(self.canvas.figure.bbox), state
            for artist in changing:
                artist.set_visible(True)
        self.canvas.restore_region(self.under)
        for artist in changing:
            artist.draw(self.canvas.get_renderer())
        pixels = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
        return _palette_png(pixels), _palette_png(pixels.reduce(2))


def _palette_png(pixels: Image.Image) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    # One byte a pixel: half the time and a third of the size of true colours.
    few = pixels.quantize(palette=_palette(), dither=Image.Dither.NONE)
    few.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)  # runs of equal pixels are nearly all there is
    return buffer.getvalue()


@functools.cache
def _palette() -> Image.Image:
    """What such pictures are made of: inks and colours fading into white, and colours seen through one another.

    The same for all: finding the best palette anew would take most of a picture's time.
    """
    from PIL import Image, ImageColor

    colours = np.array([ImageColor.getrgb(name) for name in PALETTE], dtype=float)
    inks = np.array([ImageColor.getrgb(name) for name in (INK, MUTED)], dtype=float)

    def over(upper: Any, lower: Any, opacities: Iterable[float]) -> Any:
        return np.concatenate([opacity * upper + (1 - opacity) * lower for opacity in opacities])

    faded = over(colours, 255.0, (0.15, 0.3, 0.45, 0.6, 0.84, 1.0))
    pairs = over(
        np.repeat(colours, len(colours), axis=0), np.tile(over(colours, 255.0, (0.6,)), (len(colours), 1)), (0.6,)
    )
    all_of_them = np.concatenate([np.full((1, 3), 255.0), over(inks, 255.0, np.arange(1, 17) / 16), faded, pairs])
    image = Image.new("P", (1, 1))
    image.putpalette(all_of_them[:256].round().astype(np.uint8).ravel().tolist())
    return image
