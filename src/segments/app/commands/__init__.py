"""What a person asks for beside the pipeline, one file a command: each reads, makes one call, writes and tracks.

Comes in: the config and the command's own words. Goes out: what to print, and an exit code where it is not 0.
May import stages, jobs, io and the nouns.
"""
