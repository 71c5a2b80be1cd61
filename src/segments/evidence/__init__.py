"""Candidates -> the chosen one: does it come back, do clusters exist, a grade, the rule, what hangs on a change.

Comes in: points, labels, scores. Goes out: evidence tables, a choice with its reason. May import clustering, features, data.
"""
