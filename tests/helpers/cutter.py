#!/usr/bin/env python3
# cutter: passes connections on to a server, and breaks them off.
#
#   cutter.py HOST:PORT [BYTES...]
#
# Of connection N, so many bytes of the server's answers are passed on, and then it is
# reset; all those behind the last number are passed on whole.  Its address goes to
# standard output.  One connection at a time.
#
# SPDX-License-Identifier: MIT
"""A connection that breaks at a chosen byte."""

import select
import socket
import struct
import sys


def pump(client, server, limit):
    """Passes bytes both ways until one side ends or the answers reach the limit."""
    while True:
        for sock in select.select([client, server], [], [])[0]:
            data = sock.recv(65536)
            if not data:
                return
            if sock is client:
                server.sendall(data)
                continue
            client.sendall(data[:limit])
            limit -= len(data)
            if limit <= 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    limits = [int(word) for word in sys.argv[2:]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        while True:
            client = listener.accept()[0]
            with client, socket.create_connection((host, int(port))) as server:
                try:
                    pump(client, server, limits.pop(0) if limits else 1 << 60)
                except (BrokenPipeError, ConnectionResetError):
                    pass


if __name__ == "__main__":
    main()
