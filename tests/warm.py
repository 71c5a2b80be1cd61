"""`segments` and `dvc` for tests, without the seconds that each start takes to import its libraries.

A process that has imported them waits (:func:`folder` starts it); the programs in the folder it makes are small: each asks it for a copy of itself
(a fork) with the caller's words, folder, variables, streams and file size limit, and ends as that copy ends. So every command still is a process of its
own, with its own exit code and nothing left from another; it only does not import again. What a test proves of the start itself (imports, signals to a
group, another processor, edited code) needs the true commands: see :meth:`small_project.SmallProject.environment`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import re
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

import remembered

# What commands import on their way, inside functions.
LIBRARIES = [
    "alembic.command",
    "alembic.config",
    "cffi",
    "dvc.cli",
    "dvc.commands.repro",
    "dvc.commands.status",
    "dvc.commands.experiments.run",
    "dvc.repo",
    "dvc.repo.reproduce",
    "dvc.repo.commit",
    "dvc.stage.cache",
    "dvc_data.index",
    "dvc_objects.fs.local",
    "hydra",
    "hydra._internal.hydra",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.store.db.utils",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "narwhals._pandas_like.dataframe",
    "python_calamine",
    "pandas.io.formats.style",
    "pandera.pandas",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.isotonic",
    "sklearn.preprocessing",
    "sqlalchemy.dialects.sqlite",
    "duckdb",
]
PROGRAMS = ("segments", "dvc", "rebuild")
# -I -S: this program imports in 15 ms what it needs and nothing else.
PROGRAM = """#!{python} -IS
import json, os, resource, signal, socket, sys
request = {{"words": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "folder": os.getcwd(), "variables": dict(os.environ)}}
request["limit"] = resource.getrlimit(resource.RLIMIT_FSIZE)
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    message = json.dumps(request).encode()
    socket.send_fds(line, [len(message).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(message)
    pid = int.from_bytes(line.recv(8), "big") or sys.exit("the command ended before it began")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    answer = line.recv(8)
status = int.from_bytes(answer, "big", signed=True) if answer else 1
if status < 0:  # it was killed by a signal: so are we
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


@functools.cache
def folder(python: str = sys.executable) -> Path:
    """Where the programs lie, to be put first on PATH; the process behind them ends with this one. Of another Python, its own package."""
    made = Path(tempfile.mkdtemp(prefix="warm-"))
    address = str(made / "line")
    for name in PROGRAMS:
        (made / name).write_text(PROGRAM.format(python=python, address=address))
        (made / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    variables = kept | {"MPLBACKEND": "agg", "MLFLOW_DISABLE_TELEMETRY": "true"}
    if python != sys.executable:
        variables.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        [python, __file__, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        start_new_session=True,  # Ctrl-C in the terminal is the tests' to handle; that they end reaches it all the same
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n", "the process behind the commands did not start"
    atexit.register(_end, process, made)
    return made


def _end(process: subprocess.Popen[bytes], made: Path) -> None:
    process.communicate()  # closes its input: it ends
    shutil.rmtree(made, ignore_errors=True)


def preload() -> None:
    """Import what the commands import."""
    import segments

    for module in pkgutil.walk_packages(segments.__path__, "segments."):
        if ".dashboard" not in module.name:  # Streamlit runs these
            importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)
    # and what these bring in, or find out, when they are used
    import pandas
    import pandera.pandas
    from hydra.core.plugins import Plugins
    from mlflow.utils.requirements_utils import _init_modules_to_packages_map
    from numba.core.registry import cpu_target
    from sqlalchemy.orm import configure_mappers

    from segments.clustering.meaning import code_meaning

    Plugins.instance()
    pandera.pandas.DataFrameSchema({"x": pandera.pandas.Column(int)}).validate(pandas.DataFrame({"x": [1]}))
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    configure_mappers()
    _init_modules_to_packages_map()  # which package each module of a model belongs to
    for module in ("segments.clustering.candidate", "segments.evidence.grades"):
        code_meaning(module)
    gc.freeze()  # a copy need not look through a million objects, nor copy the pages they lie on, whenever it collects


def serve(address: str) -> Callable[[], Any]:
    """Answer until the input is closed. Returns in a copy only: what it is to run."""
    waiting = selectors.DefaultSelector()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        os.write(1, b"ready\n")
        while True:
            for key, _ in waiting.select():
                if key.fileobj is sys.stdin:
                    os._exit(0)
                elif key.fileobj is listener:
                    line = listener.accept()[0]
                    if not (pid := os.fork()):
                        waiting.close()
                        return become(line)
                    # The copy reads the request; we only tell how it ended
                    waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, line))
                else:
                    pid, line = key.data
                    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    waiting.unregister(key.fileobj)
                    os.close(key.fd)
                    with line, contextlib.suppress(OSError):  # who asked may have been killed
                        line.sendall(status.to_bytes(8, "big", signed=True))


def become(line: socket.socket) -> Callable[[], Any]:
    """In a copy: take over the caller's place. Returns what to run."""
    head, streams, _, _ = socket.recv_fds(line, 8, 3)
    size, message = int.from_bytes(head, "big"), b""
    while len(message) < size:
        message += line.recv(size - len(message))
    line.sendall(os.getpid().to_bytes(8, "big"))
    line.close()
    request = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.setsid()  # a signal to a group is meant for one command
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(request["limit"]))
    program, *words = sys.argv[:] = request["words"]
    sys.path[0] = ""
    sys.modules["__main__"].__dict__.pop("__file__")  # processes it spawns shall not run this file
    if program == "dvc":
        from dvc import dvcfile
        from dvc.cli import main

        dvcfile.modify_yaml = modified
    elif program == "rebuild":
        from segments.app.commands import rebuild

        return rebuild.main
    else:
        from segments.app.cli import main
    return functools.partial(main, words)


