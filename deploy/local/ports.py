"""Free ports on the loopback interface."""

import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that systems give to outgoing connections: one of these would take a port away between
# its choice and its use.
CHOSEN_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    for port in random.sample(CHOSEN_PORTS, len(CHOSEN_PORTS)):
        with socket.socket() as listener:
            try:
                listener.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(f"each port of {CHOSEN_PORTS} on {LOOPBACK} is in use")


def is_listening(port: int) -> bool:
    """Tell whether somebody accepts connections on a port."""
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex((LOOPBACK, port)) == 0
