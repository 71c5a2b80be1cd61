"""The processes that answer on one port, and which version they answer with. Comes in: the config. Goes out: an exit code, when they are stopped.

The version that is put in use is read anew, and takes the place of the one that answers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from segments.app.servers import child
from segments.app.servers.model_api import invocations
from segments.app.servers.model_api.application import COUNTED_PATHS, JSON, Known, Serving, application
from segments.app.servers.model_api.events import EventLog
from segments.app.servers.model_api.metrics import Metrics
from segments.config.registry import IN_USE, TrackingConfig
from segments.config.root import Config
from segments.errors import SegmentsError, TrackingError, first_line
from segments.io.registry import files
from segments.io.tracking.connection import record_stamp
from segments.model.drift import medians
from segments.model.segmentation import Segmentation

FOLLOW_SECONDS = 2.0  # between two looks at which version the alias names


def run_model_api(config: Config, uri: str | None = None, say: Callable[[str], object] = child.say) -> int:
    """Load a registered model, have it answer once, say where it listens, and stay until Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    config : Config
        Names the champion and the limits.
    uri : str, optional
        Another model, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``. Behind an alias the server follows it: the version that
        is put in use answers within seconds, and no request is lost.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Returns
    -------
    int
        Exit code: 0, stopped as asked.

    Raises
    ------
    TrackingError
        If there is no such model, or it does not answer its own example.
    """
    address = uri or f"models:/{config.registry.model}@{IN_USE}"
    limits = config.serving
    port = child.free_port(limits.port, "segments serve port", say)
    sockets = child.listening(port, limits.workers if sys.platform == "linux" else 1)
    metrics = Metrics(COUNTED_PATHS, len(sockets))
    for chatty in ("mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # what they log of a bad request holds its rows

    # Once for all of them; what is frozen is not looked through, so that they go on having it in common.
    import mlflow  # noqa: F401
    import uvicorn  # noqa: F401

    gc.collect()
    gc.freeze()

    def keep(worker: int) -> socket.socket:
        """The socket of one: while others hold it too, callers are dealt to it, also when nobody answers there any more."""
        for other in {*sockets} - {sockets[worker]}:
            other.close()
        return sockets[worker]

    def help_out(worker: int, ended: int) -> None:
        metrics.process = worker
        _answer(config, address, keep(worker), metrics, lambda text: None, ended=ended)

    helpers = [partial(help_out, worker) for worker in range(1, len(sockets))]
    try:
        # uvicorn ends in good order at a signal, and then raises it again for us
        with child.ended_by_signals(), child.beside(helpers) as others:
            _answer(config, address, keep(0), metrics, say, others=others)
    except KeyboardInterrupt:
        pass
    finally:
        sockets[0].close()
        gc.unfreeze()
    say("\nStopped.")
    return 0


def _answer(
    config: Config,
    address: str,
    listening: socket.socket,
    metrics: Metrics,
    say: Callable[[str], object],
    others: Sequence[int] = (),
    ended: int | None = None,
) -> None:
    """Load the model and answer who comes to a socket, until a signal; and where this is a copy, until the descriptor `ended` comes to its end."""
    import uvicorn

    serving, body = _load(config.tracking, address)
    limits = config.serving
    url = f"http://{child.HOST}:{listening.getsockname()[1]}"

    class Announced(uvicorn.Server):
        async def startup(self, *args: Any, **kwargs: Any) -> None:
            await super().startup(*args, **kwargs)
            if "@" in address:
                self.following = asyncio.create_task(follow(serving, config.tracking, address, say))
            loop = asyncio.get_running_loop()
            if ended is not None:
                loop.add_reader(ended, self.stop, ended)
            for number in others:
                loop.add_reader(one := os.pidfd_open(number), self.alone, one)
            say(
                f"{serving.name} version {serving.version} answers at {url}/invocations, for example:\n\n"
                f"  curl {url}/invocations -H 'Content-Type: application/json' -d '{body}'\n\n"
                f"At most {limits.max_rows:,} rows and {limits.max_mib:g} MiB a request. Stop with Ctrl-C."
            )

        def stop(self, ended: int) -> None:
            asyncio.get_running_loop().remove_reader(ended)
            self.should_exit = True

        def alone(self, other: int) -> None:
            asyncio.get_running_loop().remove_reader(other)
            os.close(other)
            if not self.should_exit:
                say(
                    "One of the processes that answer has ended; the others go on. Start `segments serve` again when it suits you."
                )

    server = Announced(
        uvicorn.Config(
            application(serving, limits, Known(config, serving), EventLog(config), metrics=metrics),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )
    gc.collect()
    gc.freeze()  # what is loaded stays: a collection in mid-answer need not look through it
    server.run(sockets=[listening])


def _load(tracking: TrackingConfig, uri: str) -> tuple[Serving, str]:
    """A registered model that has answered its own example, and the example."""
    model = files.read_model(tracking, uri)
    segmentation = Segmentation.from_json(model.document)
    body = example_of(segmentation, model.reference)
    try:
        invocations.answers_of(segmentation, invocations.read(body.encode(), JSON, segmentation, 1))
    except (invocations.RefusedError, SegmentsError) as error:
        raise TrackingError(
            f"the model does not answer: {first_line(error)}", where=model.uri, fix="register it again"
        ) from error
    return Serving(model.name, model.version, segmentation), body


async def follow(
    serving: Serving,
    tracking: TrackingConfig,
    uri: str,
    say: Callable[[str], object],
    seconds: float = FOLLOW_SECONDS,
) -> None:
    """Look again and again which version an alias names, and put it in the place of the one that answers.

    A version that cannot be read, or not what was registered, is said once, and the earlier one goes on answering.

    Parameters
    ----------
    serving : Serving
        Changed when the alias has moved.
    tracking : TrackingConfig
        Where the record lives.
    uri : str
        ``models:/NAME@ALIAS``.
    say : callable
        Takes lines of text for the person.
    seconds : float
        Between two looks.
    """
    said, seen = "", None
    while True:
        await asyncio.sleep(seconds)
        if (now := record_stamp(tracking)) is not None and now == seen:
            continue  # asking MLflow takes long enough to be felt by those who wait for an answer
        try:
            if await asyncio.to_thread(files.version_at, tracking, uri) == serving.version:
                seen = now
                continue
            other, _ = await asyncio.to_thread(_load, tracking, uri)
        except SegmentsError as error:
            if said != (said := first_line(error)):
                say(f"{uri} cannot be followed: {said}. Version {serving.version} goes on answering.")
            continue
        serving.version, serving.segmentation, said, seen = other.version, other.segmentation, "", now
        say(f"Version {serving.version} answers now.")


def example_of(segmentation: Segmentation, reference: str) -> str:
    """A request the model answers, to try it with: one customer in the middle of all, and nobody's row.

    Parameters
    ----------
    segmentation : Segmentation
        The model.
    reference : str
        Its training customers in figures, as JSON; empty where the model has none.

    Returns
    -------
    str
        JSON: the median of every column the model asks for (of a category its most frequent level), 1 where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> example_of(model, '{"columns": {"x": {"edges": [2.0, 6.0, 9.0, 30.0], "counts": [40, 20, 20, 10, 10]}}}')
    '{"dataframe_records": [{"x": 6.0}]}'
    """
    typical = medians(json.loads(reference)) if reference else {}
    space = segmentation.space
    unknown = {name: levels[0] if (levels := space.levels(name)) else 1.0 for name in space.columns}
    return json.dumps({"dataframe_records": [{name: typical.get(name, unknown[name]) for name in space.columns}]})
