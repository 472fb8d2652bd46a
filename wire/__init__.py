"""Framed msgpack messages over byte streams: frames, calls, deadlines, clean shutdown.

It never knows what the messages mean. `wire.rpc` is the public face, `wire.frame` the format.
"""
