"""Damaged files and strange ones, by the thousand: ``make fuzz``. No command may end but with exit code 0, 2 or 3, and none with a traceback.

Files in the house styles of strangers must not be read wrong without a word, too (:mod:`fuzz_styles`).
Three kinds of files, beside command lines (:mod:`fuzz_arguments`) and overrides: those that want a reader to fail, each as it is (:mod:`odd_files`), raw ones as strangers bring them, made of true ones and
of those by what happens to files on their way (:func:`raw_files`), and files that this project made itself and that a disk, an editor or a copy changed since
(:func:`damaged`). All comes from one seed.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from pydantic import TypeAdapter

import fuzz_arguments
import fuzz_overrides
import fuzz_styles
import fuzz_tables
import odd_files
from segments.app.cli import main as segments
from segments.config.source import Source
from small_project import CHECKOUT, RAW, STAGES, SmallProject, make

COUNT, STYLES, TABLES, MADE, ARGUMENTS, OVERRIDES, SEED = 2000, 200, 150, 200, 300, 200, 14
SMALL = 40_000  # bytes
LONGEST = 2000  # characters of a message that a person still reads
# Who reads what a stage made, besides the stages after it.
READERS = [
    "summary",
    "track",
    "catalog",
    "score {features} -o out.csv",
    "export out.csv",
    "verify",
    "migration",
    "fit k=3",
]
Finding = str


# --- raw files ------------------------------------------------------------------------------------------------------------


def seeds(shared: Path) -> list[tuple[str, bytes]]:
    """Files to start from, by suffix: those for tests that are small, and as many odd ones."""
    files = sorted(path for path in shared.rglob("*") if path.suffix in (".csv", ".xlsx", ".txt"))
    known = [(path.suffix, path.read_bytes()) for path in files if path.stat().st_size < SMALL]
    odd = [(Path(name).suffix, content) for name, content in odd_files.odd_files() if len(content) < SMALL]
    return [*known * (len(odd) // max(1, len(known)) + 1), *odd]


ODD_CELLS = [
    "",
    "NaN",
    "null",
    "1e300",
    "-1e400",
    "inf",
    "0x1F",
    "1e",
    "--5",
    "9" * 40,
    "1.234,56",
    "(12.50)",
    "$",
    "é" * 300,
    "\0",
    "=1+1",
    '"',
    "\ufeff",
    "2204-01-01",
    "31/02/2020",
    "\u200b",
    "1_000",
    "٣",
    "TRUE",
]


def _cells(generator: random.Random, text: str) -> str:
    """Another value in some cells, the header among them."""
    lines = text.splitlines()
    for _ in range(generator.randint(1, 6)):
        if lines:
            at = 0 if generator.random() < 0.3 else generator.randrange(len(lines))
            cells = re.split(r"([,;\t|])", lines[at])
            cells[generator.randrange(len(cells))] = generator.choice(ODD_CELLS)
            lines[at] = "".join(cells)
    return "\n".join(lines)


def _lines(generator: random.Random, text: str) -> str:
    """Lines lost, doubled, swapped, cut."""
    lines = text.splitlines()
    for _ in range(generator.randint(1, 4)):
        at = generator.randrange(len(lines)) if lines else 0
        lines[at : at + 1] = generator.choice(
            [[], lines[at : at + 1] * 3, [""], [line[: len(line) // 2] for line in lines[at : at + 1]]]
        )
    ends = generator.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]])
    return "".join(line + generator.choice(ends) for line in lines)


def _column(generator: random.Random, text: str) -> str:
    """Every cell of a column the same, or none, or one header for all."""
    lines = [line.split(",") for line in text.splitlines()]
    at, value = generator.randrange(max(1, len(lines[0]) if lines else 1)), generator.choice(ODD_CELLS)
    for row in lines[generator.randint(0, 1) :]:
        if at < len(row):
            row[at] = value
    return "\n".join(",".join(row) for row in lines)


def _bytes(generator: random.Random, content: bytes) -> bytes:
    """Bytes turned, lost, or put in."""
    changed = bytearray(content)
    for _ in range(generator.randint(1, 8)):
        at = generator.randrange(len(changed) + 1)
        kind = generator.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            del changed[at : at + generator.randint(1, 50)]
        elif kind == 2:
            changed[at:at] = generator.randbytes(generator.randint(1, 20))
        else:
            del changed[at:]
    return bytes(changed)


def raw_files(shared: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Suffix and content of so many strange files."""
    generator, known = random.Random(seed), seeds(shared)
    texts: list[Callable[[random.Random, str], str]] = [_cells, _lines, _column]
    for _ in range(count):
        suffix, content = generator.choice(known)
        if suffix in (".csv", ".txt") and generator.random() < 0.7:
            text = content.decode("utf-8", "replace")
            for change in generator.sample(texts, generator.randint(1, 3)):
                text = change(generator, text)
            content = text.encode(
                generator.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]),
                "replace",
            )
        else:
            content = _bytes(generator, content)
        yield generator.choice([suffix] * 9 + [".csv", ".xlsx", ".parquet", ".json", ""]), content


