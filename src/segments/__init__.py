"""Experiment-tracked customer segmentation: raw customers in, a registered and reproducible segmentation out."""

__version__ = "0.1.0"
