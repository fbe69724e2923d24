# peers: other programs that take many small JSON messages over TCP.
#
# Each gets the same message from the same sender, in the form that it wants, and says
# afterwards how many it took.  One that is not installed is left out, by name.
#
# SPDX-License-Identifier: MIT
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

from documents import SEED_MESSAGE
from sides import Failure, Receiver, Side, compare

HERE = os.path.dirname(os.path.abspath(__file__))


def find_program(name):
    """Its path, or None; Debian keeps some out of the users' search path."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")


class Threaded(Receiver):
    """threaded.py: a thread a connection, recv, split, json.loads."""

    def __init__(self, folder):
        super().__init__(folder, "", "")
        self.command = [sys.executable, os.path.join(HERE, "threaded.py")]


class Rsyslog(Side):
    """
    rsyslogd: imtcp takes lines as they are, mmjsonparse parses each one (by its manual:
    with an empty cookie and the raw message it wants no syslog header), and for each that
    parsed a line feed goes to a file, whose size is thus the count.

    Its queue holds 10,000 messages at most: the sender's clock stops when the last byte
    has been read, so they are what rsyslog is given for nothing.
    """
    CONFIGURATION = """
        global(workDirectory="{folder}")
        module(load="imtcp")
        module(load="mmjsonparse")
        template(name="mark" type="string" string="\\n")
        ruleset(name="json" queue.type="LinkedList" queue.size="10000"
                queue.workerThreads="4" queue.dequeueBatchSize="1024") {{
            action(type="mmjsonparse" cookie="" useRawMsg="on")
            if $parsesuccess == "OK" then
                action(type="omfile" file="{folder}/parsed" template="mark")
        }}
        input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{folder}/port"
              ruleset="json")
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.command = [find_program("rsyslogd"), "-n", "-f", self.path("conf"),
                        "-i", self.path("pid")]
        with open(self.path("conf"), "w", encoding="utf-8") as file:
            file.write(self.CONFIGURATION.format(folder=folder))

    def address(self):
        if not os.path.exists(self.path("port")):
            return None
        port = self.read("port").strip()
        return port and f"127.0.0.1:{port}"

    def count(self):
        is_there = os.path.exists(self.path("parsed"))
        return {"messages": os.path.getsize(self.path("parsed")) if is_there else 0}

    def finish(self, sent):
        counted = self.settle(sent)
        self.stop()
        compare(sent, counted)


class Redis(Side):
    """
    redis-server: an LPUSH a message, many a write, and after each 2,000 a DEL, so that
    the list stays short.  Replies are off: nobody reads them, they would fill its memory.
    """
    MESSAGES = 2000
    PERSISTENCE = "--save", "", "--appendonly", "no"

    def __init__(self, folder):
        super().__init__(folder)
        # There is no way to let it choose a port and to hear which.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.command = [find_program("redis-server"), "--bind", "127.0.0.1",
                        "--port", str(self.port), "--dir", folder, *self.PERSISTENCE]
        self.payload = self.path("payload")
        self.write_payload()

    @staticmethod
    def encode(*words):
        strings = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        return b"*%d\r\n" % len(words) + b"".join(strings)

    def write_payload(self):
        push = self.encode(b"LPUSH", b"messages", SEED_MESSAGE.rstrip())
        content = (self.encode(b"CLIENT", b"REPLY", b"OFF") + push * self.MESSAGES
                   + self.encode(b"DEL", b"messages"))
        self.payload_bytes = len(content)
        with open(self.payload, "wb") as file:
            file.write(content)

    def messages_in(self, result):
        return result["bytes"] // self.payload_bytes * self.MESSAGES

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as redis:
            redis.sendall(command + b"\r\nQUIT\r\n")
            return b"".join(iter(lambda: redis.recv(65536), b""))

    def address(self):
        try:
            return self.ask(b"PING").startswith(b"+PONG") and f"127.0.0.1:{self.port}"
        except OSError:
            return None

    def count(self):
        for line in self.ask(b"INFO commandstats").splitlines():
            if line.startswith(b"cmdstat_lpush:calls="):
                return {"messages": int(line.split(b"=")[1].split(b",")[0])}
        return {"messages": 0}

    def finish(self, sent):
        try:
            counted = self.settle(sent)
        except OSError as error:
            raise Failure(f"redis-server did not answer: {error}") from error
        self.stop()
        compare(sent, counted)


class SyncedRedis(Redis):
    """
    The same with its log: whatever the commands of a read of 16 KiB have changed is
    written and synced before anybody is answered, so what it counts is durable.  The log
    is not rewritten meanwhile.
    """
    PERSISTENCE = ("--save", "", "--appendonly", "yes", "--appendfsync", "always",
                   "--auto-aof-rewrite-percentage", "0")


class JetStream(Side):
    """
    nats-server with a stream in a file, sent to by its own library, publish.c.  Whether
    it can sync before it acknowledges depends on its version.
    """
    sender = "publish"
    # It takes a SIGTERM for a failure.
    stop_signal = signal.SIGINT
    CONFIGURATION = """
        listen: "127.0.0.1:-1"
        http: "127.0.0.1:-1"
        ports_file_dir: "{folder}"
        jetstream {{ store_dir: "{folder}" {sync} }}
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.command = [find_program("nats-server"), "-c", self.path("conf")]
        self.is_synced = self.configure("sync_interval: always")
        if not self.is_synced and not self.configure(""):
            raise Failure("nats-server does not take its configuration")
        self.figures = {"syncs": int(self.is_synced)}

    def configure(self, sync):
        with open(self.path("conf"), "w", encoding="utf-8") as file:
            file.write(self.CONFIGURATION.format(folder=self.folder, sync=sync))
        return subprocess.run([*self.command, "-t"], capture_output=True,
                              check=False).returncode == 0

    def address(self, name="nats"):
        ports = self.path(f"nats-server_{self.process.pid}.ports")
        if not os.path.exists(ports):
            return None
        with open(ports, encoding="utf-8") as file:
            text = file.read()
        return text and json.loads(text)[name][0].split("//")[1]

    def count(self):
        url = f"http://{self.address('monitoring')}/jsz"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return {"messages": json.load(answer)["messages"]}

    def finish(self, sent):
        try:
            counted = self.settle(sent)
        except (OSError, ValueError, LookupError) as error:
            raise Failure(f"nats-server gave no usable count: {error!r}") from error
        self.stop()
        compare(sent, counted)


SIDES = {"rsyslog": Rsyslog, "redis-server": Redis, "threaded.py": Threaded,
         "redis-server, synced": SyncedRedis, "nats-server": JetStream}
# What each needs beyond what the bench itself needs: programs, by their packages.
PROGRAMS = {
    "rsyslog": {"rsyslog": "rsyslogd"},
    "redis-server": {"redis-server": "redis-server"},
    "redis-server, synced": {"redis-server": "redis-server"},
    "nats-server": {"nats-server": "nats-server", "libnats-dev": "publish"},
}


def missing_package(side, build):
    """A package to install before the side can be started, or None."""
    for package, program in PROGRAMS.get(side, {}).items():
        # A sender that is not there was not built, for want of its library.
        built = os.path.join(build, "bench", program)
        if not find_program(program) and not os.path.exists(built):
            return package
    return None
