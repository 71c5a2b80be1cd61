"""What a space is fitted of. Comes in: columns of the feature table. Goes out: what is learnt of them, and scalers, as plain numbers.

Names are as they were when this stood in :mod:`segments.clustering.space`, with their underscores: a function's name is part of every
candidate's id. May import config, errors and :mod:`segments.clustering.exact` only.
"""
