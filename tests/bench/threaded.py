#!/usr/bin/env python3
# threaded: a JSON receiver as a tutorial writes it, a thread a connection.
#
# Blocks, reads, splits at newlines, parses each line, counts.  Like the yardstick it says
# its address first and, after SIGTERM, its totals.
#
# SPDX-License-Identifier: MIT
import json
import signal
import socket
import threading

lock = threading.Lock()
total_messages = total_bytes = 0


def serve(connection):
    global total_messages, total_bytes
    messages = received = 0
    rest = b""
    with connection:
        while chunk := connection.recv(65536):
            received += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                json.loads(line)
                messages += 1
        with lock:
            total_messages += messages
            total_bytes += received


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    print("ready 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    signal.sigwait({signal.SIGTERM})
    with lock:
        print(f"messages {total_messages} bytes {total_bytes}", flush=True)


main()
