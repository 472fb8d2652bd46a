"""Sixfold beside MariaDB in one run: `make bench`. Ratios are the result; absolute figures only
describe the machine they were taken on.
"""
