"""House rules as tests: `rules` checks one file, `test_tree` all, `test_rules` the rules."""
