"""What touches files. Comes in: tables, pictures, plain data. Goes out: files that are either whole or not there.

Reading and writing, the marks a result is traced by, and the caches of finished work stand in the modules beside this one.
"""
