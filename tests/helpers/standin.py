#!/usr/bin/env python3
# standin: a server that acknowledges, and fails as it is told to.
#
#   standin.py STATE_FILE [PLAN]    PLAN is a JSON array: what each connection does
#
# The real server fails at no moment that a test could choose.  This one speaks the hello
# of src/PROTOCOL.md, keeps a mark for each session, and does with connection N what item N
# of the plan says; the last item is for all that follow.  Its members:
#
#   say      this text is the answer to the hello, and the end
#   mute     true: the hello gets no answer
#   next     what the welcome says, instead of the truth
#   take     so many messages are read; then comes the end
#   keep     so many of these are kept, as if the others had been in memory only
#   silent   true: nothing is acknowledged, and no refusal is told
#   unacked  true: refusals are told, and nothing is acknowledged
#   babble   true: behind the welcome come lines that mean nothing, for ever
#   nak      true: every message is refused; an array: these numbers are
#   max      what the welcome says of the longest message
#   narrow   true, in the first item: little fits between the two sides
#   end      "reset", or a text that is written before the connection is closed
#
# Its address goes to standard output.  After each hello and each connection the state is
# written: the hellos, how many messages each connection brought, and what was kept of
# them, in their order.
#
# SPDX-License-Identifier: MIT
"""A server for the failures that a real one does not have when they are wanted."""

import json
import os
import socket
import struct
import sys


NARROW_BYTES = 16384


class Standin:
    def __init__(self, path, plan):
        self.path = path
        self.plan = plan
        self.marks = {}
        self.hellos = []
        self.taken = []
        self.kept = []

    def write_state(self):
        state = {"connections": len(self.hellos), "hellos": self.hellos,
                 "taken": self.taken, "kept": self.kept}
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.replace(self.path + ".new", self.path)

    def serve(self, sock):
        # What is said goes out at once, or a reset would drop it.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deeds = self.plan[min(len(self.hellos), len(self.plan) - 1)]
        stream = sock.makefile("rb")
        hello = json.loads(stream.readline().removeprefix(b"BIO/1 ") or b"{}")
        self.hellos.append(hello)
        self.taken.append(0)
        self.write_state()
        if "say" in deeds:
            sock.sendall(deeds["say"].encode())
        elif deeds.get("mute"):
            stream.read()
        elif "framing" not in hello:
            pass  # it was cut off
        else:
            self.converse(sock, stream, hello, deeds)
        if deeds.get("end") == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif "end" in deeds:
            sock.sendall(deeds["end"].encode())
        stream.close()
        sock.close()

    def converse(self, sock, stream, hello, deeds):
        session = hello.get("session", "")
        number = self.marks.get(session, 0)
        if hello.get("next", 1) > number + 1:
            sock.sendall(b'BIO/1 {"ok":false,"code":"session_gap","error":"gap"}\n')
            return
        welcome = {"ok": True, "connection": len(self.hellos), "next": number + 1,
                   "max_message_bytes": deeds.get("max", 1048576), "max_depth": 512}
        welcome["next"] = deeds.get("next", welcome["next"])
        sock.sendall(b"BIO/1 " + json.dumps(welcome).encode() + b"\n")
        while deeds.get("babble"):
            sock.sendall(b"{}\n" * 10000)
        while self.taken[-1] < deeds.get("take", 1 << 60):
            text = read_message(stream, hello["framing"])
            if text is None:
                return
            self.taken[-1] += 1
            if self.taken[-1] > deeds.get("keep", 1 << 60):
                continue
            number += 1
            self.marks[session] = number
            naks = deeds.get("nak", [])
            is_refused = naks is True or (naks and number in naks)
            is_refused = is_refused or len(text) > welcome["max_message_bytes"]
            if not is_refused:
                self.kept.append(text.decode())
            if not deeds.get("silent"):
                sock.sendall(answers(number, is_refused, not deeds.get("unacked")))


def answers(number, is_refused, acknowledges):
    nak = {"nak": number, "code": "too_deep", "offset": 5, "error": "too deep"}
    lines = ([nak] if is_refused else []) + ([{"ack": number}] if acknowledges else [])
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read_message(stream, framing):
    """The next message; None: there is no whole one."""
    if framing == "length":
        head = stream.read(4)
        size = int.from_bytes(head, "big")
        text = stream.read(size)
        return text if len(head) == 4 and len(text) == size else None
    line = stream.readline()
    return line.strip(b"\x1e\n") if line.endswith(b"\n") else None


def main():
    standin = Standin(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else [{}])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if standin.plan[0].get("narrow"):  # what is accepted inherits it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW_BYTES)
        print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        while True:
            try:
                standin.serve(listener.accept()[0])
            except (BrokenPipeError, ConnectionResetError):
                pass
            standin.write_state()


if __name__ == "__main__":
    main()
