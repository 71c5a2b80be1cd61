"""What stages and commands share: candidates and evidence made side by side, a file scored, a version registered, inputs read.

Comes in: the config, tables, ids. Goes out: finished work, kept in the cache. May import io and the nouns.
"""
