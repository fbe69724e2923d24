# events: a reader of /events for the tests, which takes nothing on trust.
#
# SPDX-License-Identifier: MIT
"""Reads Server-Sent Events, and checks that every id is there once or within a gap."""

import http.client
import json

from words import PATIENCE_SECONDS, address, check


class Events:
    """One connection to /events.  `id` is the last id that was there."""

    def __init__(self, path="/events", **headers):
        self.messages, self.gaps, self.stats, self.resets = [], [], [], []
        self.connection = http.client.HTTPConnection(
            *address("HTTP"), timeout=PATIENCE_SECONDS)
        self.connection.request(
            "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.answer = self.connection.getresponse()
        check(200, self.answer.status)
        check("text/event-stream", self.answer.getheader("Content-Type"))
        check({"retry": "1000"}, self.read_event())
        hello = self.read_event()
        check("hello", hello["event"])
        self.hello, self.id = json.loads(hello["data"]), int(hello["id"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def read_event(self):
        """The fields of the next event; none where the stream has ended."""
        fields = {}
        while line := self.answer.readline().decode().removesuffix("\n"):
            name, _, value = line.partition(": ")
            assert name not in fields, (name, fields)
            fields[name] = value
        return fields

    def read(self):
        """The next event, noted.  False: the stream has ended."""
        event = self.read_event()
        if not event:
            return False
        data = json.loads(event["data"])
        if event.get("event") == "gap":
            check((self.id + 1, int(event["id"])), (data["from"], data["to"]))
            assert data["from"] <= data["to"], data
            self.gaps.append((data["from"], data["to"]))
            self.id = data["to"]
        elif "event" in event:
            notes = {"stats": self.stats, "reset": self.resets}[event["event"]]
            notes.append(data)
        else:
            check((self.id + 1, self.id + 1), (int(event["id"]), data["id"]))
            self.messages.append(data)
            self.id += 1
        return True

    def read_to(self, last_id):
        while self.id < last_id:
            assert self.read(), f"the stream has ended at {self.id}"
        check(last_id, self.id)
        return self

    def ids(self):
        return [message["id"] for message in self.messages]
