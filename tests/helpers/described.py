#!/usr/bin/env python3
# described: holds /openapi.json against the server that runs.
#
#   described.py document             is it a description, whole and in order?
#   described.py PHASE SEEN [WORD]    asks for everything that it describes, in one state of
#                                     the server, and adds to the file SEEN what it saw
#   described.py unseen SEEN          what it describes and no phase has seen, a line each
#
# The phases: `empty` and `full` ask for all paths, parameters and methods, before there is
# a message and after; `failing`, `unreadable` and `draining` for what is answered then;
# `memory` needs a server with helpers/failing_malloc.c in it, and its control as WORD.
#
# Nothing that is in an answer may be missing in the document, so every object there is
# closed.  BIO and HTTP in the environment are the server's addresses.
#
# SPDX-License-Identifier: MIT
"""Hold a server against its own description."""

import http.client
import itertools
import json
import os
import re
import sys
import urllib.parse

import jsonschema

import words

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
          "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
# What no phase can bring about: the newest message is always in memory.
NEVER_SEEN = ("/messages/latest 503", "/messages/latest/raw 503")
# Values of parameters that are no good, whatever the schema says besides.
NO_TIMES = ["", "yesterday", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T12:00:60Z", "2026-01-31T12:00:00"]
NO_NUMBERS = ["", "x", "1.5", "+1", " 1", "-1", "0x1"]


def fail(*what):
    raise SystemExit(" ".join(str(each) for each in what))


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.headers = response.headers
        self.type = response.headers["Content-Type"]


def ask(target, method="GET", until="hello", **headers):
    """One request, exactly as given; a None leaves a header out.  A stream of events has no
    end: of it we read up to the first of this kind."""
    connection = http.client.HTTPConnection(*words.address("HTTP"), timeout=words.PATIENCE_SECONDS)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        if response.headers["Content-Type"] == "text/event-stream" and method == "GET":
            return Answer(response, read_events(response, until))
        return Answer(response, response.read())
    finally:
        connection.close()


def read_events(response, until):
    text = b""
    while f"event: {until}\n".encode() not in text or not text.endswith(b"\n\n"):
        line = response.readline()
        if not line:
            fail("/events ended after", text)
        text += line
    return text


class Document:
    """The description, and what of it has been seen."""

    def __init__(self, text):
        self.root = words.strict(text)
        self.paths = self.root["paths"]
        self.seen = set()

    def resolve(self, node):
        """What a reference means, with what stands beside it."""
        while isinstance(node, dict) and "$ref" in node:
            beside = {name: value for name, value in node.items() if name != "$ref"}
            node = {**self.find(node["$ref"]), **beside}
        return node

    def find(self, reference):
        node = self.root
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
        return node

    def validate(self, schema, value, where):
        if isinstance(schema, dict):
            rooted = {**schema, "components": self.root["components"]}
            errors = list(jsonschema.Draft202012Validator(rooted).iter_errors(value))
            if errors:
                fail(where, [error.message for error in errors][:3], "in", json.dumps(value)[:500])
            self.note(schema, value, where)

    def is_valid(self, schema, value):
        rooted = {**schema, "components": self.root["components"]}
        return jsonschema.Draft202012Validator(rooted).is_valid(value)

    def parts(self, schema, pointer):
        """Each part of a schema that values can have or not: its name, schema, and how to
        get at the value, None where that is not there."""
        if isinstance(schema, dict) and "$ref" in schema:
            yield from self.parts(self.find(schema["$ref"]), schema["$ref"])
        elif isinstance(schema, dict):
            for name, part in schema.get("properties", {}).items():
                yield f"{pointer}/{name}", part, lambda value, name=name: (
                    [value[name]] if isinstance(value, dict) and name in value else [])
            for index, part in enumerate(schema.get("oneOf", [])):
                yield f"{pointer}/oneOf/{index}", part, lambda value, part=part: (
                    [value] if self.is_valid(part, value) else [])
            if "items" in schema:
                yield f"{pointer}/items", schema["items"], lambda value: value

    def note(self, schema, value, pointer):
        for name, part, get in self.parts(schema, pointer):
            for found in get(value):
                self.seen.add(f"field {name}")
                self.note(part, found, name)

    def all_fields(self, schema, pointer, found):
        for name, part, _ in self.parts(schema, pointer):
            if f"field {name}" not in found:
                found.add(f"field {name}")
                self.all_fields(part, name, found)
        return found

    def operation(self, path, method="get"):
        return self.paths[path][method]

    def response(self, path, status):
        responses = self.operation(path)["responses"]
        if str(status) not in responses:
            fail(path, "answers with", status, "which is not described")
        return self.resolve(responses[str(status)])

    def parameters(self, path, *places):
        all_of_them = map(self.resolve, self.paths[path].get("parameters", []))
        return [{**parameter, "schema": self.resolve(parameter["schema"])}
                for parameter in all_of_them if parameter["in"] in places]

    def everything(self):
        """What the phases together have to see."""
        found = set()
        for path in self.paths:
            for status, response in self.operation(path)["responses"].items():
                where = f"{path} {status}"
                if where in NEVER_SEEN:
                    continue
                found.add(f"status {where}")
                for kind, content in self.resolve(response).get("content", {}).items():
                    found.add(f"content {where} {kind}")
                    self.all_fields(content["schema"], where, found)
                    self.all_fields(content.get("x-line", {}), where, found)
                    for name, schema in content.get("x-events", {}).items():
                        found.add(f"event {name}")
                        self.all_fields(schema, where, found)
        return found

    # What an answer is held against.

    def check(self, path, answer, *statuses):
        """An answer of this path is as described, and its status is one of these."""
        where = f"{path} {answer.status}"
        if statuses and answer.status not in statuses:
            fail(path, "answered with", answer.status, "instead of", statuses, answer.body[:300])
        response = self.response(path, answer.status)
        self.seen.add(f"status {where}")
        self.check_headers(response, answer, where)
        if "content" in response:
            if answer.type not in response["content"]:
                fail(where, "has a type that is not described:", answer.type)
            self.seen.add(f"content {where} {answer.type}")
            self.check_body(response["content"][answer.type], answer, where)
        elif answer.body:
            fail(where, "has a body:", answer.body)
        return answer

    def check_headers(self, response, answer, where):
        for name, value in ALWAYS.items():
            words.check(value, answer.headers[name])
        for name, header in response.get("headers", {}).items():
            if answer.headers[name] is None:
                fail(where, "lacks the header", name)
            self.validate(self.resolve(header)["schema"], answer.headers[name], f"{where} {name}")
        for name in ("Retry-After", "ETag", "Allow"):
            if name in answer.headers and name not in response.get("headers", {}):
                fail(where, "has a header that is not described:", name)

    def check_body(self, content, answer, where):
        kind = answer.type.partition(";")[0]
        if kind.endswith("json") and kind != "application/x-ndjson":
            self.validate(content["schema"], words.strict(answer.body), where)
        else:
            self.validate(content["schema"], answer.body.decode(), where)
        if "x-line" in content:
            for line in answer.body.split(b"\n")[:-1]:
                self.validate(content["x-line"], words.strict(line), where)
        if "x-events" in content:
            self.check_events(content["x-events"], answer.body, where)
        if kind == "application/problem+json":
            words.check(answer.status, words.strict(answer.body)["status"])

    def check_events(self, events, body, where):
        for block in body.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            if set(fields) - {"retry", "event", "id", "data"}:
                fail(where, "has an event with other fields:", block)
            if "data" in fields:
                name = fields.get("event", "message")
                if name not in events:
                    fail(where, "has an event that is not described:", name)
                self.seen.add(f"event {name}")
                self.validate(events[name], words.strict(fields["data"]), f"{where} {name}")


def query(*pairs):
    return "?" + urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)


