"""Clusters -> segments that people know: ids and names that stay, who moved, what each segment is like.

Comes in: features, clusters, the earlier version's segments. Goes out: identities, profiles, rules. May import forecast, model, evidence, and what those use.
"""
