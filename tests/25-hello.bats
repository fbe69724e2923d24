#!/usr/bin/env bats
# Hello: who is welcomed, what is numbered, told and acknowledged, and how a session goes on.

load helpers/bio

# start_stored [FLAG...]: a server that keeps its messages in the file $STORE.
start_stored() {
	STORE=$BATS_TEST_TMPDIR/bio.db
	start_server --store "$STORE" "$@"
}

# restart: what a server knows without its file is gone then.
restart() {
	stop_server
	start_stored
}

# expect_stored MESSAGES: so many are in the file of the server that has ended.
expect_stored() {
	assert_equal "$(sqlite3 "$STORE" 'SELECT coalesce(sum(count), 0) FROM batch')" "$1"
}

# expect_closed REASON COUNT
expect_closed() {
	expect_counter "connections.closed_total.$1" "$2"
}

@test "the welcome tells the connection, the next number and the limits" {
	start_stored --max-message 2000 --max-depth 7
	run -0 talk <<<'BIO/1 {"name":"pump-7"}'
	assert_output 'BIO/1 {"ok":true,"connection":1,"next":1,"max_message_bytes":2000,"max_depth":7}'
	run -0 talk <<<$'BIO/1\t{"next":1042,"ack":"store","framing":"length","x":[null]}\r'
	assert_output 'BIO/1 {"ok":true,"connection":2,"next":1042,"max_message_bytes":2000,"max_depth":7}'
	expect_messages 0 0
	expect_closed eof 2
	stop_server
}

@test "a bad hello is told what is wrong, and nothing behind it is taken" {
	start_stored
	run -0 python - <<-'END'
		from words import *
		for bad, error in [
		    ('{"token":""}', "token: expected 1 to 256 printable ASCII characters"),
		    ('{"name":7}', "name: expected 1 to 64 printable ASCII characters"),
		    ('{"session":"\\n"}', "session: expected 1 to 64 printable ASCII characters"),
		    ('{"next":0}', "next: expected an integer from 1 to 2^53-1"),
		    ('{"ack":"all"}', "ack: expected 'store'"),
		    ('{"framing":"stream"}', "framing: expected 'lines', 'rs' or 'length'"),
		    ('{"next":1,"next":1}', "next: stands twice"),
		    ('{"x":"\\u0000"}', "an escaped NUL has no place in a hello"),
		    ('{"x":"\\ud800"}', "a lone surrogate has no place in a hello"),
		    ('{"x":' + "[" * 40 + "]" * 40 + "}", "nested too deep"),
		    ('{"x":"' + "x" * 5000 + '"}', "longer than 4096 bytes"),
		    ('{"name":"a"', "the text ends too early"),
		    ('{} {}', "something follows the value"),
		    ('[]', "expected an object behind BIO/1"),
		]:
		    with Peer(f'BIO/1 {bad}\n{{"i":1}}\n'.encode()) as peer:
		        check([{"ok": False, "code": "bad_hello", "error": error}], peer.read_all())
		with Peer(b"BIO/1{}\n") as peer:
		    check("expected a space behind BIO/1", peer.read()["error"])
	END
	expect_messages 0 0
	expect_closed bad_hello 15
	expect_idle
	stop_server
}

@test "another version is refused before its line ends" {
	start_stored
	python - <<-'END'
		from words import *
		for hello in [b"BIO/2", b"BIO/10 {}\n", b"BIO/1.1 {}\n", b"BIO/x"]:
		    with Peer(hello) as peer:
		        answer = peer.read()
		        check([False, "unsupported_version", [1]],
		              [answer["ok"], answer["code"], answer["versions"]])
		        check(None, peer.read())
	END
	expect_messages 0 0
	expect_closed wrong_protocol 4
	expect_idle
	stop_server
}

@test "a server that stores nothing has no acks and no sessions, but numbers and naks" {
	start_server
	python - <<-'END'
		from words import *
		for asked in [{"ack": "store"}, {"session": "s"}, {"ack": "store", "session": "s"}]:
		    with Peer(hello_line(**asked) + b"1\n") as peer:
		        check("acks_unavailable", peer.read()["code"])
		        check(None, peer.read())
		with greet(next=7)[0] as peer:
		    peer.send(b"1\nx\n2\n")
		    check((8, "syntax"), itemgetter("nak", "code")(peer.read()))
		    check([], peer.end())
	END
	expect_messages 2 1
	expect_closed bad_hello 3
	expect_closed eof 1
	stop_server
}

