"""The MySQL client/server protocol, version 10, as pure functions and objects.

Nothing here knows of sockets, tasks, clocks or SQL: bytes and values go in, values and bytes
come out, and what a peer may not do is refused with one error type (`ProtocolError`). The shell
around it is `engine.session`.
"""
