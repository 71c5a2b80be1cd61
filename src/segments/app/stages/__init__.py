"""Stages and commands, one file each: reads, makes one call into a room, writes and tracks."""
