# reading: readers of the status side beside a flood, each ten times a second.
#
# A late answer does not delay the next question but one.
#
# SPDX-License-Identifier: MIT
import contextlib
import http.client
import json
import re
import threading
import time

from sides import Failure

READS_A_SECOND = 10
PAGE_MESSAGES = 1000
# The one message has no member of these names.
MESSAGE_ID = re.compile(rb'\{"id":(\d+),"received_at":')


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


class PageReader(Reader):
    """
    Goes from `border` down page by page to the very first message, up again to the
    border, down from the newest, and so on.  The ids of a pass follow one another,
    without a gap and none twice.
    """

    def __init__(self, address, border):
        super().__init__(address, None)
        self.border, self.ends = border, 0
        self.go_down(border)

    def go_down(self, before):
        self.step, self.next_id = -1, before and before - 1
        self.path = f"/messages?limit={PAGE_MESSAGES}"
        if before:
            self.path += f"&before={before}"

    def go_up(self, after):
        self.step, self.next_id = 1, after + 1
        self.path = f"/messages?limit={PAGE_MESSAGES}&order=asc&after={after}"

    def take(self, body):
        # A tree of the page would take more of the processor than the server does for it.
        ids = [int(text) for text in MESSAGE_ID.findall(body)]
        first = self.next_id or ids[0]
        if ids != list(range(first, first + self.step * len(ids), self.step)):
            raise ValueError(f"{len(ids)} ids are not one by one from {first} on")
        end = json.loads(b"{" + body[body.rindex(b'"next_'):])
        goes_on = end["next_before" if self.step < 0 else "next_after"]
        if goes_on not in (None, ids[-1]):
            raise ValueError(f"goes on at {goes_on} behind {ids[-1]}")
        if goes_on is None and ids[-1] != 1:
            raise ValueError(f"ends at {ids[-1]}")
        if goes_on is None:
            self.ends += 1
            self.go_up(0)
        elif self.step < 0:
            self.go_down(goes_on)
        elif goes_on < self.border:
            self.go_up(goes_on)
        else:
            self.go_down(None)


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
