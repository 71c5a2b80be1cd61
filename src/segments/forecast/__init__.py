"""Who leaves and who spends: models of the purchase log, measured on later time.

Comes in: purchases, features, segments. Goes out: a comparison of models and a forecast per customer. May import clustering, features, data.
"""
