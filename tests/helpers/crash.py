#!/usr/bin/env python3
# crash: kills the server, and its senders, at random moments, and looks what is left.
#
#   crash.py FOLDER SEED SERVER_KILLS CLIENT_KILLS    with BUILD in the environment
#
# Senders with sessions and a plain one (sender.py) send all the time, one who watches reads
# what /messages shows.  After each kill the file is judged as it was found; in the end,
# after an orderly stop, everything in it is compared with what was acknowledged, shown and
# printed.  The moments of the kills come from the seed; what they hit does not.
#
# Prints its sums, a line of JSON; the first broken promise ends it with 1.
#
# SPDX-License-Identifier: MIT
"""Kill a server under load, again and again, and compare."""

import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import sender

SESSIONS = ["lines-1", "length-1", "rs-1"]
PLAIN = ["stream-1"]
PATIENCE_SECONDS = 30
HERE = Path(__file__).parent


def demand(condition, what):
    if not condition:
        raise SystemExit(f"crash: {what}")


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        demand(time.monotonic() < deadline, f"gave up waiting for {what}")
        time.sleep(0.005)


class Server:
    """The server, which is started again and again on one file."""

    def __init__(self, folder):
        self.folder, self.ready = folder, folder / "ready"
        self.process, self.starts = None, 0

    def start(self):
        self.starts += 1
        command = [f"{os.environ['BUILD']}/bio-server", "--store", self.folder / "bio.db",
                   "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
                   "--ready-file", self.ready, "--print", "--log-level", "warn",
                   "--max-message", str(sender.MESSAGE_BYTES_MAX),
                   "--max-depth", str(sender.DEPTH_MAX)]
        with open(self.folder / f"printed-{self.starts}", "wb") as out, \
                open(self.folder.parent / "server.err", "ab") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err)

    def http_address(self):
        """None: it is not ready yet."""
        try:
            return self.ready.read_text().split("http ")[1].strip()
        except FileNotFoundError:
            return None

    def wait(self):
        wait_for(lambda: self.http_address() or self.process.poll() is not None, "the server")
        demand(self.process.poll() is None, "the server has ended")

    def kill(self):
        self.process.kill()
        demand(self.process.wait() == -signal.SIGKILL, "the server had ended before the kill")
        self.ready.unlink(missing_ok=True)

    def stop(self):
        self.process.terminate()
        demand(self.process.wait(PATIENCE_SECONDS) == 0, "the server did not stop in order")


class Client:
    """A sender's process, which is started again and again with one session."""

    def __init__(self, session, folder):
        self.session, self.folder, self.starts = session, folder, 0
        self.start()

    def start(self):
        self.starts += 1
        self.process = subprocess.Popen([HERE / "sender.py", self.session, self.folder])

    def kill(self):
        wait_for(lambda: self.log().count(["begin"]) == self.starts, f"{self.session} to begin")
        self.process.kill()
        demand(self.process.wait() == -signal.SIGKILL, f"{self.session} had ended: {self.log()[-1:]}")

    def log(self):
        path = self.folder / f"{self.session}.log"
        return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []

    def told(self, word):
        return [int(line[1]) for line in self.log() if line[0] == word]

    def acknowledged(self):
        return max(self.told("ack") + [next - 1 for next in self.told("welcome")], default=0)


class Watcher(threading.Thread):
    """Reads what /messages shows, and remembers it."""

    DATA = re.compile(rb'{"id":(\d+),.*?"name":[^,]*,"framing":"\w+","size_bytes":\d+,"data":(.*)}')

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.seen = server, {}
        self.is_over, self.fault = threading.Event(), None

    def run(self):
        try:
            while not self.is_over.wait(0.005):
                self.look()
        except (Exception, SystemExit) as fault:  # pylint: disable=broad-except
            self.fault = fault

    def stop(self):
        self.is_over.set()
        self.join(PATIENCE_SECONDS)
        demand(self.fault is None, f"who watches: {self.fault!r}")

    def look(self):
        """Until the server is killed."""
        address = self.server.http_address()
        if address is None:
            return
        try:
            connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
            while not self.is_over.wait(0.005):
                # The newest: they are what a kill may find to be shown too early.
                connection.request("GET", "/messages?format=ndjson&limit=300")
                answer = connection.getresponse()
                demand(answer.status == 200, f"/messages: {answer.status}")
                self.remember(answer.read())
        except (OSError, http.client.HTTPException):
            pass

    def remember(self, page):
        for line in page.splitlines():
            number, data = self.DATA.fullmatch(line).groups()
            before = self.seen.setdefault(int(number), data)
            demand(before == data, f"message {number} was {before} and then {data}")


def texts_of(body):
    """The exact texts of a row's body."""
    decoder, text, at = json.JSONDecoder(), body.decode(), 1
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        yield text[at:end].encode()
        at = end + 1


def one_line(text):
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


