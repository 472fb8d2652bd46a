"""Whole clusters of real processes, started through the command line a user has, and broken on
purpose.
"""
