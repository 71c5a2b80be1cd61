"""Work done side by side, and what a person sees of it. Comes in: tasks. Goes out: results as they are finished, and how many are."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

from segments.app.terminal import tell

Item = TypeVar("Item")


def side_by_side(function: Callable[..., Item], tasks: Iterable[tuple[Any, ...]], workers: int) -> Generator[Item]:
    """Call a function on each task, in helper processes of one thread each; gives what is finished first, first.

    Parameters
    ----------
    function : callable
        Of a module, so that a helper finds it.
    tasks : iterable of tuple
        Its arguments.
    workers : int
        Helpers; with one, this process does the work.
    """
    # What it says of tasks that are cancelled and helpers that end, we say in our own words.
    warnings.filterwarnings("ignore", module=r"joblib(\.|$)")
    # A closed terminal tells the whole group: helpers, which take over what is masked here, are ended by their maker, in order.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        return _started(function, tasks, workers)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _started(function: Callable[..., Item], tasks: Iterable[tuple[Any, ...]], workers: int) -> Generator[Item]:
    with parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        made: Generator[Item] = Parallel(return_as="generator_unordered")(
            delayed(_helped)(os.getpid(), function, task) for task in tasks
        )
    return made


def _helped(maker: int, function: Callable[..., Item], task: tuple[Any, ...]) -> Item:
    if os.getpid() != maker:
        _end_with(maker)
    return function(*task)


@functools.cache
def _end_with(maker: int) -> None:
    """See to it that this helper ends when its maker was killed: it would work on, and then wait a minute for locks nobody gives back."""

    def watch() -> None:
        while os.getppid() == maker:
            time.sleep(1)
        os._exit(1)  # no clean end: there is nobody to read a message

    threading.Thread(target=watch, daemon=True).start()


def progress(items: Iterator[Item], total: int, message: Callable[[Item], str]) -> Iterator[Item]:
    """How many are done, and when the rest will be, on a terminal; one line per cell otherwise.

    Parameters
    ----------
    items : iterator
        Finished cells.
    total : int
        How many there will be.
    message : callable
        What the line says of a cell.
    """
    started = time.perf_counter()
    tell(f"0 of {total}")
    for number, item in enumerate(items, start=1):
        seconds = time.perf_counter() - started
        tell(f"{number} of {total}, about {seconds * (total - number) / number:.0f} s to go" if number < total else "")
        if not sys.stderr.isatty():
            sys.stderr.write(f"[{number}/{total}] {message(item)}, {seconds:.0f} s\n")
        yield item
