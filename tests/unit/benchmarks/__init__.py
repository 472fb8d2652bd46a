"""The arithmetic of the benchmark: what is concluded from the figures."""
