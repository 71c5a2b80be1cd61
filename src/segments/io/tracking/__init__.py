"""MLflow's record of what is on disk. Comes in: finished candidates, sweeps and models. Goes out: runs, each exactly once.

The record is a projection of files: everything is complete on disk before it is tracked, runs are found again by tags, and the
tag ``segments.complete`` is written last, so doing it twice changes nothing and ``segments track`` can rebuild all of it.

:mod:`~segments.io.tracking.connection` opens the record, :mod:`~segments.io.tracking.runs` holds each run exactly once, and
:mod:`~segments.io.tracking.candidates`, :mod:`~segments.io.tracking.sweeps` and :mod:`~segments.io.tracking.results` say what is recorded.
The only module that imports mlflow, and only inside functions: the import costs seconds.
"""
