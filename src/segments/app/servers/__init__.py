"""What listens on this machine: MLflow's page, the team's MLflow, the model, the dashboard; each a child process that is watched.

Comes in: the config. Goes out: an address, and an exit code when it is stopped. May import jobs, io and the nouns.
"""
