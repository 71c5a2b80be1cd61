"""Picture of a migration. Comes in: flows between segments. Goes out: a Figure; a segment has its colour on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from segments.identity.migration import Migration
from segments.io.plots.style import INK, MUTED, PALE, PALETTE
from segments.model.segmentation import Segment

WIDTH = 0.03  # of a bar, as a share of the way between the dates
GAP = 0.025  # between bars, as a share of all customers
HATCH = "//"  # of a segment whose colour another in the picture has: there are more segments than colours
OUTSIDE = {"from_id": "new", "to_id": "gone"}  # those who are not there on that side


def alluvial(migration: Migration, ends: tuple[str, str]) -> Figure:
    """Bands from the old segments, left, to the new ones, right; as high as their customers, in the colour of the old segment.

    Parameters
    ----------
    migration : Migration
        Made by :func:`segments.identity.migration.migrate`.
    ends : (str, str)
        What stands on the left and on the right: dates or versions.

    Returns
    -------
    Figure
        Segments on both sides in the order of their ids; new and gone customers, in grey, at the foot.
    """
    flows = migration.transitions.assign(
        from_id=migration.transitions["from_id"].fillna(OUTSIDE["from_id"]),
        to_id=migration.transitions["to_id"].fillna(OUTSIDE["to_id"]),
    )
    segments = {segment.segment_id: segment for segment in [*migration.old, *migration.new]}
    order = [*sorted(segments, key=lambda segment_id: segments[segment_id].number), *OUTSIDE.values()]
    twins = _twins([segments[segment_id] for segment_id in order if segment_id in segments])
    figure = Figure(figsize=(10.0, 5.6))
    axis = figure.add_axes((0.23, 0.03, 0.54, 0.8))
    total = int(flows["customers"].sum())
    tops = {}
    for side, x, align in (("from_id", 0.0, "right"), ("to_id", 1.0 - WIDTH, "left")):
        sizes = flows.groupby(side)["customers"].sum()
        y = 0.0
        for segment_id in [one for one in order if one in sizes.index]:
            height = int(sizes[segment_id])
            colour = _colour(segments.get(segment_id))
            hatch = HATCH if segment_id in twins else None
            bar = Rectangle(
                (x, y), WIDTH, height, facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0, zorder=2
            )
            axis.add_patch(bar)
            axis.text(
                x - 0.015 if align == "right" else x + WIDTH + 0.015,
                y + height / 2,
                _label(segment_id, segments.get(segment_id), height),
                ha=align,
                va="center",
                fontsize=9,
                color=INK,
                parse_math=False,
            )
            tops[side, segment_id] = y
            y += height + max(GAP * total, 1)
    lowest = 0.0
    s = np.linspace(0, 1, 40)
    bend = s**2 * (3 - 2 * s)
    xs = WIDTH + (1 - 2 * WIDTH) * s
    place = {segment_id: i for i, segment_id in enumerate(order)}
    flows = flows.sort_values(["from_id", "to_id"], key=lambda ids: ids.map(place), kind="stable")
    for flow in flows.itertuples():
        left, right = tops["from_id", flow.from_id], tops["to_id", flow.to_id]
        upper = left + (right - left) * bend
        band = np.concatenate([np.column_stack([xs, upper]), np.column_stack([xs, upper + flow.customers])[::-1]])
        colour, hatch = _colour(segments.get(flow.from_id)), HATCH if flow.from_id in twins else None
        flowing = Polygon(band, facecolor=colour, hatch=hatch, edgecolor="white", alpha=0.45, linewidth=0, zorder=1)
        axis.add_patch(flowing)
        tops["from_id", flow.from_id] += flow.customers
        tops["to_id", flow.to_id] += flow.customers
        lowest = max(lowest, tops["from_id", flow.from_id], tops["to_id", flow.to_id])
    axis.set_xlim(0, 1)
    axis.set_ylim(lowest * 1.01, -lowest * 0.01)
    axis.set_axis_off()
    axis.set_title(ends[0], loc="left", fontsize=11, color=MUTED, parse_math=False)
    axis.set_title(ends[1], loc="right", fontsize=11, color=MUTED, parse_math=False)
    counts = migration.counts
    figure.suptitle(
        f"{counts['stayed'] + counts['returned']:,} in the same segment · moved: {counts['customer']:,} themselves changed, {counts['model']:,} the model, {counts['both']:,} both",
        fontsize=12,
        color=INK,
    )
    return figure


def _colour(segment: Segment | None) -> str:
    return PALETTE[segment.colour % len(PALETTE)] if segment else PALE


def _twins(segments: Sequence[Segment]) -> set[str]:
    """Ids of the segments that look like one before them."""
    colours = [_colour(segment) for segment in segments]
    return {segment.segment_id for i, segment in enumerate(segments) if colours[i] in colours[:i]}


def _label(segment_id: str, segment: Segment | None, customers: int) -> str:
    if segment is None:
        return f"{segment_id}\n{customers:,}"
    words = segment.name.split()
    lines, line = [], segment_id
    for word in words:
        if len(line) + len(word) > 24:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}"
    return "\n".join([*lines, line, f"{customers:,}"])
