#!/usr/bin/env python3
# readers: many read the status side during a storm, and nothing they see contradicts itself.
#
#   readers.py READS    with BIO and HTTP in the environment
#
# Senders connect, send good and bad messages and go, while readers ask for every JSON path
# in turn, READS times together.  Each answer has to be strict JSON and
# agree with itself, and, with what the same reader was told before, never fall back.
# On standard output: what was sent, and how often each path was read, a line of JSON.
#
# SPDX-License-Identifier: MIT
"""Read the status side during a storm, and compare."""

import collections
import http.client
import itertools
import json
import random
import sys
import threading

import words

READERS, SENDERS = 6, 4
# Of each sender.
CONNECTIONS_MAX = 1000


class Contradiction(Exception):
    pass


def hold(holds, *what):
    if not holds:
        raise Contradiction(what)


class Reader:
    """One connection that is kept, and the totals it was told last."""

    def __init__(self, reads, is_over):
        self.reads, self.is_over = reads, is_over
        self.before = {}
        self.counts = collections.Counter()
        self.http = http.client.HTTPConnection(*words.address("HTTP"), timeout=words.PATIENCE_SECONDS)

    def run(self):
        try:
            for _, (path, judge) in zip(self.reads, itertools.cycle(JUDGES)):
                self.http.request("GET", path)
                response = self.http.getresponse()
                answer = words.strict(response.read())
                hold(response.status == 200, path, answer)
                judge(self, answer)
                self.counts[path] += 1
        finally:
            self.is_over.set()
            self.http.close()

    def never_fall(self, **totals):
        for name, total in totals.items():
            hold(total >= self.before.get(name, 0), name, "fell from", self.before.get(name), "to", total)
        self.before.update(totals)

    def judge_stats(self, now):
        messages, connections = now["messages"], now["connections"]
        closed, rejected = connections["closed_total"], messages["rejected_total"]
        hold(messages["stored_total"] <= messages["received_total"], messages)
        hold(messages["queued"] == messages["received_total"] - messages["stored_total"], messages)
        hold(connections["current"] == connections["accepted_total"] - sum(closed.values()), connections)
        hold(0 <= connections["current"] <= connections["peak"] <= connections["limit"], connections)
        hold(now["start_time"] <= now["now"], now)
        self.never_fall(received=messages["received_total"], stored=messages["stored_total"],
                        accepted=connections["accepted_total"], peak=connections["peak"],
                        bytes_received=now["bytes"]["received_total"], bytes_sent=now["bytes"]["sent_total"],
                        requests=now["http"]["requests_total"], now=int("".join(filter(str.isdigit, now["now"]))),
                        **closed, **rejected)
        if now["store"] is not None:
            store = now["store"]
            hold((store["messages"] == 0) == (store["newest_id"] is None), store)
            hold(store["messages"] <= messages["received_total"], store, messages)
            self.never_fall(newest_id=store["newest_id"] or 0, evicted=store["evicted_total"])

    def judge_page(self, page):
        ids = [message["id"] for message in page["messages"]]
        hold(ids == list(range(ids[0], ids[0] - len(ids), -1)) if ids else True, ids)
        hold(page["next_before"] in (None, ids[-1] if ids else None), page["next_before"], ids)
        self.never_fall(shown=ids[0] if ids else 0)

    def judge_latest(self, message):
        self.never_fall(shown=message["id"])

    def judge_ready(self, ready):
        hold(ready["status"] == "ready", ready)

    def judge_connections(self, told):
        numbers = [one["connection"] for one in told["connections"]]
        hold(len(set(numbers)) == len(numbers), numbers)
        times = [one["closed_at"] or one["opened_at"] for one in told["connections"]]
        hold(times == sorted(times, reverse=True), times)
        for one in told["connections"]:
            is_open = one["state"] == "open"
            hold(is_open == (one["closed_at"] is None) == (one["reason"] is None), one)
            hold(is_open or one["opened_at"] <= one["closed_at"], one)

    def judge_rejected(self, told):
        hold(len(told["rejected"]) == min(100, told["total"]), told["total"])
        times = [one["rejected_at"] for one in told["rejected"]]
        hold(times == sorted(times, reverse=True), times)
        self.never_fall(rejected_shown=told["total"])


# Every reader's round.
JUDGES = [
    ("/stats", Reader.judge_stats),
    ("/messages", Reader.judge_page),
    ("/stats", Reader.judge_stats),
    ("/messages/latest", Reader.judge_latest),
    ("/stats", Reader.judge_stats),
    ("/readyz?verbose", Reader.judge_ready),
    ("/stats", Reader.judge_stats),
    ("/connections?state=all", Reader.judge_connections),
    ("/stats", Reader.judge_stats),
    ("/rejected", Reader.judge_rejected),
]


class Sender:
    """Connections one after another, of one message and of many, good and bad; counts what
    the server has to count."""

    def __init__(self, seed, is_over):
        self.chance, self.is_over = random.Random(seed), is_over
        self.sent = collections.Counter()

    def run(self):
        for _ in range(CONNECTIONS_MAX):
            parts = []
            for _ in range(self.chance.choice([0, 1, 1, 50])):
                good, bad = self.chance.choice([(1, 0), (0, 1), (20, 3), (500, 0)])
                text = [b'{"n":1}\n'] * good + [b"[bad\n"] * bad
                self.chance.shuffle(text)
                parts.append(b"".join(text))
                self.sent += collections.Counter(good=good, bad=bad)
            words.send(*parts)
            self.sent["connections"] += 1
            if self.is_over.is_set():
                break


def main():
    reads, is_over = iter(range(int(sys.argv[1]))), threading.Event()
    words.send(b"1\n")
    words.wait_for_counter("messages.stored_total", 1)
    senders = [Sender(seed, is_over) for seed in range(SENDERS)]
    readers = [Reader(reads, is_over) for _ in range(READERS)]
    everybody = iter(senders + readers)
    words.in_parallel(lambda: next(everybody).run(), SENDERS + READERS)
    sent = sum((sender.sent for sender in senders), collections.Counter(good=1, connections=1))
    print(json.dumps({"sent": sent, "reads": sum((reader.counts for reader in readers), collections.Counter())}))


if __name__ == "__main__":
    main()
