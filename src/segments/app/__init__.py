"""What people and DVC start: the command, its stages and commands, the jobs they share, the servers and the dashboard.

Comes in: words of a person, `conf/`. Goes out: files under `artifacts/`, runs in MLflow, a line on the terminal.
May import everything else; nothing imports it.
"""
