"""The only code that touches time, randomness, disks, sockets and threads.

Everything above receives a `Runtime` (see `runtime.seams`) and reaches the world through it, so
that a simulated world can take its place. It knows nothing of this program.
"""
