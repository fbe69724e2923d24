#!/usr/bin/env python3
# trickler: passes connections on to a server over a slow link.
#
#   trickler.py HOST:PORT BYTES_PER_SECOND
#
# What goes to the server is held to this rate, what comes from it is not; and little fits
# into the link at once.  Its address goes to standard output.
#
# SPDX-License-Identifier: MIT
"""A link that takes its time, and never stands still."""

import select
import socket
import sys
import threading
import time


NARROW_BYTES = 8192
PIECE_BYTES = 3000


def pump(client, server, rate):
    """Passes bytes both ways until the server ends its side."""
    sources, due = [client, server], 0
    while True:
        left = due - time.monotonic()
        ready = select.select([server] if left > 0 else sources, [], [], max(left, 0) or None)[0]
        if server in ready:
            data = server.recv(65536)
            if not data:
                return
            client.sendall(data)
        if client in ready:
            data = client.recv(PIECE_BYTES)
            server.sendall(data)
            due = time.monotonic() + len(data) / rate
            if not data:
                server.shutdown(socket.SHUT_WR)
                sources = [server]


def serve(client, address, rate):
    with client, socket.create_connection(address) as server:
        try:
            pump(client, server, rate)
        except (BrokenPipeError, ConnectionResetError):
            pass


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    with socket.socket() as listener:
        # What is accepted inherits it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        while True:
            arguments = listener.accept()[0], (host, int(port)), int(sys.argv[2])
            threading.Thread(target=serve, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main()