def modified(path: str, fs: Any = None) -> Any:
    """`dvc.lock` to change, by libyaml. DVC reads and writes the whole of it again after every stage, in Python: a second for one that is full.

    That libyaml writes the same bytes is tested (test_machine.py).
    """
    from dvc.utils.serialize import modify_yaml

    return modified_lock(Path(path)) if Path(path).name == "dvc.lock" else modify_yaml(path, fs=fs)


@contextlib.contextmanager
def modified_lock(path: Path) -> Iterator[dict[str, Any]]:
    data = yaml.load(path.read_bytes(), LockLoader) if path.exists() else {}
    yield data
    path.write_text(yaml.dump(data, Dumper=LockDumper, sort_keys=False, allow_unicode=True))


class LockLoader(yaml.CSafeLoader):
    """Reads what that writes."""


class LockDumper(yaml.CSafeDumper):
    """Writes null as nothing, and what stands twice twice, as DVC does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


LockDumper.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", ""))
LockDumper.add_representer(OrderedDict, lambda self, data: self.represent_dict(data.items()))
LockDumper.add_representer(float, lambda self, x: self.represent_scalar("tag:yaml.org,2002:float", repr(x)))
# What YAML 1.2 takes for a number must be in quotes: a hash may be digits and one e.
for kind in (LockLoader, LockDumper):
    kind.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"-?[0-9]+e[-+]?[0-9]+$"), list("-0123456789"))


def rebuild_warm(programs: Path) -> None:
    """What makes a version again is started by `segments` itself, in a process of its own: where that is to run this very code, it may be warm too."""
    import segments
    from segments.io.registry import proof

    here = str(Path(segments.__file__).parents[1])

    def begin(words: list[str], **options: Any) -> Any:
        if words[1:3] == ["-m", proof.REBUILT_BY[0]] and options["env"]["PYTHONPATH"] == here:
            words = [str(programs / "rebuild"), *words[3:]]
        return subprocess.Popen(words, **options)

    proof.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": begin})


def end(command: Callable[[], Any]) -> NoReturn:
    """Run it and end as an interpreter does, but do not take a thousand modules apart: that takes longer than to import them."""
    code: Any = 1
    try:
        code = command()
    except SystemExit as wanted:
        code = wanted.code
    except BaseException:
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined] - what the interpreter does first: executors end their threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


if __name__ == "__main__":
    preload()
    programs = Path(sys.argv[1]).parent
    remembered.install(programs)
    rebuild_warm(programs)
    end(serve(sys.argv[1]))
