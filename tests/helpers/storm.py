#!/usr/bin/env python3
# storm: several senders of good and bad messages in random cuts, and one who watches.
#
#   storm.py SEED GOOD_FILE    with BIO and HTTP in the environment
#
# The plan is made before anything is sent, from the seed alone, so a storm can be had
# again.  Meanwhile /stats is read all the time and must never contradict itself.  In the
# end the good messages stand in GOOD_FILE, sorted, and the sums on standard output, a
# line of JSON.
#
# SPDX-License-Identifier: MIT
"""Send a storm of messages and say what the server has to have counted."""

import collections
import json
import random
import sys
import threading

import words

SENDERS, CONNECTIONS, MESSAGES = 4, 12, 150

# Each begins with a bracket, so each is one rejected region of a stream; the server has
# to have --max-message 2k and --max-depth 8.
BAD = [
    ("syntax", b'{"i":}'),
    ("syntax", b'{"i":1,}'),
    ("syntax", b'[01]'),
    ("syntax", b'[1 2] {"not":"looked at"}'),
    ("syntax", b'["tab\t"]'),
    ("utf8", b'["\xc3("]'),
    ("utf8", b'["\xed\xa0\x80"]'),
    ("too_deep", b'[[[[[[[[["nine"]]]]]]]]]'),
    ("too_large", b'["' + b"x" * 3000 + b'"]'),
]


def good_message(chance, number):
    """Compact and in ASCII, so that other tools print it as it is."""
    message = {"n": number, "pad": "x" * chance.choice([0, 1, 15, 16, 17, 300, 1800])}
    if chance.random() < 0.3:
        message["deep"] = [[{"a": [True, None, "\\\"", {}]}]]
    return json.dumps(message, separators=(",", ":")).encode()


def plan_connection(chance, numbers, good, bad):
    """The bytes of one connection; adds to what has to be counted."""
    parts = []
    for _ in range(MESSAGES):
        if chance.random() < 0.3:
            reason, text = chance.choice(BAD)
            bad[reason] += 1
        else:
            text = good_message(chance, next(numbers))
            good.append(text)
        parts.append(text + chance.choice([b"\n", b"\r\n", b"\n\n  \n"]))
    if chance.random() < 0.3:
        parts.append(b'{"half')
        bad["incomplete"] += 1
    return b"".join(parts)


def cut(chance, data):
    """Small cuts and large ones, some within the message they began."""
    largest = chance.choice([7, 100, 5000, 100000])
    while data:
        length = chance.randint(1, largest)
        yield data[:length]
        data = data[length:]


class Watcher(threading.Thread):
    """Reads /stats until it is told to stop; notes every contradiction."""

    def __init__(self):
        super().__init__()
        self.is_over = threading.Event()
        self.before, self.reads, self.complaints = [0] * 6, 0, []

    def run(self):
        while not self.is_over.is_set():
            self.look(words.stats())

    def look(self, now):
        messages, connections = now["messages"], now["connections"]
        closed = sum(connections["closed_total"].values())
        totals = [messages["received_total"], messages["stored_total"],
                  sum(messages["rejected_total"].values()), closed,
                  connections["accepted_total"], now["bytes"]["received_total"]]
        self.reads += 1
        if any(new < old for old, new in zip(self.before, totals)):
            self.complaints.append(f"{self.before} fell to {totals}")
        if messages["received_total"] - messages["stored_total"] != messages["queued"] or \
                messages["queued"] < 0:
            self.complaints.append(f"contradiction: {messages}")
        if connections["accepted_total"] - closed != connections["current"] or \
                not 0 <= connections["current"] <= connections["peak"]:
            self.complaints.append(f"contradiction: {connections}")
        self.before = totals


def main():
    seed, good_file = sys.argv[1:]
    chance, good, bad = random.Random(seed), [], collections.Counter()
    numbers = iter(range(1, 1000000))
    plans = [[list(cut(chance, plan_connection(chance, numbers, good, bad)))
              for _ in range(CONNECTIONS)] for _ in range(SENDERS)]
    senders = [threading.Thread(target=lambda plan=plan: [words.send(*cuts) for cuts in plan])
               for plan in plans]
    watcher = Watcher()
    for thread in [watcher, *senders]:
        thread.start()
    for thread in senders:
        thread.join()
    watcher.is_over.set()
    watcher.join()
    with open(good_file, "wb") as file:
        file.writelines(text + b"\n" for text in sorted(good))
    print(json.dumps({"good": len(good), "bad": sum(bad.values()), "reasons": dict(bad),
                      "connections": SENDERS * CONNECTIONS,
                      "bytes": sum(len(part) for plan in plans for cuts in plan for part in cuts),
                      "reads": watcher.reads, "complaints": watcher.complaints}))


if __name__ == "__main__":
    main()
