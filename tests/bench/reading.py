# reading: readers of the status side beside a flood, each ten times a second.
#
# A late answer does not delay the next question but one.
#
# SPDX-License-Identifier: MIT
import contextlib
import http.client
import threading
import time

from sides import Failure

READS_A_SECOND = 10


class Reader:
    """Asks for one path again and again, in a thread of its own."""

    def __init__(self, address, path):
        self.address, self.path = address, path
        self.answers, self.failure = 0, None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def take(self, body):
        """Raises ValueError if it is not what it shall be."""
        if not body:
            raise ValueError("an empty answer")

    def ask(self, connection):
        connection.request("GET", self.path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        self.take(body)
        self.answers += 1

    def run(self):
        start = time.monotonic()
        try:
            connection = http.client.HTTPConnection(self.address, timeout=10)
            with contextlib.closing(connection):
                while not self.is_over.wait(
                        start + self.answers / READS_A_SECOND - time.monotonic()):
                    self.ask(connection)
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            self.failure = f"{self.path}: {error!r}"


@contextlib.contextmanager
def read(readers):
    """Readers beside the block; none may fail, or have had less than half of its turns."""
    start = time.monotonic()
    for reader in readers:
        reader.thread.start()
    try:
        yield
        due = (time.monotonic() - start) * READS_A_SECOND
    finally:
        for reader in readers:
            reader.is_over.set()
        for reader in readers:
            reader.thread.join()
    for reader in readers:
        if reader.failure:
            raise Failure(reader.failure)
        if reader.answers < due / 2:
            raise Failure(f"{reader.path}: only {reader.answers} answers, where "
                          f"{due:.0f} questions were due")
