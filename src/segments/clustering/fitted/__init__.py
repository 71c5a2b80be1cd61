"""What a space is fitted of. Comes in: columns of the feature table. Goes out: what is learnt of them, and scalers, as plain numbers.

May import config, errors and :mod:`segments.clustering.exact` only.
"""
