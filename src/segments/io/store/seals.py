"""Folders that know what is in them. Comes in: a finished folder. Goes out: the hashes of its files beside them, and later whether they still are those files.

A file that was damaged or edited since must not be taken for a result. Whoever may write the folder can write its seal too: this finds accidents and
careless hands, not a forger (SECURITY.md).
"""

from __future__ import annotations

from pathlib import Path

from segments.errors import StoreError
from segments.io.store.files import read_json, write_json
from segments.io.store.fingerprints import file_sha256, hashes

SEAL = "manifest.json"


def seal(folder: Path) -> None:
    """Write the hashes of a folder's files beside them, when all are there."""
    write_json(folder / SEAL, {name: digest for name, digest in hashes(folder).items() if name != SEAL})


def listed(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a sealed folder by its path in it, as they were when it was sealed; none when it never was.

    Raises
    ------
    StoreError
        If the list itself cannot be read.
    """
    path = folder / SEAL
    if not path.is_file():
        return {}
    known = read_json(path)
    if not isinstance(known, dict) or not all(isinstance(digest, str) for digest in known.values()):
        raise StoreError(f"{path} is damaged: it is no list of hashes", fix="delete the folder it is in")
    return known


def differing(folder: Path, expected: dict[str, str]) -> dict[str, str]:
    """What became of files that are no longer as expected: "was changed" or "is missing", by path in the folder."""
    found = {}
    for name, digest in expected.items():
        if not (folder / name).is_file():
            found[name] = "is missing"
        elif (folder / name).is_symlink() or file_sha256(folder / name) != digest:
            found[name] = "was changed"
    return found


def unchanged(folder: Path) -> Path:
    """The folder, once its files are seen to be as they were; one of before folders were sealed is taken as it is.

    Raises
    ------
    StoreError
        If one was changed or is missing.
    """
    for name, became in differing(folder, listed(folder)).items():
        raise StoreError(
            f"{folder / name} {became} since it was made",
            fix=f"bring it back from a copy; or delete {folder}: what can be made again will be, the rest is left out",
        )
    return folder
