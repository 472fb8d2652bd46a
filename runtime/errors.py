"""Pure: the base class of errors that operation brings about, not mistakes in this program.

An `OperatingError` is part of a contract: a peer went away, a disk is full, a port is taken. Its
text is one line that says what is wrong and, where one exists, what to do. Supervision retries
after it; it never retries after an `AssertionError`.
"""

from __future__ import annotations


class OperatingError(Exception):
    """Something outside this program failed; the text is fit for an operator."""
