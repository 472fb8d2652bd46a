"""MySQL statements as text -> syntax trees (pure). Entry: `statements.parse_statement`."""
