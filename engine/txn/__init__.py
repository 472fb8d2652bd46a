"""Transactions: who may write, and what a refusal or a lost outcome is called."""
