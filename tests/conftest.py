"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No test fails for being slow on a busy machine.
settings.register_profile("sixfold", deadline=None)
settings.load_profile("sixfold")