@test "a hello may be cut at every byte, and its messages with it" {
	local cuts
	start_stored
	run -0 python - <<-'END'
		from words import *
		text = hello_line(name="pump-7", ack="store", next=5) + b'{"i":1}\n'
		received = 0
		for cut in range(1, len(text)):
		    with Peer(text[:cut]) as peer:
		        wait_for_counter("bytes.received_total", received + cut)
		        peer.send(text[cut:])
		        check(5, peer.read()["next"])
		        check([{"ack": 5}], peer.read_to_ack())
		    received += len(text)
		with Peer(b"") as peer:
		    peer.send(*(bytes([byte]) for byte in text))
		    check([5, {"ack": 5}], [peer.read()["next"], peer.read()])
		print(len(text))
	END
	cuts=$output
	expect_messages "$cuts" 0
	expect_counter bytes.received_total "$((cuts * cuts))"
	expect_closed eof "$cuts"
	stop_server
}

@test "a hello and messages in one segment, the last of them unfinished" {
	start_stored
	python - <<-'END'
		from words import *
		with Peer(hello_line(ack="store") + b'{"i":1}\n\n{"i":2}\n{"i"') as peer:
		    check([1, {"ack": 2}], [peer.read()["next"], peer.read()])
		    peer.send(b":3}\n")
		    check({"ack": 3}, peer.read())
	END
	expect_messages 3 0
	assert_equal "$(newest 3 | tr '\n' ' ')" '{"i":1} {"i":2} {"i":3} '
	expect_idle
	stop_server
	expect_stored 3
}

@test "a second hello is a bad line" {
	start_stored
	python - <<-'END'
		from words import *
		with greet(ack="store")[0] as peer:
		    peer.send(hello_line(ack="store") + b"1\n")
		    nak, ack = peer.read_to_ack()
		    check((1, "syntax", 0, {"ack": 2}), (nak["nak"], nak["code"], nak["offset"], ack))
	END
	expect_messages 1 1
	expect_idle
	stop_server
}

@test "--hello-timeout: a hello that does not end in time is closed without a word" {
	start_stored --hello-timeout 300ms
	python - <<-'END'
		from words import *
		with Peer(b'BIO/1 {"name":') as peer:
		    check(b"", receive_all(peer.sock))
		# However its bytes trickle.
		with Peer(b"BIO/1 {") as peer:
		    # A space that comes too late makes it a reset.
		    with contextlib.suppress(ConnectionError):
		        while peer.hears_nothing(0.02):
		            peer.send(b" ")
		        check(b"", peer.sock.recv(1))
		with Peer(b"BIO/1") as peer:
		    check(b"", receive_all(peer.sock))
	END
	expect_messages 0 0
	expect_closed message_timeout 3
	expect_idle
	stop_server
}

@test "--hello-timeout: its clock does not begin anew with what the bytes turn out to be" {
	start_stored --hello-timeout 3s
	python - <<-'END'
		from words import *
		with Peer(b"B") as earlier:
		    check(True, earlier.hears_nothing(1.5))
		    with Peer(b"B") as later:
		        check(True, earlier.hears_nothing(1))
		        earlier.send(b"IO/")
		        check(b"", receive_all(later.sock))
		    check(False, earlier.hears_nothing(0))
		    check(b"", receive_all(earlier.sock))
	END
	expect_closed message_timeout 2
	expect_idle
	stop_server
}

@test "who leaves in the middle of a hello has sent no message" {
	start_stored
	python - <<-'END'
		from words import *
		with Peer(b'BIO/1 {"name":"pump-7"}') as peer:
		    check([], peer.end())
		peer = Peer(b"BIO/1 {")
		wait_for_counter("bytes.received_total", 30)
		reset(peer.sock)
	END
	expect_messages 0 0
	expect_closed eof 1
	expect_closed reset 1
	expect_idle
	stop_server
}

@test "a hello has at most 4096 bytes" {
	start_stored
	python - <<-'END'
		from words import *
		def hello(length):
		    return b'BIO/1 {"ack":"store"}'.ljust(length - 1) + b"\n"
		with Peer(hello(4096) + b"1\n") as peer:
		    check([True, {"ack": 1}], [peer.read()["ok"], peer.read()])
		for too_long in [hello(4097) + b"1\n", b"BIO/1 ".ljust(4096)]:
		    with Peer(too_long) as peer:
		        check([("bad_hello", "longer than 4096 bytes")],
		              [itemgetter("code", "error")(line) for line in peer.read_all()])
	END
	expect_messages 1 0
	expect_closed eof 1
	expect_closed bad_hello 2
	stop_server
}

@test "the name and the framing are shown with the messages" {
	start_stored
	python - <<-'END'
		from words import *
		for framing, text in [("lines", b"1\n"), ("rs", b"\x1e2\n"), ("length", b"\0\0\0\0013")]:
		    with greet(name=f"<{framing} \"7\">", framing=framing, ack="store")[0] as peer:
		        peer.send(text)
		        check({"ack": 1}, peer.read())
		with greet(ack="store")[0] as peer:
		    peer.send(b"4\n")
		    check({"ack": 1}, peer.read())
	END
	expect_messages 4 0
	run -0 jq -c '.messages[] | [.data, .framing, .name]' <<<"$(get '/messages?order=asc')"
	assert_output '[1,"lines","<lines \"7\">"]
[2,"rs","<rs \"7\">"]
[3,"length","<length \"7\">"]
[4,"lines",null]'
	assert_equal "$(sqlite3 "$STORE" 'SELECT name FROM message WHERE id = 2')" '<rs "7">'
	expect_idle
	stop_server
}

