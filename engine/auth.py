"""Pure: checking who a client is; proofs and challenges in, a decision out.

mysql_native_password: the server keeps SHA1(SHA1(password)) and never sees the password. A user
nobody knows is checked against a hash nobody can meet, so that neither the answer nor its timing
tells the two refusals apart.
Source: MySQL internals, "Secure Password Authentication"; 8.0 manual, 6.4.1.1.
"""

from __future__ import annotations

import hmac
from hashlib import sha1
from typing import Final

from attrs import frozen

from engine.backend import Account
from engine.errors import SqlError, access_denied
from engine.protocol.handshake import CHALLENGE_BYTES, NATIVE_PASSWORD, Login

_HASH_BYTES: Final = 20
_NO_HASH: Final = bytes(_HASH_BYTES)  # of no password: nothing hashes to it


@frozen
class Accept:
    account: Account


@frozen
class Refuse:
    error: SqlError


@frozen
class Switch:
    """Ask for a proof made with this plugin."""

    plugin: str


Decision = Accept | Refuse | Switch


def new_challenge(random: bytes) -> bytes:
    """Random bytes as a challenge: printable, because a NUL would end it early."""
    return bytes(33 + byte % 94 for byte in random[:CHALLENGE_BYTES])


def native_hash(password: str) -> str:
    """What mysql.user keeps: `*` and 40 hexadecimal digits, or nothing for no password."""
    if not password:
        return ""
    return "*" + sha1(sha1(password.encode()).digest()).hexdigest().upper()


def native_proof(password: str, challenge: bytes) -> bytes:
    """What a client sends: SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password)))."""
    if not password:
        return b""
    first = sha1(password.encode()).digest()
    return _xor(first, sha1(challenge + sha1(first).digest()).digest())


def native_matches(auth_string: str, challenge: bytes, proof: bytes) -> bool:
    """Whether a proof fits; the work is the same whatever the hash and the proof are."""
    stored = _stored_hash(auth_string)
    padded = proof.ljust(_HASH_BYTES, b"\0")[:_HASH_BYTES]
    first = _xor(padded, sha1(challenge + stored).digest())
    matches = hmac.compare_digest(sha1(first).digest(), stored)
    if not auth_string or not proof:
        return not auth_string and not proof
    return matches and len(proof) == _HASH_BYTES


def _stored_hash(auth_string: str) -> bytes:
    if len(auth_string) == 1 + 2 * _HASH_BYTES and auth_string[0] == "*":
        try:
            return bytes.fromhex(auth_string[1:])
        except ValueError:
            return _NO_HASH
    return _NO_HASH


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


class Authentication:
    """One client's attempt, at login or in COM_CHANGE_USER."""

    __slots__ = ("_account", "_challenge", "_host", "_login", "_switched")

    def __init__(
        self, login: Login, account: Account | None, client_host: str, challenge: bytes
    ) -> None:
        self._login = login
        self._account = account
        self._host = client_host
        self._challenge = challenge
        self._switched = False

    def begin(self) -> Decision:
        """Judge the proof that came with the login, or ask for one that can be judged."""
        login, account = self._login, self._account
        # Clients that name no plugin are older than plugins: their proof is a native one.
        if login.plugin is not None and login.plugin != NATIVE_PASSWORD:
            # No password is the same in every plugin, and the newest clients have no native one.
            if not login.proof.strip(b"\0") and account is not None and not account.auth_string:
                return self._judge(b"")
            self._switched = True
            return Switch(NATIVE_PASSWORD)
        return self._judge(self._login.proof)

    def answer(self, proof: bytes) -> Decision:
        """Judge the proof that answers a switch."""
        assert self._switched, "nobody asked for this proof"
        return self._judge(proof)

    def _judge(self, proof: bytes) -> Decision:
        account = self._account
        known = account is not None and account.plugin == NATIVE_PASSWORD
        auth_string = account.auth_string if account is not None and known else _UNMATCHABLE
        if native_matches(auth_string, self._challenge, proof) and account is not None:
            return Accept(account)
        return Refuse(access_denied(self._login.user, self._host, using_password=bool(proof)))


_UNMATCHABLE: Final = "*" + "0" * 2 * _HASH_BYTES