def values_of(schema):
    """Values that have to be taken, and values that have to be refused."""
    if "enum" in schema:
        return schema["enum"], ["", "nonsense", schema["enum"][0].upper()]
    if schema["type"] == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return [low, high, schema.get("default", low)], [low - 1, high + 1, *NO_NUMBERS]
    if schema.get("format") == "date-time":
        return ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123456+02:00", "2016-12-31T23:59:60Z"], NO_TIMES
    if schema.get("maxLength") == 0:
        return [""], ["1", "yes"]
    return ["x", "%", "é"], [""] if schema.get("minLength") else []


def fields_of(parameter):
    """The same for an object, whose members are parameters of their own."""
    most = parameter["schema"]["maxProperties"]
    members = [(f".a{i}", "1") for i in range(most + 1)]
    return ([[(".a", "1")], [(".user.name", "")], members[:most]],
            [[("..a", "1")], [(".", "1")], [(".a.", "1")], members])


def fill_path(path, value=None):
    """Without a value, one that is there when anything is."""
    usual = {"{id}": "1", "{file}": "page.js"}
    return re.sub(r"\{.*?\}", lambda name: usual[name[0]] if value is None else str(value), path)


def check_parameter(document, path, parameter):
    """Each value in a request of its own; given twice, with a NUL, under another name."""
    target = fill_path(path)
    if parameter["schema"]["type"] == "object":
        good, bad = fields_of(parameter)
    else:
        good, bad = ([[(parameter["name"], value)] for value in values]
                     for values in values_of(parameter["schema"]))
        bad.append([(parameter["name"].upper(), good[0][0][1])])
    name, value = good[0][0]
    bad += [[(name, value)] * 2, [(name, f"{value}\0")], [(f"{name}\0", value)]]
    for pairs in good:
        document.check(path, ask(target + query(*pairs)), 200)
    for pairs in bad:
        document.check(path, ask(target + query(*pairs)), 400)