@test "a token is shown nowhere" {
	local path
	start_stored --print --log-level debug
	python - <<-'END'
		from words import *
		token = "Xyzzy-4711"
		with greet(token=token, name="pump-7", session="s", ack="store")[0] as peer:
		    peer.send(b"1\nx\n")
		    check(2, peer.read_to_ack()[-1]["ack"])
		for bad in [b'{"token":"%s","name":1}', b'{"token":"%s",}', b'{"token":"%s"} x', b'["%s"]']:
		    with Peer(b"BIO/1 " + bad % token.encode() + b"\n") as peer:
		        check("bad_hello", peer.read()["code"])
		with Peer(b'BIO/2 {"token":"%s"}\n' % token.encode()) as peer:
		    check("unsupported_version", peer.read()["code"])
		Peer(b'BIO/1 {"token":"%s"' % token.encode()).close()
	END
	expect_messages 1 1
	expect_idle
	for path in / /stats /metrics /messages /connections /rejected /livez /readyz /messages/1 /messages/latest/raw; do
		get "$path" >>"$BATS_TEST_TMPDIR/pages.out"
	done
	stop_server
	run -0 grep -q pump-7 "$BATS_TEST_TMPDIR/pages.out"
	run -1 grep -rl Xyzzy "$BATS_TEST_TMPDIR"
}

@test "lines: each is one number, good or bad; blank ones are none" {
	start_stored --max-message 100 --max-depth 3
	python - <<-'END'
		from words import *
		with greet(ack="store")[0] as peer:
		    peer.send(b'{"i":1}\n{"i":}\n\n  \r\n{"i":3}\r\n{"a":1} {"b":2}\n"' + b"x" * 5000000 +
		              b'"\n[[[[0]]]]\n["\xff"]\n[\n1\n]\n')
		    lines = peer.read_to_ack()
		    while lines[-1]["ack"] < 10:
		        lines += peer.read_to_ack()
		    check([(2, "syntax", 5), (4, "syntax", 8), (5, "too_large", 100),
		           (6, "too_deep", 3), (7, "utf8", 2), (8, "syntax", 1), (10, "syntax", 0)],
		          [(line["nak"], line["code"], line["offset"]) for line in lines if "nak" in line])
	END
	expect_messages 3 7
	assert_equal "$(newest 3 | tr '\n' ' ')" '{"i":1} {"i":3} 1 '
	expect_counter messages.rejected_total.too_large 1
	expect_idle
	stop_server
	expect_stored 3
}

@test "rs: each record is one number; empty ones and what stands between are none" {
	start_stored --max-message 100 --max-depth 3
	python - <<-'END'
		from words import *
		with greet(ack="store", framing="rs")[0] as peer:
		    peer.send(b'\x1e{"i":1}\n\x1e\x1e \n\x1e{"i":\n2}\n\x1e3\x1e4 \x1e[5] 5\n\x1e"' +
		              b"x" * 5000000 + b'"\n\x1e[[[[0]]]]\nbetween\n\x1e[8]\n')
		    lines = peer.read_to_ack()
		    while lines[-1]["ack"] < 8:
		        lines += peer.read_to_ack()
		    check([(3, "syntax", 1), (5, "syntax", 4), (6, "too_large", 100), (7, "too_deep", 3)],
		          [(line["nak"], line["code"], line["offset"]) for line in lines if "nak" in line])
	END
	expect_messages 4 4
	assert_equal "$(newest 4 | tr '\n' ' ')" '{"i":1} {"i":2} 4 [8] '
	expect_idle
	stop_server
	expect_stored 4
}

@test "length: each frame is one number, but an empty one; an impossible one is the end" {
	start_stored --max-message 100
	python - <<-'END'
		from words import *
		def frame(text):
		    return struct.pack(">I", len(text)) + text
		with greet(ack="store", framing="length")[0] as peer:
		    peer.send(frame(b'{"i":1}'), frame(b""), frame(b"[2] 2"),
		              frame(b'"' + b"x" * 5000000 + b'"'), frame(b" 4\n"), b"\x01\0\0\0", frame(b"5"))
		    lines = peer.read_all()
		    check([(2, "syntax", 4), (3, "too_large", 100)],
		          [(line["nak"], line["code"], line["offset"]) for line in lines if "nak" in line])
		    check({"bye": "bad_frame", "ack": 4}, lines[-1])
	END
	expect_messages 2 3
	expect_counter messages.rejected_total.bad_frame 1
	expect_closed wrong_protocol 1
	expect_idle
	stop_server
	expect_stored 2
}

