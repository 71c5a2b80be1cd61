"""What is kept and shown: files, MLflow's runs and registry, the notes on them, pictures.

Comes in: results of the nouns. Goes out: files, runs, Figures. Only app imports it; it may import the nouns.
"""
