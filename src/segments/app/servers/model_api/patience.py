"""Who keeps the server waiting for too long is given up. Comes in: blocks of code that wait for somebody. Goes out: their end, in time.

One look now and then is for all who wait: a timer for each (``asyncio.timeout``) takes a tenth of the time of a small request.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

LOOKS = 20  # while the patience of one lasts: who is over time is found a twentieth late


class Patience:
    """A block that waits is ended when its time is over, or when too many wait and it is the oldest: ``with patience:``, one at a time in a task.

    Parameters
    ----------
    seconds : float
        How long a block may take.
    most : int, optional
        So many at once; for one more, the oldest is ended. Any number by default.

    Raises
    ------
    TimeoutError
        Out of a block that was ended.

    Examples
    --------
    >>> async def waits(patience):
    ...     try:
    ...         with patience:
    ...             await asyncio.Event().wait()
    ...     except TimeoutError:
    ...         return "given up"
    >>> asyncio.run(waits(Patience(0.001)))
    'given up'
    """

    def __init__(self, seconds: float, most: int | None = None) -> None:
        self.seconds, self._most = seconds, most
        self._since: dict[asyncio.Task[object], float] = {}  # oldest first
        self._ended: set[asyncio.Task[object]] = set()
        self._looking = False

    def __enter__(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "only what runs in a task can be ended"
        if len(self._since) == self._most:
            self._end(next(iter(self._since)))
        self._since[task] = loop.time()
        if not self._looking:
            self._looking = True
            loop.call_later(self.seconds / LOOKS, self._look, loop)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._since.pop(task, None)
        if task in self._ended:
            self._ended.discard(task)
            if task.uncancel() <= 0 and kind is asyncio.CancelledError:  # else somebody else wants it ended, too
                raise TimeoutError from error

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        over = loop.time() - self.seconds
        for task in [task for task, since in self._since.items() if since <= over]:
            self._end(task)
        self._looking = bool(self._since)
        if self._looking:
            loop.call_later(self.seconds / LOOKS, self._look, loop)

    def _end(self, task: asyncio.Task[object]) -> None:
        del self._since[task]
        self._ended.add(task)
        task.cancel()