@test "what is incomplete finishes no number, even a value that is whole" {
	start_stored
	python - <<-'END'
		from words import *
		last = 0
		for framing, whole, cut in [("lines", b"1\n", b"2"), ("lines", b"1\n", b'{"half'),
		                            ("lines", b"1\n", b"x"), ("rs", b"\x1e1\n", b"\x1e[2]"),
		                            ("length", b"\0\0\0\0011", b"\0\0\0\0022")]:
		    peer, answer = greet(session="s", ack="store", framing=framing)
		    with peer:
		        check(last + 1, answer["next"])
		        peer.send(whole + cut)
		        check({"ack": last + 1}, peer.read())
		        check([], peer.end())
		    last += 1
	END
	expect_messages 5 5
	expect_counter messages.rejected_total.incomplete 5
	expect_closed eof 5
	restart
	run -0 talk <<<'BIO/1 {"session":"s"}'
	assert_output --partial '"next":6,'
	stop_server
	expect_stored 5
}

@test "a read is answered in one send: its naks in order, then one ack" {
	start_stored
	python - <<-'END'
		from words import *
		peer, _ = greet(next=1001, ack="store")
		with peer:
		    for first in range(1001, 1101, 5):
		        before = segments_received(peer.sock)
		        peer.send(b"x\n1\n[1\n2\n{]\n")
		        lines = peer.read_to_ack()
		        check([first, first + 2, first + 4], [line["nak"] for line in lines[:-1]])
		        check({"ack": first + 4}, lines[-1])
		        check(1, segments_received(peer.sock) - before)
		    check(True, peer.hears_nothing())
	END
	expect_messages 40 60
	expect_idle
	stop_server
}

@test "without acks only naks are told" {
	start_stored
	python - <<-'END'
		from words import *
		with greet(session="s")[0] as peer:
		    peer.send(b"1\nx\n2\n")
		    check(2, peer.read()["nak"])
		    check([], peer.end())
	END
	expect_messages 2 1
	expect_closed eof 1
	stop_server
	expect_stored 2
}

@test "an ack comes only when its messages are committed" {
	start_stored
	python - "$STORE" <<-'END'
		import sys
		from words import *
		peer, _ = greet(session="s", ack="store")
		other, _ = greet(session="t", ack="store")
		with locked(sys.argv[1]):
		    peer.send(b'{"i":1}\nx\n')
		    other.send(b"x\n")
		    wait_for_counter("messages.received_total", 1)
		    check(True, peer.hears_nothing())
		    # Nor is the mark of a session kept before.
		    check(True, other.hears_nothing(0))
		    check((0, 1), itemgetter("stored_total", "queued")(stats()["messages"]))
		check([2, {"ack": 2}], [peer.read()["nak"], peer.read()])
		check([1, {"ack": 1}], [other.read()["nak"], other.read()])
		check([(1,)], query(sys.argv[1], "SELECT sum(count) FROM batch"))
	END
	expect_messages 1 2
	expect_closed eof 2
	stop_server
}

@test "a store that fails: the sender is told, and what waited is stored once" {
	start_stored
	python - "$STORE" <<-'END'
		import sys
		from words import *
		peer, _ = greet(session="s", ack="store")
		peer.send(b"1\n")
		check({"ack": 1}, peer.read())
		with locked(sys.argv[1]):
		    peer.send(b"2\n3\n")
		    check([{"bye": "store_unavailable", "ack": 1, "retry_after": 5}], peer.read_all())
		    wait_for_counter("connections.closed_total.store_unavailable", 1)
		    # Whether 2 and 3 will be stored is not known, so nobody is told what is next.
		    with Peer(hello_line(session="s", next=2)) as refused:
		        check("store_unavailable", refused.read()["code"])
		    check(2, counter("messages.queued"))
		wait_for_counter("messages.queued", 0)
		# The sender has heard of no more than 1.
		peer, answer = greet(session="s", ack="store", next=2)
		check(4, answer["next"])
		peer.send(b"4\n")
		check({"ack": 4}, peer.read())
	END
	expect_messages 4 0
	expect_closed store_unavailable 2
	expect_closed eof 1
	assert_equal "$(newest 9 | tr '\n' ' ')" '1 2 3 4 '
	stop_server
	expect_stored 4
}

@test "a peer that breaks off before it is welcomed is counted as reset" {
	start_stored
	python - "$STORE" <<-'END'
		import sys
		from words import *
		with locked(sys.argv[1]):
		    send(b"1")
		    wait_for_counter("messages.queued", 1)
		    hello = hello_line(session="s")
		    peer = Peer(hello)
		    wait_for_counter("bytes.received_total", 1 + len(hello))
		    reset(peer.sock)
	END
	expect_messages 1 0
	expect_closed reset 1
	expect_closed eof 1
	stop_server
}

