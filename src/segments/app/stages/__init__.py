"""One file per stage of `dvc.yaml`, none imports another: each reads, makes one call into a noun or a job, writes and tracks.

Comes in: the config. Goes out: `artifacts/STAGE/`, and a line on what came of it. May import jobs, io and the nouns.
"""