def fuzz_odd(folder: Path) -> list[Finding]:
    """`segments describe` of every odd file, and of what is no plain file."""
    found = []
    for name, content in odd_files.odd_files():
        (folder / name).write_bytes(content)
        if said := described(folder / name):
            found.append(f"odd file {name}: {said}")
        (folder / name).unlink()
    return [*found, *(f"{path}: {said}" for path in odd_files.odd_paths(folder) if (said := described(path)))]


def fuzz_raw(folder: Path, shared: Path, count: int, seed: int) -> list[Finding]:
    """`segments describe` of strange files."""
    found = []
    for number, (suffix, content) in enumerate(raw_files(shared, count, seed)):
        path = folder / f"raw{number}{suffix}"
        path.write_bytes(content)
        if said := described(path):
            found.append(f"raw file {number}{suffix} of seed {seed}: {said}")
        path.unlink()
    return found


def described(path: Path) -> Finding:
    """What is wrong with a draft, or with how its making ended; "" when nothing is."""
    draft, said = io.StringIO(), io.StringIO()
    try:
        with contextlib.chdir(path.parent), contextlib.redirect_stdout(draft), contextlib.redirect_stderr(said):
            code = segments(
                ["describe", str(path)]
            )  # not in a project, where a feature set would be written beside the draft
        if code == 0 and "QUESTION" not in draft.getvalue():  # what a person has to answer first is refused by name
            TypeAdapter(Source).validate_python(yaml.safe_load(draft.getvalue()))
    except BaseException:
        return f"{draft.getvalue()[-1500:]}\n{traceback.format_exc()[-1500:]}"
    return judged(code, said.getvalue())


def judged(code: int, said: str) -> Finding:
    """What is wrong with an exit code and what stands on standard error."""
    if code not in (0, 2, 3) or "Traceback" in said or (code == 2 and len(said) > LONGEST):
        return f"exit code {code}: {said[-1500:]}"
    return ""


# --- files that this project made -------------------------------------------------------------------------------------------