def check_header_parameter(document, path, parameter):
    name = parameter["name"].replace("-", "_")
    good, bad = values_of(parameter["schema"])
    for value in good:
        document.check(path, ask(path, **{name: str(value)}), 200)
    for value in bad:
        if value == str(value).strip():
            document.check(path, ask(path, **{name: str(value)}), 400)


def check_path_parameter(document, path, parameter):
    schema = parameter["schema"]
    if "enum" in schema:
        bad = [*values_of(schema)[1], ".", ".."]
        for value in schema["enum"]:
            document.check(path, ask(fill_path(path, value)), 200)
    else:
        low, high = schema["minimum"], schema["maximum"]
        bad = [low - 1, high + 1, "x", "01", "-1", "1.0", "%2B1"]
        for value in (low, high):
            document.check(path, ask(fill_path(path, value)), 200, 404)
    for value in filter(None, bad):
        document.check(path, ask(fill_path(path, value)), 404)


def check_defaults(document, path):
    """Leaving a parameter out is giving its default, whatever the others are."""
    parameters = document.parameters(path, "query")
    chosen = [parameter for parameter in parameters if "default" in parameter["schema"]]
    for parameter in chosen:
        others = [[(other["name"], value) for value in other["schema"]["enum"]]
                  for other in chosen if other is not parameter and "enum" in other["schema"]]
        for pairs in itertools.product(*others):
            given = (*pairs, (parameter["name"], parameter["schema"]["default"]))
            without, with_it = ask(path + query(*pairs)), ask(path + query(*given))
            # All of it is streamed where there is no limit.
            if without.type == "application/json":
                words.check((path, pairs, without.body), (path, pairs, with_it.body))


def check_size(document, path):
    """The default of a limit is one: with more, the answer gets longer."""
    for parameter in document.parameters(path, "query"):
        if parameter["name"] == "limit":
            beside = [("state", "all")] if path == "/connections" else []
            for limit in (parameter["schema"]["default"], parameter["schema"]["maximum"]):
                answer = words.strict(ask(path + query(*beside, ("limit", limit))).body)
                sizes = [len(value) for value in answer.values() if isinstance(value, list)]
                words.check((path, [min(limit, FULL)]), (path, sizes))


