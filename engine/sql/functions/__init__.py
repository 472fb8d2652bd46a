"""MySQL's functions: how a call is compiled, and those implemented in Python.

One module per chapter of the manual's "Functions and Operators"; importing `library` loads all.
"""
