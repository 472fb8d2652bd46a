"""System variables: their types, scopes and values, and what SHOW VARIABLES prints."""

from __future__ import annotations

from engine.sql.variables.descriptor import DEFAULT, Descriptor, Effect, Given, Value
from engine.sql.variables.state import DESCRIPTORS, GlobalVariables, SessionVariables, describe
from engine.sql.variables.table_server import AURORA_VERSION, SERVER_VERSION, VERSION_COMMENT

__all__ = [
    "AURORA_VERSION",
    "DEFAULT",
    "DESCRIPTORS",
    "SERVER_VERSION",
    "VERSION_COMMENT",
    "Descriptor",
    "Effect",
    "Given",
    "GlobalVariables",
    "SessionVariables",
    "Value",
    "describe",
]
