# documents: what is sent: the one message of the first sender ever, 85 bytes with its
# newline, and JSON as services write it, made from a seed, the same in every run.
#
# A log line is of 100 to 700 bytes: a time, a level, and members in English.
#
# A document is 1 to 100 KiB, small ones are more frequent than large ones: records of
# nested objects and arrays, numbers of all shapes, English, Chinese and emoji text, and
# escapes.  Most records keep their characters; one in eight has them as \uXXXX.
#
# SPDX-License-Identifier: MIT
import json
import random

SEED_MESSAGE = (b'{"send_user": "Lyon", "send_time": "2026-01-01 00:00:00", '
                b'"send_msg": "BIO test..."}\n')
SEED, DOCUMENTS, LOG_LINES = 2026, 128, 4000
MIN_BYTES, MAX_BYTES = 1024, 100 * 1024

ENGLISH = """the pump reported a pressure drop after valve seven was closed and an
operator confirmed that the line had been drained before maintenance began""".split()
CHINESE = ["消息", "服务器", "连接", "温度", "压力", "已经", "确认", "订单", "客户", "上海",
           "北京", "今天", "开始", "结束", "正常", "警告", "设备", "记录", "时间", "数据"]
EMOJI = ["😀", "🚀", "🌪", "👍🏽", "🎉", "⚠️", "❤️", "🧪"]
ESCAPED = ['said "stop"', "C:\\logs\\bio", "first line\nsecond line", "a\ttab",
           "bell\u0007", "x\r\n", "</script>"]


def make_text(rng, words):
    kinds = [ENGLISH] * 7 + [CHINESE] * 4 + [EMOJI, ESCAPED]
    picked = [rng.choice(rng.choice(kinds)) for _ in range(words)]
    return " ".join(picked)


def make_number(rng):
    return rng.choice([
        rng.randint(-9, 99), rng.randint(0, 2**31), rng.randint(0, 2**53),
        round(rng.uniform(-90, 90), 6), rng.random() * 1e-9, -rng.random(),
        rng.random() * 1e300])


def make_reading(rng):
    return {"sensor": f"s-{rng.randint(1, 400)}", "value": make_number(rng),
            "unit": rng.choice(["°C", "kPa", "m³/h", "rpm"]),
            "ok": rng.random() < 0.9}


def make_record(rng):
    return {
        "id": rng.randint(1, 10**12),
        "created_at": f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
                      f"T{rng.randint(0, 23):02}:15:{rng.randint(0, 59):02}.125Z",
        "customer": {"name": make_text(rng, 2), "city": rng.choice(CHINESE),
                     "vip": rng.random() < 0.2, "parent": None,
                     "location": [make_number(rng), make_number(rng)]},
        "message": make_text(rng, rng.randint(3, 40)),
        "tags": [make_text(rng, 1) for _ in range(rng.randint(0, 5))],
        "readings": [make_reading(rng) for _ in range(rng.randint(0, 4))],
        "trace": {"span": f"{rng.getrandbits(64):016x}", "path": {"depth": {
            "left": [[], {}, [rng.randint(0, 9)]], "right": make_number(rng)}}},
    }


def make_document(rng, wanted_bytes):
    """Records until it is as large as wanted."""
    separators = rng.choice([(",", ":"), (", ", ": ")])
    records, length = [], 0
    while length < wanted_bytes:
        records.append(json.dumps(make_record(rng), separators=separators,
                                  ensure_ascii=rng.random() < 1 / 8))
        length += len(records[-1].encode()) + 1
    return ('{"source":"documents","records":[' + ",".join(records) + "]}\n").encode()


def make_log_line(rng):
    line = {"time": f"2026-11-28T08:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.125Z",
            "level": rng.choice(["info", "warn", "error"]), "service": "checkout",
            "message": " ".join(rng.choices(ENGLISH, k=rng.randint(2, 9)))}
    for name in rng.sample(ENGLISH, rng.randint(1, 21)):
        line[name] = rng.choice([
            rng.randint(0, 10**6), round(rng.random(), 3), True, None, rng.choice(ENGLISH),
            {"count": rng.randint(0, 99), "path": "/v1/" + rng.choice(ENGLISH)},
            [rng.randint(0, 99), rng.randint(0, 99)]])
    return (json.dumps(line, separators=(",", ":")) + "\n").encode()


def make_log_lines():
    rng = random.Random(SEED)
    return b"".join(make_log_line(rng) for _ in range(LOG_LINES))


def make_documents():
    """All of them in one, one a line; the sizes lie evenly on a logarithmic scale."""
    rng = random.Random(SEED)
    growth = MAX_BYTES * 0.95 / MIN_BYTES
    lines = [make_document(rng, MIN_BYTES * growth ** (i / (DOCUMENTS - 1)))
             for i in range(DOCUMENTS)]
    assert all(MIN_BYTES <= len(line) <= MAX_BYTES for line in lines)
    rng.shuffle(lines)
    return b"".join(lines)
