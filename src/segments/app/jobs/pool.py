"""What a person sees of work done side by side. Comes in: results as they are finished. Goes out: the same, with a bar or lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterator[Item], total: int, message: Callable[[Item], str]) -> Iterator[Item]:
    """A bar with an ETA on a terminal, one line per cell otherwise.

    Parameters
    ----------
    items : iterator
        Finished cells.
    total : int
        How many there will be.
    told : callable
        What the line says of a cell.
    """
    started = time.perf_counter()
    for number, item in enumerate(tqdm(items, total=total, unit="cell", disable=not sys.stderr.isatty()), start=1):
        if not sys.stderr.isatty():
            sys.stderr.write(f"[{number}/{total}] {message(item)}, {time.perf_counter() - started:.0f} s\n")
        yield item
