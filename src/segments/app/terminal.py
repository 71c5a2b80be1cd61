"""What a person sees at a terminal while a command works, and when a stage is done. Comes in: names, times, text. Goes out: lines, in colour only there.

Anything else that reads us (DVC, a pipe, a log) gets plain lines, the same every time: what is shown meanwhile depends on how long it takes.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap

import click

PATIENCE = 2.0  # seconds, after which it is said what goes on
LOOK_EVERY = 1.0  # seconds between two looks at the clock
WIDEST = 110  # letters of a line that is read with ease
CLEARED = "\r\x1b[K"


class Working:
    """One line on a terminal that says what goes on and since when; gone when it is over.

    Parameters
    ----------
    text : str
        What goes on.
    """

    def __init__(self, text: str) -> None:
        self.text, self.more = text, ""
        self.started, self.over = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._tell, daemon=True)
        if sys.stderr.isatty():
            self.thread.start()

    def end(self) -> None:
        """Take the line away; doing it twice is no harm."""
        self.over.set()
        if self.thread.is_alive():
            self.thread.join()

    def _tell(self) -> None:
        wait = PATIENCE
        while not self.over.wait(wait):
            wait = LOOK_EVERY
            more = f" · {self.more}" if self.more else ""
            room = shutil.get_terminal_size().columns - 12 - len(more)
            text = self.text if len(self.text) <= room else f"{self.text[: room - 1]}…"
            sys.stderr.write(f"{CLEARED}{text}{more}  {time.monotonic() - self.started:.0f} s")
            sys.stderr.flush()
        if wait == LOOK_EVERY:
            sys.stderr.write(CLEARED)
            sys.stderr.flush()


_now: list[Working] = []  # what goes on: one command at a time in a process


@contextmanager
def working(text: str) -> Iterator[None]:
    """Say what goes on, on a terminal, once it takes longer than a moment."""
    _now.append(Working(text))
    try:
        yield
    finally:
        _now.pop().end()


def tell(more: str) -> None:
    """Say how far it is, beside what goes on."""
    for one in _now:
        one.more = more


def hush() -> None:
    """Say no more: a result speaks from here on."""
    for one in _now:
        one.end()


def done(stage: str, made: Sequence[tuple[str, int | None]], seconds: float) -> str:
    """The last line of a stage: what came out, rows, seconds.

    Parameters
    ----------
    stage : str
        Its name.
    made : sequence of (str, int or None)
        Files it wrote, with the rows of those that are tables.
    seconds : float
        From the command to its end.

    Examples
    --------
    >>> print(click.unstyle(done("features", [("customers.parquet", 2469), ("rfm_cuts.json", None), ("features.json", None)], 1.66)))
    ✓ features: 2,469 rows in customers.parquet, 2 more files; 1.7 s
    """
    tables = [f"{rows:,} row{'s' * (rows != 1)} in {name}" for name, rows in made if rows is not None][:2]
    rest = len(made) - len(tables)
    if rest or not tables:
        tables.append(f"{rest} {'more ' * bool(tables)}file{'s' * (rest != 1)}")
    return f"{click.style('✓', fg='green')} {click.style(stage, bold=True)}: {', '.join(tables)}; {seconds:.1f} s"


def laid_out(text: str, key_width: int, width: int) -> str:
    r"""A text of lines ``Key     what is said`` for a terminal: keys in bold, what is said wrapped beside them; lines without a key stay whole.

    Parameters
    ----------
    text : str
        The lines.
    key_width : int
        Letters that keys take.
    width : int
        Of the terminal.

    Examples
    --------
    >>> print(click.unstyle(laid_out("Chosen  one of four\n\n        S1  regulars", 8, 16)))
    Chosen  one of
            four
    <BLANKLINE>
            S1  regulars
    """
    made = []
    for line in text.splitlines():
        key, said = line[:key_width], line[key_width:]
        if not key.strip():
            made.append(line)
            continue
        first, *rest = wrap(said, max(min(width, WIDEST) - key_width, 1), break_long_words=False) or [""]
        made += [click.style(key, bold=True, fg="cyan") + first, *(" " * key_width + one for one in rest)]
    return "\n".join(made)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines, text to the left and numbers to the right.

    Examples
    --------
    >>> columns(["name", "k"], [["a", "3"], ["bcd", "12"]])
    ['name   k', 'a      3', 'bcd   12']
    """
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    right = [all(row[at][:1].isdigit() or row[at][:1] in "-–" for row in rows) for at in range(len(heads))]
    lines = [
        "  ".join(cell.rjust(n) if to else cell.ljust(n) for cell, n, to in zip(line, widths, right, strict=True))
        for line in (heads, *rows)
    ]
    return [line.rstrip() for line in lines]
