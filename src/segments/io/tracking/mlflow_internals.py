"""All that is used of MLflow beyond its public interface, in one place: its page's tags and addresses, its files of pictures, its tables.

A later version may change any of it, without a word and without an error: a view that opens empty, a picture that is not drawn.
So ``tests/io/tracking/test_mlflow_internals.py`` holds the installed version to what stands here, and fails on a minor version that
is not among ``TRIED``. Try a new one with that file and ``tests/app/servers/test_mlflow_ui_browser.py``, then add it.
"""

from __future__ import annotations

TRIED = ("3.17", "3.18")

# Which runs the page lists in which order, and which charts it draws how large, it reads from the experiment tag `TAG` + key when the link
# bears `SHARED` + key, and none of the list's own parameters.
TAG = "mlflow.sharedViewState."
SHARED = "viewStateShareKey="
TRAINING = "workflowType=machine_learning"  # a fresh browser lands on the GenAI pages unless the link says otherwise
MODE = "compareRunsMode="  # CHART or TABLE

COLOUR = "mlflow.runColor"  # of a run's line in charts; else MLflow's hash of its id, which gives some the same
LOGGED_IMAGES = "mlflow.loggedImages"  # without it the page offers no picture grid
PICTURE = "get-artifact?path={path}&run_uuid={run_id}"  # relative: whatever host and port the page came from

# Where the tables of a local record hold absolute addresses; MLflow has no call that changes them.
ADDRESSES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


def image_files(key: str, timestamp_ms: int, unique: str) -> tuple[str, str]:
    """Names of the two files of a picture at step 0, as ``MlflowClient.log_image`` gives them: the whole, and the small one of the grid.

    Parameters
    ----------
    key : str
        Under which the page groups the picture with those of other runs.
    timestamp_ms : int
        When it was made.
    unique : str
        A UUID.

    Examples
    --------
    >>> image_files("clusters", 5, "u")
    ('clusters+step+0+timestamp+5+u.png', 'clusters+step+0+timestamp+5+u+compressed.png')
    """
    stem = f"{key}+step+0+timestamp+{timestamp_ms}+{unique}"
    return f"{stem}.png", f"{stem}+compressed.png"