@test "--write-timeout: a peer that does not read its acks is closed without a word" {
	start_stored --write-timeout 200ms --max-errors 1000000
	run -0 python - <<-'END'
		from words import *
		sock = socket.socket()
		sock.settimeout(PATIENCE_SECONDS)
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		sock.connect(address("BIO"))
		peer = Peer(hello_line(session="s", ack="store"), sock)
		check(1, peer.read()["next"])
		try:
		    while True:
		        peer.send(b"x\n" * 999 + b"1\n")
		except OSError:
		    pass
		wait_for_counter("connections.closed_total.write_timeout", 1)
		_, answer = greet(session="s")
		messages = stats()["messages"]
		# What was stored has numbers, whether the peer has heard of them or not.
		rejected = sum(messages["rejected_total"].values())
		check(answer["next"] - 1, messages["received_total"] + rejected)
		print(messages["received_total"], rejected)
	END
	# shellcheck disable=SC2086 # two numbers
	expect_messages $output
	expect_idle
	stop_server
	expect_stored "${output% *}"
}

@test "--max-errors: naks, an ack and a bye" {
	start_stored --max-errors 2
	python - <<-'END'
		from words import *
		with greet(ack="store")[0] as peer:
		    peer.send(b"x\nx\n1\nx\nx\nx\n2\n")
		    lines = peer.read_all()
		    check([1, 2, 4, 5, 6], [line["nak"] for line in lines[:-2]])
		    check([{"ack": 6}, {"bye": "max_errors", "ack": 6}], lines[-2:])
	END
	expect_messages 1 5
	expect_closed max_errors 1
	expect_idle
	stop_server
	expect_stored 1
}

@test "--idle-timeout and --message-timeout: a bye with how far the numbers have come" {
	start_stored --idle-timeout 300ms --message-timeout 200ms
	python - <<-'END'
		from words import *
		for asked, text, lines in [
		    ({"ack": "store"}, b"", [{"bye": "idle"}]),
		    ({"ack": "store", "next": 8}, b"", [{"bye": "idle", "ack": 7}]),
		    ({"ack": "store"}, b"1\n", [{"ack": 1}, {"bye": "idle", "ack": 1}]),
		    ({"ack": "store"}, b"1\n[", [{"ack": 1}, {"bye": "message_timeout", "ack": 1}]),
		    ({"next": 8}, b"1\n", [{"bye": "idle"}]),
		    ({}, b"1\n[", [{"bye": "message_timeout"}]),
		]:
		    with Peer(hello_line(**asked) + text) as peer:
		        check(True, peer.read()["ok"])
		        check(lines, peer.read_all())
	END
	expect_messages 4 2
	expect_closed idle 4
	expect_closed message_timeout 2
	expect_idle
	stop_server
}

@test "the clocks stand still while the server waits for its store" {
	start_stored --idle-timeout 600ms --message-timeout 600ms
	python - "$STORE" <<-'END'
		import sys
		from words import *
		with locked(sys.argv[1]):
		    within, behind = (Peer(hello_line(ack="store") + text) for text in (b"1\n[2", b"1\n"))
		    check([True, True], [within.read()["ok"], behind.read()["ok"]])
		    wait_for_counter("messages.queued", 2)
		    check(True, within.hears_nothing(0.8) and behind.hears_nothing(0))
		check([{"ack": 1}, {"ack": 1}], [within.read(), behind.read()])
		within.send(b"]\n")
		behind.send(b"2\n")
		check([{"ack": 2}, {"ack": 2}], [within.read(), behind.read()])
		within.close()
		behind.close()
	END
	expect_messages 4 0
	expect_closed eof 2
	stop_server
}

@test "a session's numbers go on over connections and servers" {
	local next
	start_stored
	for next in 1 4 7; do
		python - "$next" <<-'END'
			import sys
			from words import *
			next = int(sys.argv[1])
			peer, answer = greet(session="pump 7", ack="store", next=next)
			check(next, answer["next"])
			peer.send(b"[1]\nx\n")
			check({"ack": next + 1}, peer.read_to_ack()[-1])
			peer.close()
			# Without acks, and without saying what is next; in capitals it is another.
			peer, answer = greet(session="pump 7", framing="rs")
			check(next + 2, answer["next"])
			peer.send(b"\x1e[2]\n")
			peer.close()
			check(1, greet(session="PUMP 7")[1]["next"])
		END
		expect_messages 2 1
		expect_idle
		restart
	done
	expect_messages 0 0
	stop_server
	expect_stored 6
	assert_equal "$(sqlite3 "$STORE" 'SELECT id, last FROM session')" 'pump 7|9'
}

