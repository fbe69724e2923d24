# works: the table of what is measured, a row each, with its bar and its aim.
#
# SPDX-License-Identifier: MIT
from idle import IdleMemory, IdleWait
from rates import Cycles, DocumentRate, EventRate, PeerRate, Rate, ReadRate
from scanning import Scan
from storing import AckWait, BareStoredRate, HistoryRate, StoredRate

ONE, FOUR = "flood --connections 1", "flood --connections 4"
LOADS = ("1 connection", ONE), ("4 connections", FOUR)

WORKS = [
    Rate("yardstick: count / discard, 1 connection", ONE, 0.8,
         subject="count", yardstick="discard"),
    Rate("yardstick: count / discard, 4 connections", FOUR, 0.8,
         subject="count", yardstick="discard"),
    Rate("flood, 1 connection", ONE, 0.33, 0.5),
    Rate("flood, 4 connections", FOUR, 0.25, 0.4),
    DocumentRate("flood of documents, 1 connection", ONE, 0.33, 0.5),
    Scan("scan / cJSON, the one message", 5, 10, payload="seed"),
    Scan("scan / cJSON, log lines", 5, 10, payload="log"),
    Scan("scan / cJSON, documents", 5, 10, payload="documents"),
    Cycles("connect-send-close, 8 threads", "cycle --threads 8", 0.9, 1.0),
    Rate("one write a message, 4 connections", "each --connections 4", 0.8, 0.95),
    IdleMemory("resident KiB an idle connection", 20, 16),
    IdleWait("p99 wait beside idle ones and a flood", 20, 5),
    ReadRate("flood while the status side is read", ONE, 0.9, 1.0),
    EventRate("flood while 64 follow the events", ONE, 0.9, 1.0),
] + [
    PeerRate(f"against {peer}, {connections}", load, yardstick=peer)
    for peer in ("rsyslog", "redis-server", "threaded.py")
    for connections, load in LOADS
] + [
    BareStoredRate(f"stored flood / bare SQLite, {connections}", load, 0.6, 0.8)
    for connections, load in LOADS
] + [
    AckWait("wait for an ack / synced write", 1.6, 1.4, {"ack": "store"}),
    AckWait("the same with a session", 1.6, 1.4, {"ack": "store", "session": "bench"}),
    HistoryRate("stored flood while history is read", ONE, 0.9, 1.0),
] + [
    StoredRate(f"stored flood against {peer}, 4 connections", FOUR, yardstick=peer)
    for peer in ("redis-server, synced", "nats-server")
]