def check_methods(document, path):
    described = {name.upper() for name in document.paths[path] if name != "parameters"}
    target = fill_path(path)
    for method in METHODS:
        if method == "HEAD" and "HEAD" in described:
            got, headed = ask(target), ask(target, "HEAD")
            words.check((path, got.status, b""), (path, headed.status, headed.body))
            words.check((path, set(got.headers) - {"Content-Length", "Transfer-Encoding"}),
                        (path, set(headed.headers) - {"Content-Length", "Transfer-Encoding"}))
        elif method not in described:
            answer = ask(target, method)
            words.check((path, method, 405), (path, method, answer.status))
            words.check((path, described), (path, set(answer.headers["Allow"].split(", "))))


def check_host(document, path):
    target = fill_path(path)
    document.check(path, ask(target, Host="rebound.example"), 421)
    document.check(path, ask(target, Host=None), 400)
    for unknown in ("undescribed=1", "undescribed&undescribed", "%00", "undescribed=%00"):
        document.check(path, ask(f"{target}?{unknown}"), 400)
    answer = document.check(path, ask(target), 200, 404, 503)
    if answer.headers["ETag"] is not None:
        document.check(path, ask(target, If_None_Match=answer.headers["ETag"]), 304)


def check_neighbours(document):
    """What is not described is not there."""
    for path in document.paths:
        for other in (fill_path(path) + "/", fill_path(path) + "x", fill_path(path).upper(), "/" + fill_path(path)):
            if other.rstrip("/") and not any(fits(known, other) for known in document.paths):
                answer = ask(other)
                words.check((other, 404, "application/problem+json"), (other, answer.status, answer.type))


def fits(path, target):
    return re.fullmatch(re.escape(path).replace(r"\{id\}", "[0-9]+"), target) is not None


def look_at_all(document):
    for path in document.paths:
        check_host(document, path)
        check_methods(document, path)
        for parameter in document.parameters(path, "path"):
            check_path_parameter(document, path, parameter)
        for parameter in document.parameters(path, "query"):
            check_parameter(document, path, parameter)
        for parameter in document.parameters(path, "header"):
            check_header_parameter(document, path, parameter)
    check_neighbours(document)


# The phases.

# More than any default limit, and less than any largest one.
FULL = 100 + 20
# --max-event-readers.
READERS_MAX = 64


def phase_empty(document):
    look_at_all(document)


def phase_full(document):
    """Closed connections of each kind, an open one, messages good and bad."""
    for i in range(FULL - 2):
        words.send(b'{"n":%d}\nbad %d\n' % (i, i))
    peer, _ = words.greet(name="pump-7")
    peer.send(b'{"n":1}\n', b"[1,\n", b'"\xff"\n')
    words.wait_for_counter("messages.stored_total", FULL - 1)
    words.send(b'{"last":')
    words.wait_for_counter("connections.closed_total.eof", FULL - 1)
    for path in document.paths:
        document.check(path, ask(fill_path(path)), 200)
    peer.send(b'{"n":2}\n')
    peer.end()
    peer.close()
    words.wait_for_counter("connections.current", 0)
    words.wait_for_counter("messages.stored_total", FULL)
    look_at_all(document)
    for path in document.paths:
        check_defaults(document, path)
        check_size(document, path)
    document.check("/messages", ask("/messages?limit=1"), 200)
    document.check("/messages", ask("/messages?limit=1&order=asc"), 200)
    document.check("/messages", ask("/messages?order=asc"), 200)
    document.check("/readyz", ask("/readyz?verbose"), 200)
    document.check("/connections", ask("/connections?state=all"), 200)
    document.check("/events", ask("/events?after=0", until="stats"), 200)
    document.check("/events", ask("/events?after=1000000", until="reset"), 200)


def phase_readers(document):
    """As many readers of /events as there may be, and one more."""
    readers = [http.client.HTTPConnection(*words.address("HTTP"), timeout=words.PATIENCE_SECONDS)
               for _ in range(READERS_MAX)]
    for reader in readers:
        reader.request("GET", "/events")
    words.wait_for_counter("http.event_readers", READERS_MAX)
    document.check("/events", ask("/events"), 503)
    for reader in readers:
        reader.close()


