"""Pure: the MySQL client/server protocol, version 10, as functions and plain objects.

Nothing here knows of sockets, tasks, clocks or SQL: bytes and values go in, values and bytes
come out, and what a peer may not do is refused with one error type (`ProtocolError`). The shell
around it is `engine.session`.
"""
