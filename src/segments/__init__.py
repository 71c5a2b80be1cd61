"""Experiment-tracked customer segmentation: raw customers in, a registered and reproducible segmentation out.

For notebooks: ``segments.Project(".")`` looks at a project that was run, ``segments.sweep(df)`` segments a DataFrame without one, and
``segments.SegmentationModel`` is a scikit-learn estimator.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ("Project", "SegmentationModel", "SweepResult", "__version__", "sweep")


def __getattr__(name: str) -> Any:
    # By name, when it is asked for: a command that starts needs none of it, and no module below `app` shall depend on it.
    homes = {
        "Project": "segments.app.notebook.project",
        "SegmentationModel": "segments.model.estimator",
        "SweepResult": "segments.app.notebook.in_memory",
        "sweep": "segments.app.notebook.in_memory",
    }
    if name not in homes:
        raise AttributeError(f"module 'segments' has no attribute '{name}'")
    return getattr(import_module(homes[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
