# words: what the Python programs of the tests share: connect, reset, look at counters.
#
# BIO and HTTP in the environment are the server's addresses, host:port.
#
# SPDX-License-Identifier: MIT
"""The words of the tests' Python programs."""

import fcntl
import http.client
import json
import os
import socket
import struct
import termios
import time

PATIENCE_SECONDS = 20


def address(name):
    host, port = os.environ[name].rsplit(":", 1)
    return host, int(port)


def connect():
    """A connection to the server, on which every send is a segment of its own."""
    sock = socket.create_connection(address("BIO"), PATIENCE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def send(*parts):
    """One connection, a send for each part, an orderly close."""
    with connect() as sock:
        for part in parts:
            sock.sendall(part)


def deliver(*messages):
    """A connection for each message and an orderly end; returns when all of it is in the
    server's kernel, whether anybody there has accepted the connections or not."""
    socks = [connect() for _ in messages]
    for sock, message in zip(socks, messages):
        sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        wait_for(lambda: unacknowledged(sock) == 0, "the kernel's acknowledgement")
        sock.close()


def unacknowledged(sock):
    """The bytes on their way; the end is one more (SIOCOUTQ, tcp(7))."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def reset(sock):
    """Closes with RST, as the kernel does for a process that broke off."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def flood(message):
    """Sends it again and again until the server breaks that off, and says how often."""
    sent = 0
    with connect() as sock:
        try:
            while True:
                sent += sock.send(message * 100000)
        except OSError:
            return -(-sent // len(message))


def receive_all(sock):
    """What the server writes until it ends its side."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def stats():
    connection = http.client.HTTPConnection(*address("HTTP"), timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/stats")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def counter(name):
    """One number of /stats, such as "messages.received_total"."""
    value = stats()
    for key in name.split("."):
        value = value[key]
    return value


def wait_for(condition, what, pause_seconds=0.01):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(pause_seconds)


def wait_for_counter(name, value):
    wait_for(lambda: counter(name) == value, f"{name} {value}")
