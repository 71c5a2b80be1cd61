"""Command `code`, the first stage of a project without a checkout: which code of the installed package every stage depends on.

DVC reruns a stage when a file it depends on has changed, and a path into an installation is another on every machine. So this stage, which
always runs, writes a hash for each of the others (``artifacts/code/STAGE``), and they depend on that.
"""

from __future__ import annotations

import json

from segments.app.commands.new import PACKAGE, carried, code_of_stages
from segments.io.store.files import artifact, write_text
from segments.io.store.fingerprints import file_sha256, hashes, sha256


def run() -> None:
    """Write the hash of every stage's code."""
    for stage, names in code_of_stages(carried()["dvc.yaml"].read_text()).items():
        found = {
            name: hashes(PACKAGE / name) if (PACKAGE / name).is_dir() else file_sha256(PACKAGE / name) for name in names
        }
        write_text(artifact("code", stage), sha256(json.dumps(found).encode()) + "\n")