@test "next: above the server's is a gap, below it is answered with the server's" {
	start_stored
	python - <<-'END'
		from words import *
		gap = hello_line(session="s", next=2, ack="store") + b"1\n"
		check("session_gap", Peer(gap).read()["code"])
		peer, _ = greet(session="s", next=1, ack="store")
		peer.send(b"1\nx\n")
		check({"ack": 2}, peer.read_to_ack()[-1])
		check([], peer.end())
		check("session_gap", Peer(hello_line(session="s", next=4)).read()["code"])
		for next in [1, 2, 3]:
		    peer, answer = greet(session="s", next=next)
		    check(3, answer["next"])
		    check([], peer.end())
	END
	expect_messages 1 1
	expect_closed bad_hello 2
	expect_closed eof 4
	expect_idle
	stop_server
	expect_stored 1
}

@test "session_taken: the first is closed with a bye, the second goes on behind it" {
	start_stored
	python - "$STORE" <<-'END'
		import sys
		from words import *
		first, _ = greet(session="s", ack="store")
		first.send(b"1\n2\n[3")
		check({"ack": 2}, first.read())
		second, answer = greet(session="s", ack="store", next=3)
		check(3, answer["next"])
		check([{"bye": "session_taken", "ack": 2}], first.read_all())
		# What is queued is waited for, and what is not read yet is sent again.
		with locked(sys.argv[1]):
		    second.send(b"3\n4\n")
		    wait_for_counter("messages.queued", 2)
		    second.send(b"5\n" * 1000)
		    wait_for(lambda: unacknowledged(second.sock) == 0, "arrival")
		    third = Peer(hello_line(session="s", ack="store", next=5))
		    check(True, third.hears_nothing())
		check(5, third.read()["next"])
		check([{"ack": 4}, {"bye": "session_taken", "ack": 4}], second.read_all())
		third.send(b"5\n")
		check({"ack": 5}, third.read())
		check([], third.end())
	END
	expect_messages 5 1
	expect_counter messages.rejected_total.incomplete 1
	expect_closed session_taken 2
	expect_closed eof 1
	assert_equal "$(newest 9 | tr '\n' ' ')" '1 2 3 4 5 '
	stop_server
	expect_stored 5
}

@test "who ends a connection in order and comes back at once has lost nothing" {
	start_stored
	python - "$STORE" <<-'END'
		import sys
		from words import *
		first, _ = greet(session="s", ack="store")
		with locked(sys.argv[1]):
		    first.send(b"1\n")
		    wait_for_counter("messages.queued", 1)
		    first.send(b"2\n" * 3000)
		    first.finish()
		    second = Peer(hello_line(session="s", ack="store", next=3002))
		    check(True, second.hears_nothing())
		check({"ack": 3001}, first.read_all()[-1])
		check(3002, second.read()["next"])
		check([], second.end())
	END
	expect_messages 3001 0
	expect_closed eof 2
	stop_server
	expect_stored 3001
}

@test "a session that another connection does not let go of is refused" {
	start_stored --hello-timeout 300ms --write-timeout 300ms
	python - "$STORE" <<-'END'
		import sys
		from words import *
		first, _ = greet(session="s", ack="store")
		with locked(sys.argv[1]):
		    first.send(b"1\n")
		    wait_for_counter("messages.queued", 1)
		    with Peer(hello_line(session="s")) as second:
		        check((False, "session_taken"), itemgetter("ok", "code")(second.read()))
		        check(None, second.read())
		    # Nor is it known what is next before that is stored which waits.
		    with Peer(hello_line(session="t")) as third:
		        check((False, "store_unavailable"), itemgetter("ok", "code")(third.read()))
		check([{"ack": 1}, {"bye": "session_taken", "ack": 1}], first.read_all())
		peer, answer = greet(session="s")
		check(2, answer["next"])
		check([], peer.end())
	END
	expect_messages 1 0
	expect_closed session_taken 2
	expect_closed store_unavailable 1
	expect_closed eof 1
	stop_server
	expect_stored 1
}

