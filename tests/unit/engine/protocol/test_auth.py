"""mysql_native_password and the decision it leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.auth import (
    Accept,
    Authentication,
    Refuse,
    Switch,
    native_hash,
    native_matches,
    native_proof,
    new_challenge,
)
from engine.backend import Account
from engine.protocol.handshake import Login

CHALLENGE = new_challenge(bytes(range(20)))
SECRET = Account("admin", "%", "mysql_native_password", native_hash("secret"))
OPEN = Account("guest", "%", "mysql_native_password", "")


def attempt(account: Account | None, proof: bytes, plugin: str | None = None) -> Authentication:
    login = Login("admin", proof, None, plugin, 45, 0)
    return Authentication(login, account, "10.0.0.1", CHALLENGE)


def test_known_hash() -> None:
    assert native_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    assert native_hash("") == ""


@given(st.binary(min_size=20, max_size=20))
def test_challenges_are_printable(random: bytes) -> None:
    challenge = new_challenge(random)
    assert len(challenge) == 20
    assert all(32 < byte < 127 for byte in challenge)


@given(st.text(min_size=1), st.text())
def test_only_the_password_matches(password: str, other: str) -> None:
    stored = native_hash(password)
    assert native_matches(stored, CHALLENGE, native_proof(password, CHALLENGE))
    if other != password:
        assert not native_matches(stored, CHALLENGE, native_proof(other, CHALLENGE))


@given(st.binary(max_size=40))
def test_garbage_does_not_match(proof: bytes) -> None:
    assert not native_matches(native_hash("secret"), CHALLENGE, proof)
    assert native_matches("", CHALLENGE, proof) == (proof == b"")
    assert not native_matches("*nonsense", CHALLENGE, proof)


def test_a_proof_is_good_for_one_challenge() -> None:
    other = new_challenge(b"x" * 20)
    assert not native_matches(SECRET.auth_string, other, native_proof("secret", CHALLENGE))


def test_accepted() -> None:
    assert attempt(SECRET, native_proof("secret", CHALLENGE)).begin() == Accept(SECRET)
    assert attempt(OPEN, b"").begin() == Accept(OPEN)


@pytest.mark.parametrize("account", [SECRET, None], ids=["wrong", "unknown"])
@pytest.mark.parametrize(("proof", "word"), [(b"x" * 20, "YES"), (b"", "NO")])
def test_wrong_and_unknown_read_the_same(account: Account | None, proof: bytes, word: str) -> None:
    decision = attempt(account, proof).begin()
    assert isinstance(decision, Refuse)
    assert (decision.error.errno, decision.error.sqlstate) == (1045, "28000")
    assert decision.error.message == (
        f"Access denied for user 'admin'@'10.0.0.1' (using password: {word})"
    )


def test_an_account_of_another_plugin_is_refused() -> None:
    account = Account("admin", "%", "sha256_password", native_hash("secret"))
    assert isinstance(attempt(account, native_proof("secret", CHALLENGE)).begin(), Refuse)


@pytest.mark.parametrize("account", [SECRET, None], ids=["known", "unknown"])
def test_another_plugin_is_asked_to_switch(account: Account | None) -> None:
    started = attempt(account, b"y" * 32, "caching_sha2_password")
    assert started.begin() == Switch("mysql_native_password")
    decision = started.answer(native_proof("secret", CHALLENGE))
    assert isinstance(decision, Accept if account else Refuse)


@pytest.mark.parametrize("proof", [b"", b"\0"])
def test_no_password_needs_no_switch(proof: bytes) -> None:
    """MySQL 9's clients could not follow a switch to the native plugin."""
    assert attempt(OPEN, proof, "caching_sha2_password").begin() == Accept(OPEN)
    for account in (SECRET, None):
        assert isinstance(attempt(account, proof, "caching_sha2_password").begin(), Switch)
