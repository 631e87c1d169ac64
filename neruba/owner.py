"""Who holds a lease, for people."""

import os
import socket


def worker_name() -> str:
    """Host and process."""
    return f"{socket.gethostname()}, process {os.getpid()}"