@test "of several hellos that wait for one session the newest gets it, and keeps it" {
	start_stored
	python - "$STORE" "$SERVER_PID" <<-'END'
		import os, sys
		from words import *
		tasks = f"/proc/{sys.argv[2]}/task/"
		def waits(task):
		    try:
		        with open(f"{tasks}{task}/stat") as stat:
		            return stat.read().rpartition(") ")[2][0] == "S"
		    except OSError:  # it has ended meanwhile
		        return False
		def all_wait():
		    return all(map(waits, os.listdir(tasks)))
		line = hello_line(session="s", ack="store")
		for turn in range(10):
		    first, _ = greet(session="s", ack="store")
		    received = counter("bytes.received_total")
		    with locked(sys.argv[1]):
		        first.send(b"1\n")
		        wait_for_counter("messages.queued", 1)
		        # Those before the newest are gone while they wait.
		        for gone in range(1, 5):
		            Peer(line).close()
		            wait_for_counter("bytes.received_total", received + 2 + gone * len(line))
		            wait_for(all_wait, "the turn of the hello")
		        newest = Peer(line)
		        wait_for_counter("bytes.received_total", received + 2 + 5 * len(line))
		    next = 2 * turn + 2
		    check(next, newest.read()["next"])
		    newest.send(b"2\n")
		    check({"ack": next}, newest.read())
		    check([], newest.end())
		    newest.close()
		    first.close()
		    wait_for_counter("connections.current", 0)
	END
	expect_messages 20 0
	expect_idle
	stop_server
	expect_stored 20
}

@test "ten connections fight over one session, and it counts each number once" {
	start_stored
	run -0 python - "$STORE" <<-'END'
		import sys
		from words import *
		def fight():
		    for _ in range(20):
		        with Peer(hello_line(session="s", ack="store")) as peer:
		            answer = peer.read()
		            check(True, answer["ok"])
		            try:
		                peer.send(b"%d\n" % answer["next"])
		                lines = peer.read_to_ack()
		                check(True, lines in [[None], [{"ack": answer["next"]}]] or "bye" in lines[0])
		            except ConnectionError:
		                pass
		in_parallel(fight, 10)
		last = greet(session="s")[1]["next"] - 1
		check([(number, ) for number in range(1, last + 1)],
		      query(sys.argv[1], "SELECT json_extract(data, '$') FROM message ORDER BY id"))
		print(last)
	END
	expect_messages "$output" 0
	expect_idle
	expect_counter 'connections.closed_total|.eof + .session_taken + .reset' 201
	stop_server
	expect_stored "$output"
}

@test "rejected messages alone move a session's mark" {
	start_stored
	python - <<-'END'
		from words import *
		for asked in [{"ack": "store"}, {}]:
		    with greet(session=f"s{len(asked)}", **asked)[0] as peer:
		        peer.send(b"x\n{]\n")
		        check([1, 2], [peer.read()["nak"], peer.read()["nak"]])
		        check([{"ack": 2}] if asked else [], peer.end())
	END
	expect_messages 0 4
	expect_idle
	restart
	python -c 'from words import *; check([3, 3], [greet(session=s)[1]["next"] for s in ["s0", "s1"]])'
	expect_messages 0 0
	stop_server
	expect_stored 0
}

@test "--session-ttl: a session that was not used for so long begins anew" {
	start_stored
	python -c 'from words import *; [greet(session=s)[0].send(b"1\n") for s in ["old", "young"]]'
	expect_messages 2 0
	stop_server
	sqlite3 "$STORE" "UPDATE session SET updated_us =
		(unixepoch() - CASE id WHEN 'old' THEN 7201 ELSE 7000 END) * 1000000"
	start_stored --session-ttl 2h
	python - "$STORE" <<-'END'
		import sys
		from words import *
		wait_for(lambda: query(sys.argv[1], "SELECT id FROM session") == [("young", )], "forgetting")
		check([1, 2], [greet(session=s)[1]["next"] for s in ["old", "young"]])
		check("session_gap", Peer(hello_line(session="old", next=2)).read()["code"])
	END
	expect_messages 0 0
	expect_closed bad_hello 1
	expect_idle
	stop_server
	expect_stored 2
}

@test "the drain: all that had arrived is acknowledged, then comes the bye" {
	start_stored --max-errors 5000
	python - "$SERVER_PID" <<-'END'
		import signal, sys
		from words import *
		server = int(sys.argv[1])
		idle, _ = greet(ack="store")
		plain, _ = greet(name="no acks")
		gone, _ = greet(session="gone", ack="store")
		busy, _ = greet(session="busy", ack="store")
		hello = Peer(b"BIO/1 {")
		wait_for_counter("connections.current", 5)
		os.kill(server, signal.SIGSTOP)
		busy.send(b"1\nx\n" * 5000 + b"[")
		gone.send(b"1\nx\n")
		gone.finish()
		plain.send(b"1\n")
		peers = [busy, gone, plain, hello]
		wait_for(lambda: not any(unacknowledged(peer.sock) for peer in peers), "arrival")
		os.kill(server, signal.SIGTERM)
		os.kill(server, signal.SIGCONT)
		lines = busy.read_all()
		check([*range(2, 10001, 2)], [line["nak"] for line in lines if "nak" in line])
		check([{"ack": 10000}, {"bye": "draining", "ack": 10000, "retry_after": 5}], lines[-2:])
		check({"ack": 2}, gone.read_all()[-1])
		check([{"bye": "draining", "retry_after": 5}], plain.read_all())
		check([{"bye": "draining", "retry_after": 5}], idle.read_all())
		check("draining", hello.read_all()[0]["error"]["code"])
	END
	expect_exit "$SERVER_PID" 0
	run -0 grep -c 'stopped: 5002 messages accepted and 5002 rejected on 5 connections$' \
		"$BATS_TEST_TMPDIR/server.err"
	expect_stored 5002
}

