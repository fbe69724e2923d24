# idle: works beside thousands of connections that are open and silent.
#
# SPDX-License-Identifier: MIT
import contextlib
import resource
import time

from work import Work

HELD, HELD_QUICK, SPARE_DESCRIPTORS = 10000, 2000, 500
PROBES_A_SECOND, PROBE_SECONDS, PROBE_SECONDS_QUICK = 20, 30, 1.5
STEADY_SECONDS, STEADY_SECONDS_AT_MOST = 0.1, 5


def raise_descriptor_limit():
    """As far as allowed, for this process and those it starts."""
    wanted = HELD + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Above the hard one only with privileges.
    for limits in (max(wanted, hard), max(wanted, hard)), (hard, hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            return


class IdleWork(Work):
    less_is_better = True
    # A connection stays in the kernel's tables for two minutes.
    most_rounds = 3

    def held(self, bench):
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(HELD_QUICK if bench.is_quick else HELD, limit - SPARE_DESCRIPTORS)

    def run_seconds(self, bench):
        return 0.6 + self.held(bench) / 8000

    @contextlib.contextmanager
    def start(self, side, bench):
        options = f"--max-connections {self.held(bench) + SPARE_DESCRIPTORS}"
        with bench.start(side, options) as (process, sent):
            yield process, sent

    @contextlib.contextmanager
    def hold(self, process, sent, bench, seconds=0):
        """Open connections beside the block; behind it they are ended in order."""
        with bench.start_sender("idle", "--connections", self.held(bench), "--to",
                                process.address(), seconds=seconds) as say:
            process.add(sent, say())
            yield


def steady_resident_kib(process):
    """Once two readings say the same, or almost: the last messages have been read."""
    deadline = time.monotonic() + STEADY_SECONDS_AT_MOST
    before, now = 0, process.resident_kib()
    while now > before * 1.001 and time.monotonic() < deadline:
        time.sleep(STEADY_SECONDS)
        before, now = now, process.resident_kib()
    return now


class IdleMemory(IdleWork):
    """What an open connection keeps in memory after its one message."""
    unit = value_unit = "KiB"

    def run(self, side, bench):
        with self.start(side, bench) as (process, sent):
            before = steady_resident_kib(process)
            with self.hold(process, sent, bench):
                grown = steady_resident_kib(process) - before
        held = self.held(bench)
        return grown / held, {"connections": held}


class IdleWait(IdleWork):
    """How long a short connection waits, beside the silent ones and one flood."""
    unit = value_unit = "ms"

    def probe_seconds(self, bench):
        return PROBE_SECONDS_QUICK if bench.is_quick else PROBE_SECONDS

    def run_seconds(self, bench):
        return super().run_seconds(bench) + self.probe_seconds(bench) + 0.5

    def run(self, side, bench):
        seconds = self.probe_seconds(bench)
        with self.start(side, bench) as (process, sent):
            with self.hold(process, sent, bench, seconds):
                # Until the last probe has come back, and a little longer.
                with bench.start_sender(
                        "load", "flood", "--connections", 1, "--seconds", seconds + 0.5,
                        "--to", process.address(), seconds=seconds) as say:
                    waits = bench.send(
                        process, sent, "probe", "--rate", PROBES_A_SECOND, "--seconds",
                        seconds, seconds=seconds)
                    process.add(sent, say())
        return waits["p99_ms"], {"p50 ms": waits["p50_ms"], "max ms": waits["max_ms"],
                                 "connections": self.held(bench)}
