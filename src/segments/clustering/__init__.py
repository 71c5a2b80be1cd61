"""Customers -> candidates: the space, the search for centres, silhouettes and other scores, ids.

Comes in: the feature table and what to try. Goes out: candidates with labels and scores. May import config and errors only.
"""
