"""Clean tables -> one row per customer: recency, frequency, money and the rest, and a first look at them.

Comes in: clean customers and purchase lines. Goes out: the feature table, numbers to draw, warnings. May import config and errors only.
"""