DAMAGES: list[Callable[[random.Random, bytes], bytes]] = [
    lambda generator, content: b"",
    lambda generator, content: b"{}",
    lambda generator, content: b"[]",
    lambda generator, content: b"null",
    lambda generator, content: b'"text"',
    lambda generator, content: b"[[1]]",
    lambda generator, content: content[: len(content) // 2],
    lambda generator, content: generator.randbytes(300),
    _bytes,
    lambda generator, content: _json(generator, content),
    lambda generator, content: _json(generator, content),
    lambda generator, content: _page(generator, content),
]


def _json(generator: random.Random, content: bytes) -> bytes:
    """A value of a JSON document turned into one of another kind, or lost."""
    try:
        document = json.loads(content)
    except ValueError:
        return _bytes(generator, content)
    place = document
    while isinstance(place, dict | list) and place:
        key = generator.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or generator.random() < 0.3:
            if generator.random() < 0.3:
                del place[key]
            else:
                place[key] = generator.choice([None, -1, "x", [], {}, 1e300, True])
            break
        place = place[key]
    return json.dumps(document).encode()


def _page(generator: random.Random, content: bytes) -> bytes:
    """The middle overwritten, head and foot whole: a parquet file still opens."""
    changed, middle = bytearray(content), len(content) // 3
    changed[middle : middle + 40] = generator.randbytes(len(changed[middle : middle + 40]))
    return bytes(changed)


def damaged(project: SmallProject, count: int, seed: int) -> Iterator[tuple[Path, bytes, str]]:
    """So many damaged files of a finished project: which, its content now, and a command that reads it."""
    generator = random.Random(seed)
    files = sorted(
        path.relative_to(project.root)
        for part in ("artifacts", "record")
        for path in (project / part).rglob("*")
        if path.is_file() and path.suffix not in (".png", ".md", ".lock")
    )
    files += [Path("mlflow.db"), Path("data.dvc"), Path("dvc.yaml"), Path(RAW)] * (len(files) // 20)
    for _ in range(count):
        path = generator.choice(files)
        later = STAGES[STAGES.index(path.parts[1]) + 1 :] if path.parts[0] == "artifacts" else STAGES
        command = generator.choice(later if later and generator.random() < 0.6 else READERS)
        yield path, generator.choice(DAMAGES)(generator, (project / path).read_bytes()), command


def fuzz_made(project: SmallProject, count: int, seed: int) -> list[Finding]:
    """Commands that meet a damaged file of their own project."""
    found = []
    kept = Path(tempfile.mkdtemp()) / "kept"
    shutil.copytree(project.root, kept, symlinks=True)
    features = project / "artifacts/features/customers.parquet"
    for path, content, command in damaged(project, count, seed):
        (project / path).write_bytes(content)
        process = project.start(*command.format(features=features).split(), warm=True)
        out, err = process.communicate()
        if said := judged(process.returncode, out + err):
            found.append(f"{path} ({content[:40]!r}), segments {command}: {said}")
        for part in ("artifacts", "record", "mlruns"):
            shutil.rmtree(project / part, ignore_errors=True)
            if (kept / part).is_dir():
                shutil.copytree(kept / part, project / part, symlinks=True)
        for name in ("mlflow.db", "data.dvc", "dvc.yaml", RAW):
            shutil.copyfile(kept / name, project / name)
        (project / "out.csv").unlink(missing_ok=True)
    shutil.rmtree(kept.parent)
    return found


def main() -> int:
    """All of them, and overrides; prints what was found."""
    shared = CHECKOUT.parent / "shared" / "data"
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz_raw(Path(folder), shared, COUNT, SEED) + fuzz_odd(Path(folder))
        print(f"{COUNT} raw files and the odd ones: {len(found)} findings", flush=True)
        wrong = [
            f"file {number}: {one.kind}\n{one.detail}"
            for number, one in fuzz_styles.fuzz(Path(folder), STYLES, SEED)
            if one.outcome == fuzz_styles.WRONG
        ]
        print(f"{STYLES} logs in house styles: {len(wrong)} are read wrong without a word", flush=True)
        people = [
            f"table {number}: {one.kind}\n{one.detail}"
            for number, found_ in fuzz_tables.fuzz(Path(folder), TABLES, SEED)
            for one in found_
            if one.outcome == fuzz_styles.WRONG
        ]
        print(f"{TABLES} customers tables in house styles: {len(people)} findings", flush=True)
        project = make(Path(folder) / "project", shared / "mall" / "Mall_Customers.csv")
        project.go_on("data")
        made = fuzz_made(project, MADE, SEED)
        print(f"{MADE} damaged files of the project's own: {len(made)} findings", flush=True)
        typed = fuzz_arguments.fuzz(project.root, ARGUMENTS, SEED)
        print(f"{ARGUMENTS} command lines: {len(typed)} findings", flush=True)
    overrides = fuzz_overrides.fuzz(OVERRIDES, SEED)
    print(f"{OVERRIDES} lists of overrides: {len(overrides)} findings", flush=True)
    findings = [*found, *wrong, *people, *made, *typed, *overrides]
    print("\n\n".join(findings))
    return min(len(findings), 1)


if __name__ == "__main__":
    SEED = int(sys.argv[1]) if sys.argv[1:] else SEED
    sys.exit(main())