class Judge:
    """Compares the file with what was promised."""

    def __init__(self, folder, clients):
        self.folder, self.clients = folder, clients

    def after_a_kill(self):
        """Looks at a copy: to look at the file itself would recover it."""
        promised = {client.session: client.acknowledged() for client in self.clients}
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in "bio.db", "bio.db-wal":
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, copy / name)
        if not (copy / "bio.db").exists():
            return
        db = sqlite3.connect(copy / "bio.db")
        check = db.execute("PRAGMA integrity_check").fetchall()
        demand(check == [("ok",)], f"integrity_check: {check}")
        if any(promised.values()):
            lasts = dict(db.execute("SELECT id, last FROM session"))
            for session, number in promised.items():
                demand(lasts.get(session, 0) >= number,
                       f"{session}: {number} was acknowledged, {lasts.get(session)} is stored")
        db.close()

    def at_the_end(self, seen, printed):
        db = sqlite3.connect(self.folder / "bio.db")
        demand(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "integrity_check")
        self.lasts = dict(db.execute("SELECT id, last FROM session"))
        self.stored, of_session, before, before_us = {}, {}, 0, 0
        for first, count, received_us, body in db.execute(
                "SELECT first_id, count, received_us, CAST(body AS BLOB) FROM batch"
                " ORDER BY first_id"):
            texts = list(texts_of(body))
            demand(len(texts) == count, f"batch {first} has {len(texts)} messages, not {count}")
            demand(first == before + 1, f"batch {first} follows message {before}")
            demand(received_us >= before_us, f"batch {first} came before the one before it")
            before, before_us = first + count - 1, received_us
            self.stored.update(enumerate(texts, first))
        for text in self.stored.values():
            value = json.loads(text)
            of_session.setdefault(value["s"], []).append((value["n"], text))
        for client in self.clients:
            self.judge_session(client, of_session.pop(client.session, []))
        for session, found in of_session.items():
            self.judge_plain(session, found)
        self.judge_readers(seen, printed)
        return db.execute("SELECT sum(count) FROM batch").fetchone()[0]

    def judge_session(self, client, found):
        session, log = client.session, client.log()
        demand(log[-1][0] == "end", f"{session}: {log[-1]}")
        last = int(log[-1][1])
        demand(self.lasts[session] == last, f"{session}: {self.lasts[session]} is stored, not {last}")
        expected = []
        for number in range(1, last + 1):
            text, reason = sender.message(session, number)
            if reason is None:
                expected.append((number, text))
        wrong = sorted(set(found) ^ set(expected))
        demand(found == expected,
               f"{session}: missing, too much, other, twice or out of order: {wrong[:5]}")

    def judge_plain(self, session, found):
        numbers = [number for number, _ in found]
        demand(numbers == sorted(set(numbers)), f"{session}: out of order, or twice")
        for number, text in found:
            demand(text == sender.message(session, number)[0], f"stored otherwise: {text}")

    def judge_readers(self, seen, printed):
        for number, data in seen.items():
            demand(one_line(self.stored.get(number, b"")) == data,
                   f"message {number} was shown as {data}, and is {self.stored.get(number)}")
        stored = {one_line(text) for text in self.stored.values()}
        for text in printed:
            demand(text in stored, f"was printed and is not stored: {text}")


def printed_messages(folder):
    """What --print wrote, without a last line that the kill cut off."""
    shape = re.compile(rb"session-\d+ \S+ ({.*})")
    for path in folder.glob("printed-*"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            if match := shape.fullmatch(line):
                yield match[1]


def run_round(chance, server, judge, victim):
    """One life of the server."""
    server.start()
    if chance.random() < 0.85:
        server.wait()
        moment = chance.uniform(0, 0.5)
    else:
        moment = chance.uniform(0, 0.05)  # it may be at recovering what the last kill left
    if victim:
        time.sleep(moment / 2)
        victim.kill()
        victim.start()
        moment /= 2
    time.sleep(moment)
    server.kill()
    judge.after_a_kill()


def main():
    folder, seed, server_kills, client_kills = Path(sys.argv[1]), *map(int, sys.argv[2:])
    chance = random.Random(seed)
    folder.mkdir()
    server = Server(folder)
    clients = [Client(session, folder) for session in SESSIONS]
    plain = [Client(session, folder) for session in PLAIN]
    judge, watcher = Judge(folder, clients), Watcher(server)
    try:
        watcher.start()
        rounds_with_victims = set(chance.sample(range(server_kills), client_kills))
        for number in range(server_kills):
            victim = chance.choice(clients) if number in rounds_with_victims else None
            run_round(chance, server, judge, victim)
        server.start()
        server.wait()
        (folder / "stop").touch()
        for client in clients + plain:
            demand(client.process.wait(PATIENCE_SECONDS) == 0, f"{client.session}: {client.log()[-1:]}")
        watcher.stop()
        server.stop()
        printed = list(printed_messages(folder))
        total = judge.at_the_end(watcher.seen, printed)
    finally:
        for process in [server.process] + [client.process for client in clients + plain]:
            if process and process.poll() is None:
                process.kill()
                process.wait()
    cuts = [cut for client in clients for cut in client.told("cut")]
    print(json.dumps({
        "seed": seed, "server_kills": server_kills, "client_kills": client_kills,
        "acknowledged": sum(client.acknowledged() for client in clients),
        "naks": sum(len(client.told("nak")) for client in clients),
        "begins": sum(client.log().count(["begin"]) for client in clients),
        "cuts": len(cuts), "cut_numbers": sum(cuts), "stored": total,
        "seen": len(watcher.seen), "printed": len(printed)}))


if __name__ == "__main__":
    main()
