"""The room that touches files. Comes in: tables, pictures, plain data. Goes out: files that are either whole or not there.

Reading and writing, the marks a result is traced by, and the shelves of finished work stand in the modules beside this one.
"""
