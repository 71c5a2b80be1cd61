"""Forwards only. A program of before the folders, asked to prove a version made today, starts ``segments.stages.rebuild`` in today's code.

Comes in, goes out: what :mod:`segments.app.commands.rebuild` takes and makes. Nothing imports it.
"""