def phase_gap(document):
    """The oldest messages are not kept any more."""
    words.send(b"".join(b"%d\n" % i for i in range(100)))
    words.wait_for_counter("messages.stored_total", 100)
    document.check("/events", ask("/events?after=1", until="gap"), 200)


def phase_failing(document):
    document.check("/readyz", ask("/readyz"), 503)
    document.check("/readyz", ask("/readyz?verbose"), 503)


phase_draining = phase_failing


def phase_unreadable(document):
    """Of what is not in memory."""
    for target in ("/messages", "/messages/1", "/messages/1/raw"):
        document.check(target.replace("1", "{id}"), ask(target), 503)


def phase_memory(document, control_path):
    """Of a server whose allocations fail, one at a time, until it says so."""
    from failing import Control
    words.send(b"1\n")
    words.wait_for_counter("messages.stored_total", 1)
    for path in document.paths:
        document.check(path, ask(fill_path(path)), 200)
    control = Control(control_path)
    for path in document.paths:
        if "500" in document.operation(path)["responses"]:
            see_no_memory(document, path, control)
    control.relent()


def see_no_memory(document, path, control):
    for n in itertools.count(1):
        control.refuse(n, "once")
        try:
            if document.check(path, ask(fill_path(path)), 200, 500, 503).status == 500:
                return
        except (OSError, http.client.HTTPException):
            pass  # Not even that could be said.
        if control.refused == 0:
            fail(path, "never says that there is no memory, in", n - 1, "allocations")


# The document by itself.

def check_document(document):
    root = document.root
    words.check("3.1.", root["openapi"][:4])
    words.check({"openapi", "info", "paths", "components"}, set(root))
    words.check(True, {"title", "version"} <= set(root["info"]))
    operations = []
    for path, item in document.paths.items():
        words.check((path, True), (path, path.startswith("/") and "get" in item))
        words.check((path, set(re.findall(r"\{(.*?)\}", path))),
                    (path, {each["name"] for each in document.parameters(path, "path")}))
        for method in set(item) - {"parameters"}:
            check_operation(document, f"{method} {path}", item[method])
            operations.append(item[method]["operationId"])
    words.check(len(operations), len(set(operations)))
    check_references(root)
    for name, schema in root["components"]["schemas"].items():
        check_schema(schema, name)


def check_operation(document, where, operation):
    words.check((where, set()), (where, set(operation) - {"operationId", "summary", "responses"}))
    for status, response in operation["responses"].items():
        words.check((where, True), (where, bool(re.fullmatch("[2-5][0-9][0-9]|default", status))))
        words.check((where, set()), (where, set(document.resolve(response)) - {"description", "headers", "content"}))
        words.check((where, True), (where, "description" in document.resolve(response)))


def check_schema(schema, where):
    """Is one, and closed."""
    jsonschema.Draft202012Validator.check_schema(schema)
    for each in walk(schema):
        if "properties" in each:
            words.check((where, False), (where, each.get("additionalProperties")))
            words.check((where, set()), (where, set(each["required"]) - set(each["properties"])))
        if "propertyNames" in each and "minProperties" in each:
            words.check((where, True), (where, "additionalProperties" in each))


def walk(node):
    """Every object of a JSON text."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(part)


def check_references(root):
    """Each leads somewhere, and nothing is there that none leads to."""
    used = {node["$ref"] for node in walk(root) if "$ref" in node}
    known = {f"#/components/{kind}/{name}" for kind, all_of_them in root["components"].items() for name in all_of_them}
    words.check(known, used)


def main():
    phase, *arguments = sys.argv[1:]
    if phase == "unseen":
        with open(arguments[0], encoding="utf-8") as file:
            seen = set(file.read().splitlines())
        document = Document(ask("/openapi.json").body)
        sys.stdout.writelines(f"{each}\n" for each in sorted(document.everything() - seen))
        return
    document = Document(ask("/openapi.json").body)
    if phase == "document":
        check_document(document)
        return
    globals()[f"phase_{phase}"](document, *arguments[1:])
    with open(arguments[0], "a", encoding="utf-8") as file:
        file.writelines(f"{each}\n" for each in sorted(document.seen))


if __name__ == "__main__":
    main()
