"""The connection phase: greeting, handshake response, proof of identity.

Whatever goes wrong ends in one error packet and a closed connection; the only way into the
command phase is `Input.ACCEPT`. An unknown user and a wrong password cost the same lookups and
the same hashing and read the same.
"""

from __future__ import annotations

from typing import Final

from engine.auth import Authentication, Decision, Refuse, Switch, new_challenge
from engine.backend import Account, BackendConnection
from engine.clientstream import ClientStream
from engine.errors import SqlError
from engine.protocol.framing import frame
from engine.protocol.handshake import CHALLENGE_BYTES, Login, auth_switch, greeting, parse_login
from engine.protocol.states import Input, Machine
from engine.results import STATUS_AUTOCOMMIT
from runtime.rng import Rng

SERVER_CHARSET: Final = 255  # utf8mb4_0900_ai_ci


class LoginRefused(Exception):
    """The client may not come in; `error` is its last packet."""

    def __init__(self, error: SqlError) -> None:
        super().__init__(str(error))
        self.error = error


class LoginDialogue:
    """One connection's challenge and every proof made against it."""

    __slots__ = ("_challenge", "_client", "_host", "_machine")

    def __init__(self, client: ClientStream, machine: Machine, client_host: str, rng: Rng) -> None:
        self._client = client
        self._machine = machine
        self._host = client_host
        self._challenge = new_challenge(rng.randbytes(CHALLENGE_BYTES))

    async def greet(self, server_version: str, connection_id: int) -> None:
        packet = greeting(
            version=server_version,
            connection_id=connection_id,
            challenge=self._challenge,
            charset_id=SERVER_CHARSET,
            status=STATUS_AUTOCOMMIT,
        )
        await self._client.send(frame(packet, 0))
        self._client.reader.sequence = 1

    async def hear(self) -> Login:
        """What the client claims in response to the greeting."""
        login = parse_login(await self._client.packet())
        self._machine.on(Input.LOGIN)
        return login

    async def check(self, login: Login, connection: BackendConnection) -> Account:
        """Have a claim proven. The machine is in CHECKING and stays there when it is."""
        account = await connection.find_account(login.user, self._host)
        attempt = Authentication(login, account, self._host, self._challenge)
        decision: Decision = attempt.begin()
        while isinstance(decision, Switch):
            self._machine.on(Input.SWITCH)
            await self._client.reply(auth_switch(decision.plugin, self._challenge))
            proof = await self._client.packet()
            self._machine.on(Input.SWITCH_REPLY)
            decision = attempt.answer(proof)
        if isinstance(decision, Refuse):
            self._machine.on(Input.REFUSE)
            raise LoginRefused(decision.error)
        return decision.account
