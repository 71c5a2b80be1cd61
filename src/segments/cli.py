"""The ``segments`` command. Comes in: a command and overrides. Goes out: an exit code; heavy libraries are imported only by the command that needs them.

Exit codes: 0 done, 2 something a person can mend (one message, no traceback), 130 and 143 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from segments.errors import ConfigError, SegmentsError

if TYPE_CHECKING:
    from segments.config import Config

STAGES = {
    "data": "raw files -> clean tables, and a report of every row dropped or repaired",
    "features": "clean tables -> one row per customer, all columns",
    "explore": "features -> pictures, their numbers, and warnings",
    "sweep": "features -> every candidate of the grid, tracked in MLflow",
    "selection": "candidates -> the chosen one, the runner-up, the reason",
    "profiles": "chosen clusters -> one named row per segment",
    "registry": "all of it -> a registered model and the sweep's record in MLflow",
}
COMMANDS = {
    "fetch": "bring the raw files of a source under data/ and pin them  [source=NAME] [from=PATH] [accept=true]",
    "describe": "draft conf/source/NAME.yaml from a raw file               FILE",
    "fit": "make ONE candidate, or many with -m                       [feature_set=NAME] [scaler=NAME] [k=N]",
    "track": "rebuild MLflow's record from what is on disk",
    "score": "give every row of a file its segment, by the registered model   INPUT -o OUTPUT [--model models:/NAME@ALIAS] [--no-record]",
    "serve": "answer requests on 127.0.0.1 with the registered model     [port=N] [model=models:/NAME@ALIAS]",
    "ui": "MLflow's page on 127.0.0.1, with links to the right views",
    "summary": "what the last run chose and why",
}
USAGE = {
    "score": """usage: segments score INPUT -o OUTPUT [--model models:/NAME@ALIAS] [--no-record] [KEY=VALUE ...]

INPUT   CSV or parquet, read in chunks. Either feature rows: an id (customer_id, or as the source calls it) and the columns of the model; other columns
        and their order do not matter. Or a transaction log as the source describes it, summed up as of source.as_of=YYYY-MM-DD.
OUTPUT  CSV or parquet, by its suffix; written whole or not at all. Same ids in the same order; cluster, segment, distance, margin, and whatever else
        the model says. Rows that cannot be scored go to OUTPUT's stem + .rejected.csv with row number, id and reason.

--model      models:/NAME@ALIAS or models:/NAME/VERSION; the champion by default.
--no-record  leave no record. Otherwise artifacts/monitoring/ and MLflow's experiment `monitoring` keep counts and drift figures, no customers;
             the same file scored twice by the same version is one record.

exit code: 0 all rows scored, 3 some rejected (the others are scored), 2 nothing done.""",
    "serve": """usage: segments serve [port=N] [model=models:/NAME@ALIAS] [KEY=VALUE ...]

MLflow's model server on 127.0.0.1, with limits on what it takes (section `serving` of conf/config.yaml). It says its address and an example once the
model is loaded and has answered. Stop it with Ctrl-C.

POST /invocations with Content-Type: application/json
  {"dataframe_records": [{"recency_days": 3.0, "frequency": 80.0, "monetary": 2500.0}]}     or
  {"dataframe_split": {"columns": ["recency_days", "frequency", "monetary"], "data": [[3.0, 80.0, 2500.0]]}}
