"""What MLflow's runs are written from, as files, so that they can be written again: notes, tables, scores.

Comes in: results. Goes out: a folder a run, and texts. May import plots, tracking, store and the nouns.
"""
