"""The segmentation as it is deployed: plain numbers that answer for new customers, drift, and which of two is better.

Comes in: a fitted space, centres, named segments. Goes out: answers and figures. May import clustering, features, data.
"""
