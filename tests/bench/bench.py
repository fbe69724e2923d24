# bench: what all rows share: where things are, how often and how long, and the starting
# of sides and senders.
#
# SPDX-License-Identifier: MIT
import collections
import contextlib
import functools
import json
import os
import subprocess
import tempfile
import threading

import documents
import peers
from sides import Bio, Failure, Receiver, StoringBio

SENDER_SECONDS = 60
STORED_MESSAGES = 1_000_000


class Bench:

    def __init__(self, args, folder):
        self.build, self.rounds, self.seconds = args.build, args.rounds, args.seconds
        self.is_quick, self.folder = args.quick, folder
        self.show = lambda progress: None

    def payload(self, name):
        """A file of messages, a line each, made when it is first needed."""
        make = {"documents": documents.make_documents, "log": documents.make_log_lines,
                "seed": lambda: documents.SEED_MESSAGE * 3000}[name]
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(make())
        return path

    def stored_messages(self):
        """A store's file with STORED_MESSAGES in it or some more, and how many."""
        path = os.path.join(self.folder, "stored.db")
        if not os.path.exists(path):
            self.show(f"preparing {STORED_MESSAGES:,} stored messages")
            with self.start("stored", keep=path) as (process, sent):
                while sent["messages"] < STORED_MESSAGES:
                    self.send(process, sent, "load", "flood", "--seconds", 0.1)
            self.stored_count = sent["messages"]
        return path, self.stored_count

    @contextlib.contextmanager
    def start(self, side, options="", **store):
        """
        A side in a folder of its own, and a counter to which its user adds what it was
        sent.  Behind the block the side is ended and its counts are compared.
        """
        if side in ("bio", "stored"):
            make = functools.partial(StoringBio if side == "stored" else Bio,
                                     build=self.build, options=options, **store)
        else:
            make = peers.SIDES.get(side) or functools.partial(
                Receiver, build=self.build, does=side)
        with tempfile.TemporaryDirectory(prefix="bio-bench-") as folder:
            with make(folder) as process:
                sent = collections.Counter()
                process.wait_until_ready()
                try:
                    yield process, sent
                except Failure as failure:
                    process.fail(f"was the receiver when this happened: {failure}")
                process.finish(sent)

    @contextlib.contextmanager
    def start_sender(self, name, *arguments, seconds=0):
        """
        A sender beside the block, which is given `say`: that waits for the line that the
        sender says once it is done, or holds what it shall.  The sender's input ends
        with the block, and it must end well; `say.rest` is what it says then.
        """
        command = [os.path.join(self.build, "bench", name), *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            too_long = threading.Timer(seconds + SENDER_SECONDS, process.kill)
            too_long.start()

            def end():
                say.rest, complaint = process.communicate()
                if process.returncode != 0:
                    raise Failure(complaint.strip() or f"{name} was ended by force")

            def say():
                line = process.stdout.readline()
                if not line:
                    end()
                    raise Failure(f"{name} said nothing")
                return json.loads(line)

            try:
                yield say
                end()
            finally:
                too_long.cancel()
                process.kill()

    def send(self, process, sent, name, *arguments, seconds=0):
        """Runs a sender to its end, adds what it sent, and returns what it said."""
        to = "--to", process.address()
        with self.start_sender(name, *arguments, *to, seconds=seconds) as say:
            result = say()
        process.add(sent, result)
        return result
