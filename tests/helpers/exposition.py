# exposition: what /metrics says, taken apart, and what has to hold within one scrape.
#
# SPDX-License-Identifier: MIT
"""The metrics as a dictionary: sample, with its labels as they stand there, to value."""

import http.client
import re

import words

SAMPLE = re.compile(r'([a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) ([0-9]+(?:\.[0-9]+)?)')
# All of them only grow.
GROWING = re.compile(r"_total(\{|$)|_bucket\{|_sum$|_count$")


def read_text():
    connection = http.client.HTTPConnection(*words.address("HTTP"), timeout=words.PATIENCE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode("ascii")
    finally:
        connection.close()


def scrape():
    """Every sample, once each; and what a reader expects of any scrape is looked at."""
    samples = {}
    for line in read_text().splitlines():
        if not line.startswith("# "):
            name, value = SAMPLE.fullmatch(line).groups()
            words.check(False, name in samples)
            samples[name] = float(value) if "." in value else int(value)
    check_agreement(samples)
    return samples


def by_label(samples, name):
    """The values of a family that has one label, by what that says."""
    return {sample.split('"')[1]: value for sample, value in samples.items()
            if sample.startswith(name + "{")}


def total(samples, name):
    return sum(value for sample, value in samples.items() if sample.startswith(name + "{"))


def check_agreement(samples):
    received = total(samples, "bio_messages_received_total")
    words.check(received, samples["bio_message_size_bytes_count"])
    words.check(received - samples["bio_messages_stored_total"],
                samples["bio_store_queue_messages"])
    words.check(samples["bio_connections_accepted_total"] -
                total(samples, "bio_connections_closed_total"), samples["bio_connections"])
    for name in "bio_message_size_bytes", "bio_store_commit_duration_seconds":
        buckets = list(by_label(samples, name + "_bucket").values())
        words.check(sorted(buckets), buckets)
        words.check(samples[name + "_count"], buckets[-1])


def check_growth(before, after):
    words.check(before.keys(), after.keys())
    for name in filter(GROWING.search, before):
        if after[name] < before[name]:
            raise AssertionError(f"{name} fell from {before[name]} to {after[name]}")
