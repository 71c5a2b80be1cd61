"""Registered versions in MLflow: which is in use, what its files hold, the proof that it can be made again.

Comes in: a model and what proves it. Goes out: versions, aliases, tags. May import tracking, store and the nouns.
"""
