"""One family of errors. Comes in: what was found, where, what to do. Goes out: one sentence a person can act on.

Every error a user can cause is a :class:`SegmentsError`; the command line prints it without a traceback and exits
with code 2. Anything else that escapes is a defect of this project and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# What stands after a password's name, or between a user and a machine: an error is read by others than the one who wrote it.
PASSWORD = re.compile(
    r"""(://[^\s:/@]*:(?!\d+/)(?=[^\s@]+@)|(?:password|passwd|pwd)["']?\s*[=:]\s*["']?)[^\s"',;@{}]+""", re.IGNORECASE
)
LONGEST = 600  # signs of each part of an error: what stands in a file or an override may be of any length


class SegmentsError(Exception):
    """Something a user can mend: what was found, where, and what to do.

    Parameters
    ----------
    what : str
        What was found, as a sentence without its full stop.
    where : str, optional
        The file, config key or argument it was found in.
    fix : str, optional
        What to do about it.
    listed : sequence of str
        What was found one by one, a line each.

    Examples
    --------
    >>> print(SegmentsError("k is 1", where="sweep.k_min", fix="choose 2 or more"))
    k is 1
      where: sweep.k_min
      do:    choose 2 or more
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", listed: Sequence[str] = ()) -> None:
        self.given = what, where, fix, tuple(listed)
        self.what = "\n  - ".join(map(quoted_part, (what, *listed)))
        self.where, self.fix = quoted_part(where), quoted_part(fix)
        lines = [self.what]
        if where:
            lines.append(f"  where: {self.where}")
        if fix:
            lines.append(f"  do:    {self.fix}")
        super().__init__("\n".join(lines))

    def within(self, place: str) -> SegmentsError:
        """The same error, found in a larger place: the last word of where."""
        what, where, fix, listed = self.given
        return type(self)(what, where=", in ".join(filter(None, (where, place))), fix=fix, listed=listed)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (parallel sweep cells); keyword-only arguments need this to survive the trip.
        return _rebuild, (type(self), *self.given)


def _rebuild(cls: type[SegmentsError], what: str, where: str, fix: str, listed: Sequence[str]) -> SegmentsError:
    return cls(what, where=where, fix=fix, listed=listed)


class ConfigError(SegmentsError):
    """A value in ``conf/`` or in an override is unknown, misspelt or out of range."""


class DataError(SegmentsError):
    """A raw file, or a table made from it, is not what its source config says it is."""


class ForecastError(DataError):
    """The log is too short, or too few customers bought in time: nothing can be learned and measured."""


class SweepError(SegmentsError):
    """The candidates that were asked for cannot be computed from these features."""


class TrackingError(SegmentsError):
    """The MLflow store cannot be reached or does not hold what is needed."""


class StoreError(SegmentsError):
    """A file that an earlier stage makes is missing, damaged or cannot be written."""


def quoted_part(text: str, longest: int = LONGEST) -> str:
    r"""Bring a text of whatever origin into a line that a terminal shows as it is.

    Examples
    --------
    >>> quoted_part("a\n\x1b[31mb"), quoted_part("a" * 20, 5)
    ('a\\n\\x1b[31mb', 'aaaaa… (15 more)')
    >>> quoted_part("postgresql://me:hunter2@db, password=hunter2, http://127.0.0.1:5000, http://h:5000/models/x@champion")
    'postgresql://me:***@db, password=***, http://127.0.0.1:5000, http://h:5000/models/x@champion'
    """
    text = PASSWORD.sub(r"\1***", text)
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return shown if len(shown) <= longest else f"{shown[:longest]}… ({len(shown) - longest:,} more)"


def first_line(error: BaseException) -> str:
    r"""Take the first line of another library's message, to quote it in a sentence of ours.

    Examples
    --------
    >>> first_line(OSError("disk full\n  at block 7"))
    'disk full'
    >>> first_line(KeyboardInterrupt())
    'KeyboardInterrupt'
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
