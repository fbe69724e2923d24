#!/usr/bin/env python3
# teller: a status side that tells events, and goes away as a case wants it.
#
#   teller.py COUNT PLAN    PLAN is a JSON array: what each connection to /events is told
#
# /messages has the messages with the ids 1 to COUNT; message N is {"i":N}.  Connection N to
# /events gets what item N of the plan says, the last item being for all that follow: an
# array of steps, each an array that begins with its name.
#
#   hello INSTANCE NEWEST    message ID [DATA]    gap FROM TO    reset NEWEST    stats
#   raw TEXT                 these bytes, whatever they are
#   refuse                   the next request for /messages is answered with 503
#   status NUMBER TITLE      in first place: no stream, but this answer
#   type TEXT                in first place: the content type
#   end                      the stream ends as it should; also behind the last step
#   break                    the connection is closed in the middle
#   silent                   nothing more comes
#   stay                     stats come, ten a second
#
# Its address goes to standard output, then a line a request: its path, and its Last-Event-ID
# where it has one.
#
# SPDX-License-Identifier: MIT
"""A stream of events whose failures come when they are wanted."""

import http.server
import json
import sys
import urllib.parse


COUNT = int(sys.argv[1])
PLAN = json.loads(sys.argv[2])
TOLD, REFUSED = [], []


def message(number, data=None):
    head = ('{"id":%d,"received_at":"2026-01-31T12:00:00.000000Z","connection":1,'
            '"peer":"127.0.0.1:5555","name":null,"framing":"stream","size_bytes":%d,"data":%s}')
    data = '{"i":%d}' % number if data is None else data
    return head % (number, len(data.encode()), data)


def event(name, *details):
    """What a step of the plan is on the wire."""
    if name == "message":
        return "id: %d\ndata: %s\n\n" % (details[0], message(*details))
    if name == "gap":
        return 'event: gap\nid: %d\ndata: {"from":%d,"to":%d}\n\n' % (
            details[1], details[0], details[1])
    if name == "hello":
        return "retry: 1000\n\nevent: hello\ndata: %s\n\n" % json.dumps(
            {"instance": details[0], "newest_id": details[1]})
    if name == "reset":
        return 'event: reset\ndata: %s\n\n' % json.dumps({"newest_id": details[0]})
    if name == "stats":
        return 'event: stats\ndata: {"name":"bio"}\n\n'
    return details[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        print(self.path, self.headers.get("Last-Event-ID", ""), flush=True)
        if path == "/messages" and REFUSED:
            REFUSED.pop()
            self.answer(503, "application/problem+json", '{"title":"away"}')
        elif path == "/messages":
            self.answer(200, "application/json", page(dict(urllib.parse.parse_qsl(query))))
        else:
            TOLD.append(self.path)
            self.tell(PLAN[min(len(TOLD), len(PLAN)) - 1])

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def say(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def tell(self, steps):
        kind = "text/event-stream"
        if steps and steps[0][0] == "status":
            self.answer(steps[0][1], "application/problem+json",
                        json.dumps({"title": steps[0][2]}))
            return
        if steps and steps[0][0] == "type":
            kind = steps.pop(0)[1]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for step in steps:
            if step[0] in ("stay", "silent"):
                self.stay(step[0] == "silent")
                return
            if step[0] == "break":
                self.close_connection = True
                return
            if step[0] == "refuse":
                REFUSED.append(step)
            elif step[0] != "end":
                self.say(event(*step))
        self.wfile.write(b"0\r\n\r\n")

    def stay(self, is_silent):
        """Until the other side goes away."""
        self.connection.settimeout(0.1)
        while True:
            try:
                self.connection.recv(1)
                self.close_connection = True
                return
            except TimeoutError:
                if not is_silent:
                    self.say(event("stats"))

    def log_message(self, *_):
        pass


def page(query):
    low, high = int(query.get("after", 0)), int(query.get("before", COUNT + 1))
    ids = range(low + 1, min(high - 1, COUNT) + 1)
    if query.get("order") != "asc":
        ids = ids[::-1]
    some = ids[:int(query.get("limit", 50))]
    more = str(some[-1]) if len(some) < len(ids) else "null"
    return '{"messages":[%s],"next_%s":%s}' % (
        ",".join(message(number) for number in some),
        "after" if query.get("order") == "asc" else "before", more)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    with Server(("127.0.0.1", 0), Handler) as server:
        print("127.0.0.1:%d" % server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