answer: {"predictions": [{"cluster": 0, "segment": "...", "distance": 0.1, "margin": 0.2, ...}]}, one per row, in order.
A request that cannot be answered gets {"error": "one sentence"}: 400 wrong columns or values, 413 too large, 415 another type, 503 too many at once.
GET /health answers 200.""",
}
EPILOG = """Stages and commands take overrides in Hydra's grammar (sweep.k_max=8, source=mall, experiment=mall); with -m they run once
per combination (segments fit -m k='range(2,8)' scaler=robust,power). --timings prints where the time goes. `dvc repro` runs all stages."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``segments``; those of the process by default.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> main(["--version"])
    segments 0.1.0
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from segments import __version__

        print(f"segments {__version__}")
        return 0
    command, rest = words[0], words[1:]
    if "-h" in rest or "--help" in rest:
        print(_help(command))
        return 0
    try:
        signal.signal(signal.SIGTERM, _terminated)
        started = time.perf_counter()
        _run(command, rest)
        if "--timings" in rest:
            sys.stderr.write(f"{command}: {time.perf_counter() - started:.2f} s in all\n")
        return 0
    except SegmentsError as error:
        sys.stderr.write(f"segments {command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\nsegments {command}: interrupted; what is finished is kept, the same command continues\n")
        return 130
    except BrokenPipeError:
        # the reader of our output (`| head`) has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(command: str, words: list[str]) -> None:
    if command == "describe":
        if len(words) != 1:
            raise ConfigError(
                "describe takes one file", where="segments describe", fix="write `segments describe FILE`"
            )
        from pathlib import Path

        from segments.intake import describe_file

        print(describe_file(Path(words[0])), end="")
        return
    if command not in (*STAGES, *COMMANDS):
        from difflib import get_close_matches

        close = get_close_matches(command, [*STAGES, *COMMANDS], n=1)
        raise ConfigError(
            f"there is no command '{command}'",
            where="segments",
            fix=(f"did you mean '{close[0]}'? " if close else "") + "`segments --help` lists them",
        )

    os.environ.setdefault("MPLBACKEND", "agg")
    if command == "score":
        raise SystemExit(_score(words))
    from segments.store import find_project

    os.chdir(find_project())
    many = [word for word in words if word in ("-m", "--multirun")]
    overrides = [word for word in words if word not in (*many, "--timings")]
    if stray := [word for word in overrides if "=" not in word and not word.startswith("~")]:
        raise ConfigError(
            f"'{stray[0]}' is not an override", where=f"segments {command}", fix="write KEY=VALUE, such as source=mall"
        )
    if command == "fetch":
        _fetch(overrides)
    elif command == "serve":
        raise SystemExit(_serve(overrides))
    elif command == "summary":
        from segments.store import artifact, read_text

        print(read_text(artifact("registry", "summary.txt")), end="")
    elif many:
        from segments.stages import multirun

        multirun(overrides, partial(_stage, command))
    else:
        from segments.stages import load

        started = time.perf_counter()
        config = load(overrides)
        if "--timings" in words:
            import_module(f"segments.stages.{command}")
            sys.stderr.write(f"{command}: {time.perf_counter() - started:.2f} s to start\n")
        if command == "ui":
            from segments import tracking, ui

            raise SystemExit(ui.serve(config, tracking.tracking_uri(config.tracking)))
        _stage(command, config)


def _stage(name: str, config: Config) -> None:
    said = import_module(f"segments.stages.{name}").run(config)
    if said:
        print(said, flush=True)


def _score(words: list[str]) -> int:
    from argparse import ArgumentParser
    from pathlib import Path

    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise ConfigError(message, where="segments score", fix="`segments score --help` shows how it is written")

    parser = Parser(prog="segments score", add_help=False, allow_abbrev=False)
    parser.add_argument("input", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("--no-record", action="store_true")
    parser.add_argument("--timings", action="store_true")
    asked, overrides = parser.parse_known_args(words)
    if stray := [word for word in overrides if "=" not in word or word.startswith("-")]:
        parser.error(f"'{stray[0]}' is not known here")
    from segments.stages import load
    from segments.stages.score import run
    from segments.store import find_project

    path, output = asked.input.absolute(), asked.output.absolute()
    os.chdir(find_project())
    said, rejected = run(load(overrides), path, output, asked.model, record=not asked.no_record)
    print(said, flush=True)
    return 3 if rejected else 0


def _serve(overrides: list[str]) -> int:
    from segments.serving import serve
    from segments.stages import load
    from segments.ui import HOST

    own = {"model": "", "port": "", "host": HOST}
    for word in list(overrides):
        key, _, value = word.partition("=")
        if key in own:
            own[key] = value
            overrides.remove(word)
    if own["host"] not in (HOST, "localhost"):
        raise ConfigError(
            f"host={own['host']}", where="segments serve", fix=f"leave it out: the server listens on {HOST} only"
        )
    port = [f"serving.port={own['port']}"] if own["port"] else []
    return serve(load([*overrides, *port]), own["model"] or None)


def _fetch(overrides: list[str]) -> None:
    from pathlib import Path

    from segments.fetch import fetch
    from segments.stages import load

    own = {"from": "", "accept": "false"}
    for word in list(overrides):
        key, _, value = word.partition("=")
        if key in own:
            own[key] = value
            overrides.remove(word)
    if own["accept"] not in ("true", "false"):
        raise ConfigError(f"accept={own['accept']}", where="segments fetch", fix="write accept=true or leave it out")
    for line in fetch(
        load(overrides).source, Path(own["from"]) if own["from"] else None, accept=own["accept"] == "true"
    ):
        print(line)


def _help(command: str = "") -> str:
    known = STAGES | COMMANDS
    if command in USAGE:
        return USAGE[command]
    if command in known:
        return f"usage: segments {command} [KEY=VALUE ...]\n\n{command}: {known[command]}\n\n{EPILOG}"
    lines = ["usage: segments COMMAND [KEY=VALUE ...]", "", "stages, in the order `dvc repro` runs them:"]
    lines += [f"  {name:<10} {text}" for name, text in STAGES.items()]
    lines += ["", "commands:"]
    lines += [f"  {name:<10} {text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", EPILOG])


def _terminated(signum: int, frame: object) -> NoReturn:
    sys.stderr.write("\nsegments: terminated; what is finished is kept, the same command continues\n")
    raise SystemExit(143)
