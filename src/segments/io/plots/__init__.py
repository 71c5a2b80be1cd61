"""Pictures. Comes in: results of the nouns. Goes out: matplotlib Figures.

Nothing is computed, saved or shown here. One file per part of the path; :mod:`~segments.io.plots.style` has what they have in common.
"""
