# scanning: the scanner alone against cJSON, which a program of its own measures.
#
# SPDX-License-Identifier: MIT
import json
import os
import statistics
import subprocess

from bench import SENDER_SECONDS
from sides import Failure
from work import Work

# Of a run; six of them are a round: the scanner, cJSON and memchr, there and back.
RUN_SHARE = 0.2


class Scan(Work):
    value_unit = "MB/s"

    def __init__(self, name, bar, aim, payload):
        super().__init__(name, bar, aim, subject="scan", yardstick="cjson")
        self.payload = payload

    def run_seconds(self, bench):
        return bench.seconds * RUN_SHARE * 6 / 4

    def run_program(self, bench):
        command = [os.path.join(bench.build, "bench", "scan"),
                   "--payload", bench.payload(self.payload),
                   "--rounds", str(self.rounds(bench)),
                   "--seconds", str(bench.seconds * RUN_SHARE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=self.expected_seconds(bench) + SENDER_SECONDS)
        if done.returncode != 0:
            raise Failure(done.stderr.strip() or f"scan: {done.returncode}")
        return json.loads(done.stdout)

    def measure(self, bench):
        """The program names first the path that the server takes."""
        bench.show(self.name)
        rates = {name: [rate / 1e6 for rate in rates]
                 for name, rates in self.run_program(bench).items()}
        notes = {f"{name} MB/s": statistics.median(rates[name]) for name in rates}
        return self.make_row(next(iter(rates.values())), rates["cjson"], notes)
