"""What a person can type at a command, as nobody would: every argument and option with values of every kind. `make fuzz` runs it.

In a finished project; a finding is a command and what was seen. What a command does stays: the project is worth nothing afterwards.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import traceback
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from segments.app import cli

MOST_SIGNS = 2500  # of an error: three lines, each cut
ODD = (
    *("", " ", "0", "-1", "1e9", "99999999999999999999", "1.5", "nan", "null", "true", "none", "é", "🧍", "a\nb", "a\tb"),
    *("\x1b[31m", "\u202e", "\ufeff", "S2", "S99", "s1", "3", "latest", "@", "@champion", "champion", "..", ".", "/", "~", "*"),
    *("../x", "/dev/null", "/dev/full", "/dev/zero", "/etc/passwd", "/proc/self/mem", "conf", ".git/config", "dvc.yaml", "data.dvc", "mlflow.db"),
    *("a" * 300, "x" * 5000, "[", "[]", "[a,b]", "{}", "{a: 1}", "${oc.env:HOME}", "${", "'", '"', "'; drop table runs; --", "a=b", "=", "--", "-x", "-h"),
    *("2024-01-01", "0001-01-01", "9999-12-31", "2024-02-30", "24", "<script>x</script>", "{{ 7*7 }}", "%s", "%", "http://127.0.0.1:9", "file:///etc/passwd"),
    *("models:/customer-segments@champion", "models:/customer-segments/1", "models:/x/1", "models:/", "runs:/x/y", "models:/../1", "1/2", "1@champion"),
    *("out.csv", "out.parquet", "out.xlsx", "out", ".csv", "artifacts/features/customers.parquet", "artifacts/selection/selection.json"),
)  # fmt: skip
# A command line per argument or option; {} is what is tried there.
LINES = (
    *("select {} --because=x", "select rule --because={}", "rename {} Name --because=x", "rename S1 {} --because=x", "rename S1 Name --because={}"),
    *("promote {} --because=x", "promote 1 --because={}", "rollback --because={}", "verify {}", "migration --from={}", "migration --from=1 --to={}"),
    *("export {}", "export out.csv --campaign={}", "export out.csv --segment={}", "export out.csv --overlay={}", "export out.csv --columns={}"),
    *("export out.csv export.control_share={}", "export out.csv export.salt={}", "export out.csv --overwrite={}", "export out.csv --raw={}"),
    *("uplift {} --campaign=x", "uplift artifacts/features/customers.parquet --campaign={}", "uplift --campaign={}", "score {}"),
    *("score artifacts/features/customers.parquet -o {}", "score artifacts/features/customers.parquet -o out.csv --model={}", "serve --model={}"),
    *("fetch --from={}", "fetch --accept={}", "fetch source={}", "describe {}", "describe --check {}", "new {}", "new shop --from={}", "track {}"),
    *("clean {}", "summary {}", "catalog {}", "experiments {}", "{}", "fit {}", "fit k={}", "fit seed={}", "dashboard --port={}", "ui --port={}"),
    *("serve --port={}", "server --database={}", "summary tracking.uri={}", "export out.csv tracking.uri={}", "select {} tracking=server --because=x"),
)  # fmt: skip


def lines(count: int, seed: int) -> list[list[str]]:
    """So many command lines, every one of :data:`LINES` about as often."""
    generator = random.Random(seed)
    made = []
    for number in range(count):
        odd = generator.choice(ODD)
        made.append([word.replace("{}", odd) for word in LINES[number % len(LINES)].split()])
    return made


def asked(words: list[str]) -> str:
    """What is wrong with how a command ended; "" when nothing is. A server that would start is stopped before it answers."""
    out, said = io.StringIO(), io.StringIO()

    def no_server(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(said),
            patch.dict(os.environ),
            patch("segments.app.servers.child.subprocess", SimpleNamespace(Popen=no_server)),
            patch("uvicorn.Server.run", no_server),
        ):
            code = cli.main(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        return ""
    except BaseException:
        return traceback.format_exc()[-2500:]
    text = said.getvalue()
    if code not in (0, 2, 3, 130) or "Traceback" in out.getvalue() + text or (code == 2 and len(text) > MOST_SIGNS):
        return f"exit code {code}: {text[-1500:]}"
    return ""


def fuzz(project: Path, count: int, seed: int) -> list[str]:
    """Findings of so many command lines, in a finished project that is lost by it."""
    found = []
    with contextlib.chdir(project):
        outside = {path: path.stat().st_mtime_ns for path in project.parent.iterdir()}
        for words in lines(count, seed):
            Path("out.csv").unlink(missing_ok=True)  # or each that follows would end there
            if said := asked(words):
                found.append(f"segments {' '.join(words)!r}: {said}")
            for path in project.parent.iterdir():
                if path not in outside:
                    found.append(f"segments {' '.join(words)!r} made {path}")
                    outside[path] = 0
    return found
