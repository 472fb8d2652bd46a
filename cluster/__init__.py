"""The command line, configuration and the local launcher: what composes the other packages into a
cluster.
"""