@test "numbers without a session begin at next, or 1, each time" {
	start_stored
	python - <<-'END'
		from words import *
		far = 9007199254740000
		for asked, first in [({}, 1), ({"next": far}, far), ({"next": 1}, 1), ({}, 1)]:
		    peer, answer = greet(ack="store", **asked)
		    with peer:
		        check(first, answer["next"])
		        peer.send(b"1\nx\n")
		        check([first + 1, {"ack": first + 1}], [peer.read()["nak"], peer.read()])
	END
	expect_messages 4 4
	expect_closed eof 4
	stop_server
	expect_stored 4
	assert_equal "$(sqlite3 "$STORE" 'SELECT count(*) FROM session')" 0
}

@test "a hundred sessions at once are counted to the message" {
	start_stored
	python - "$STORE" <<-'END'
		import itertools, sys
		from words import *
		names = itertools.count(1)
		def run():
		    name, last = f"session {next(names)}", 0
		    for _ in range(4):
		        peer, answer = greet(session=name, ack="store", next=last + 1)
		        check(last + 1, answer["next"])
		        with peer:
		            for _ in range(5):
		                peer.send(b'{"i":1}\n' * 4 + b"x\n", b"[2]\n" * 5)
		                acked = 0
		                while acked < last + 10:
		                    lines = peer.read_to_ack()
		                    check([last + 5] * (acked < last + 5 <= lines[-1]["ack"]),
		                          [line["nak"] for line in lines[:-1]])
		                    acked = lines[-1]["ack"]
		                last += 10
		in_parallel(run, 100)
		check([(100, 200, 200)], query(sys.argv[1], "SELECT count(*), min(last), max(last) FROM session"))
	END
	expect_messages 18000 2000
	expect_closed eof 400
	expect_idle
	stop_server
	expect_stored 18000
}

@test "a flood of bad lines is told of each, in little memory" {
	start_stored --max-errors 1000000
	run -0 python - <<-'END'
		from words import *
		COUNT = 200000
		with greet(ack="store")[0] as peer:
		    before = counter("process.rss_bytes")
		    flood = threading.Thread(target=peer.send, args=(b"x\n" * COUNT, b"1\n"))
		    flood.start()
		    told = acked = 0
		    while acked <= COUNT:
		        *naks, last = peer.read_to_ack()
		        check([*range(told + 1, told + len(naks) + 1)], [line["nak"] for line in naks])
		        check(True, len(naks) < 1500)
		        told, acked = told + len(naks), last["ack"]
		        check(True, told <= acked <= told + 1)
		    flood.join()
		    check((COUNT, COUNT + 1), (told, acked))
		    print(counter("process.rss_bytes") - before)
	END
	[[ $BUILD != */release ]] || assert [ "$output" -lt 4000000 ]
	expect_messages 1 200000
	expect_idle
	stop_server
	expect_stored 1
}

@test "a session over servers that are killed: nothing acknowledged is lost, nothing doubled" {
	start_stored
	for _ in 1 2 3; do
		python - "$SERVER_PID" "$BATS_TEST_TMPDIR/acked" <<-'END'
			import signal, sys
			from words import *
			peer, answer = greet(session="s", ack="store")
			acked, first, count = 0, answer["next"], 0
			while True:
			    try:
			        # More is on its way when the end comes.
			        peer.send(b"".join(b"%d\n" % (first + count + i) for i in range(100)))
			        count += 100
			        if count == 2000:
			            os.kill(int(sys.argv[1]), signal.SIGKILL)
			        line = peer.read()
			    except ConnectionError:
			        break
			    if line is None:
			        break
			    acked = line["ack"]
			with open(sys.argv[2], "a") as file:
			    print(acked, file=file)
		END
		expect_exit "$SERVER_PID" 137
		rm "$BATS_TEST_TMPDIR/ready"
		start_stored
	done
	run -0 python - "$STORE" "$BATS_TEST_TMPDIR/acked" <<-'END'
		import sys
		from words import *
		last = greet(session="s")[1]["next"] - 1
		acked = [int(line) for line in open(sys.argv[2])]
		check(True, 0 < acked[0] < acked[1] < acked[2] <= last)
		check([(number, ) for number in range(1, last + 1)],
		      query(sys.argv[1], "SELECT json_extract(data, '$') FROM message ORDER BY id"))
		print(last)
	END
	expect_messages 0 0
	expect_idle
	stop_server
	expect_stored "$output"
}
