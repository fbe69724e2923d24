#!/usr/bin/env bats
# /connections and /rejected: who is there, who was, and what of it was no message.

load helpers/bio

# connections QUERY FILTER: what jq makes of each connection, a line each.
connections() {
	get "/connections?$1" | jq -c ".connections[] | $2"
}

# rejections_are_shown: what was counted is listed, which it is a little later.
rejections_are_shown() {
	[[ $(get '/rejected?limit=1' | jq .total) == "$(counter 'messages.rejected_total|add')" ]]
}

# rejected FILTER: what jq makes of each rejected message, the newest first, a line each.
rejected() {
	wait_until 20 rejections_are_shown
	get /rejected | jq -c ".rejected[] | $1"
}

# expect_sums: over all connections the numbers are those of /stats, of which no more than
# the last thousand may be closed.
expect_sums() {
	assert_equal "$(get '/connections?state=all&limit=1000' | jq -c '.connections |
		[(map(.messages) | add), (map(.rejected) | add), (map(.received_bytes) | add), length]')" \
		"$(get /stats | jq -c '[.messages.received_total, (.messages.rejected_total | add),
			.bytes.received_total, .connections.accepted_total]')"
	assert_equal "$(get '/rejected?limit=1' | jq .total)" "$(counter 'messages.rejected_total|add')"
}

# expect_excerpt REASON OFFSET BEFORE AT AFTER: of the newest rejection.
expect_excerpt() {
	assert_equal "$(rejected '[.reason, .offset, .excerpt.before, .excerpt.at, .excerpt.after]' | head -n 1)" \
		"$(jq -nc --argjson offset "$2" '[$ARGS.positional[0], $offset] + $ARGS.positional[1:]' --args "$1" "${@:3}")"
}

# expect_refused PATH...: each is a 400 with a problem.
expect_refused() {
	local path
	for path; do
		run -0 get "$path" --write-out ' %{http_code} %{content_type}'
		assert_output --partial '"detail":'
		assert_equal "$path ${output##*$'\n'}" "$path  400 application/problem+json"
	done
}

@test "an open connection is listed with what it has sent so far" {
	start_server
	assert_equal "$(get /connections)" '{"connections":[],"open":0,"closed":0}'
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	assert_equal "$(connections '' '[.connection, .name, .framing, .state, .closed_at, .received_bytes, .messages,
		.rejected, .reason]')" '[1,null,"stream","open",null,0,0,0,null]'
	assert_equal "$(connections '' 'keys_unsorted')" '["connection","peer","name","framing","state","opened_at","closed_at","duration_seconds","received_bytes","messages","rejected","reason"]'
	printf '{"i":1}\n' >&"$first"
	expect_messages 1 0
	wait_until 20 eval '[[ $(connections "" "[.received_bytes, .messages, .rejected]") == "[8,1,0]" ]]'
	printf 'x\n{"i":2}\n{"ha' >&"$first"
	expect_messages 2 1
	wait_until 20 eval '[[ $(connections "" "[.received_bytes, .messages, .rejected]") == "[22,2,1]" ]]'
	exec {first}>&-
	expect_messages 2 2
	expect_idle
	assert_equal "$(connections state=closed '[.connection, .state, .received_bytes, .messages, .rejected, .reason]')" \
		'[1,"closed",22,2,2,"eof"]'
	assert_equal "$(get /connections)" '{"connections":[],"open":0,"closed":1}'
	expect_sums
	stop_server
}

@test "peer, name and framing are those of /messages" {
	start_server
	python - <<-'END'
		from words import check, connect, greet, wait_for_counter
		import http.client, json, os
		def ask(path):
		    connection = http.client.HTTPConnection(os.environ["HTTP"], timeout=20)
		    connection.request("GET", path)
		    return json.loads(connection.getresponse().read())
		def who(item):
		    return [item[key] for key in ("connection", "peer", "name", "framing")]
		plain, rs, length = connect(), connect(), connect()
		named, _ = greet(name='pump "7"\\', framing="lines")
		quiet, _ = greet()
		plain.sendall(b"1 ")
		rs.sendall(b"\x1e2\n")
		length.sendall(b"\0\0\0\1" + b"3")
		named.send(b"4\n")
		quiet.send(b"5\n")
		wait_for_counter("messages.stored_total", 5)
		shown = sorted(map(who, ask("/connections")["connections"]))
		check(sorted(map(who, ask("/messages")["messages"])), shown)
		check([1, 2, 3, 4, 5], [number for number, *_ in shown])
		# Who comes first of those that come together, no one has said.
		peers = ["%s:%d" % sock.getsockname() for sock in (plain, rs, length, named.sock, quiet.sock)]
		check({
		    peers[0]: [None, "stream"], peers[1]: [None, "rs"], peers[2]: [None, "length"],
		    peers[3]: ['pump "7"\\', "lines"], peers[4]: [None, "lines"],
		}, {peer: [name, framing] for _, peer, name, framing in shown})
	END
	expect_messages 5 0
	expect_idle
	expect_sums
	stop_server
}

@test "times: opened, closed, and how long it was" {
	start_server
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	wait_until 20 eval '[[ $(connections "" ".duration_seconds > 0.05") == true ]]'
	assert_equal "$(connections '' '.opened_at | test("^[-0-9]{10}T[:0-9]{8}\\.[0-9]{6}Z$")')" true
	exec {first}>&-
	expect_idle
	assert_equal "$(connections state=closed '. as $c | def us: (.[:19] + "Z" | fromdate) + (.[19:26] | tonumber);
		($c.closed_at | us) - ($c.opened_at | us) - $c.duration_seconds | fabs < 0.5')" true
	local before
	before=$(connections state=closed .duration_seconds)
	assert_equal "$(connections state=closed .duration_seconds)" "$before"
	expect_messages 0 0
	stop_server
}

@test "a closed connection says why it was closed" {
	start_server --max-errors 1 --idle-timeout 1h --message-timeout 2s
	send_line 1
	expect_counter connections.closed_total.eof 1
	send_bytes '{}\n[x\n[x\n[x\n'
	expect_counter connections.closed_total.max_errors 1
	send_bytes 'GET / HTTP/1.1\r\n\r\n'
	expect_counter connections.closed_total.wrong_protocol 1
	send_bytes 'BIO/1 {"ack":17}\n'
	expect_counter connections.closed_total.bad_hello 1
	python - <<-'END'
		from words import connect, reset, wait_for_counter
		sock = connect()
		sock.sendall(b"[1,")
		wait_for_counter("connections.current", 1)
		reset(sock)
		wait_for_counter("connections.closed_total.reset", 1)
		with connect() as slow:
		    slow.sendall(b"[1,")
		    wait_for_counter("connections.closed_total.message_timeout", 1)
	END
	expect_idle
	assert_equal "$(connections state=closed '[.connection, .reason]')" \
		$'[6,"message_timeout"]\n[5,"reset"]\n[4,"bad_hello"]\n[3,"wrong_protocol"]\n[2,"max_errors"]\n[1,"eof"]'
	expect_messages 2 4
	expect_sums
	stop_server
}

@test "idle, and a session that goes on elsewhere" {
	start_server --store "$BATS_TEST_TMPDIR/messages.db"
	python - <<-'END'
		from words import greet, wait_for_counter
		first, _ = greet(session="a")
		second, _ = greet(session="a")
		second.send(b"1\n")
		wait_for_counter("connections.closed_total.session_taken", 1)
		second.end()
	END
	expect_idle
	assert_equal "$(connections state=closed '[.connection, .messages, .reason]')" \
		$'[2,1,"eof"]\n[1,0,"session_taken"]'
	expect_messages 1 0
	expect_sums
	stop_server
	start_server --idle-timeout 200ms
	python -c 'from words import *; check(True, b"\"idle\"" in receive_all(connect()))'
	expect_idle
	assert_equal "$(connections state=closed '[.connection, .messages, .reason]')" '[1,0,"idle"]'
	stop_server
}

@test "what the store did not take is no message of the connection either" {
	start_server --memory 64MiB --store "$BATS_TEST_TMPDIR/messages.db"
	send_line 1
	expect_messages 1 0
	STORE=$BATS_TEST_TMPDIR/messages.db python - <<-'END'
		import os
		from words import connect, locked, wait_for_counter
		with locked(os.environ["STORE"]), connect() as sock:
		    try:
		        for _ in range(1000):
		            sock.sendall(b'"%0997d"\n' % 0 * 100)
		    except OSError:
		        pass
		    wait_for_counter("connections.closed_total.store_unavailable", 1)
	END
	wait_until 20 counter_is store.state ok
	expect_messages "$(counter messages.received_total)" 0
	assert_equal "$(connections 'state=closed&limit=1' '[.reason, .messages > 10000, .messages < .received_bytes / 1000]')" \
		'["store_unavailable",true,true]'
	expect_idle
	expect_sums
	stop_server
}

@test "a refused connection has a number, is closed at once, and brought nothing" {
	start_server --max-connections 1
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	run -0 talk <<<'{"i":"refused"}'
	assert_equal "$(jq -r .error.code <<<"$output")" max_connections
	assert_equal "$(connections state=all '[.connection, .state, .received_bytes, .messages, .reason]')" \
		$'[2,"closed",0,0,"max_connections"]\n[1,"open",0,0,null]'
	assert_equal "$(connections state=closed '[.opened_at == .closed_at, .duration_seconds == 0, (.peer | test("^127\\.0\\.0\\.1:[0-9]+$"))]')" \
		'[true,true,true]'
	exec {first}>&-
	expect_idle
	send_line 3
	expect_messages 1 0
	assert_equal "$(get /messages/1 | jq .connection)" 3
	expect_sums
	stop_server
}

@test "state and limit choose, and the totals do not depend on them" {
	start_server
	python - <<-'END'
		import http.client, json, os
		from words import check, connect, wait_for_counter
		def ask(query):
		    connection = http.client.HTTPConnection(os.environ["HTTP"], timeout=20)
		    connection.request("GET", "/connections" + query)
		    answer = json.loads(connection.getresponse().read())
		    check([130, 120], [answer["open"], answer["closed"]])
		    return [item["connection"] for item in answer["connections"]]
		for count in range(120):
		    connect().close()
		    wait_for_counter("connections.closed_total.eof", count + 1)
		held = [connect() for _ in range(130)]
		wait_for_counter("connections.current", 130)
		down = lambda first, last: list(range(first, last - 1, -1))
		check(down(250, 151), ask(""))
		check(down(250, 151), ask("?state=open"))
		check(down(250, 121), ask("?state=open&limit=1000"))
		check(down(250, 121), ask("?limit=131"))
		check(down(250, 250), ask("?limit=1"))
		check(down(120, 21), ask("?state=closed"))
		check(down(120, 1), ask("?limit=1000&state=closed"))
		check(down(250, 151), ask("?state=all"))
		check(down(250, 1), ask("?state=all&limit=1000"))
		check(down(250, 118), ask("?state=all&limit=133"))
	END
	expect_idle
	expect_messages 0 0
	expect_sums
	stop_server
}

@test "a thousand closed connections are remembered, the last ones" {
	start_server
	run -0 "$BUILD/bench/load" cycle --to "$BIO" --threads 4 --count 600
	expect_messages 2400 0
	expect_idle
	get '/connections?state=all&limit=1000' >"$BATS_TEST_TMPDIR/page"
	assert_equal "$(jq -c '[(.connections | length), .open, .closed, (.connections | map(.messages) | add)]' "$BATS_TEST_TMPDIR/page")" \
		'[1000,0,1000,1000]'
	assert_equal "$(jq -c '.connections | [(map(.closed_at) | . == (sort | reverse)), (map(.connection) | unique | length)]' "$BATS_TEST_TMPDIR/page")" '[true,1000]'
	expect_counter connections.closed_total.eof 2400
	stop_server
}

@test "bad, repeated and unknown parameters are a 400, never a default" {
	start_server
	expect_refused /connections?{limit=0,limit=1001,limit=,limit,limit=-1,limit=%2B1,limit=1x,limit=5%00,limit%00=5,limit=99999999999999999999} \
		/connections?{state=,state,state=Open,state=opened,state=open%00,STATE=open,before=1,format=json,.a=1,%00} \
		'/connections?limit=5&limit=5' '/connections?state=all&limit=1&state=all' \
		/rejected?{limit=0,limit=101,limit=,limit,limit=x,limit=5%00,state=all,reason=syntax,after=1} '/rejected?limit=1&limit=1'
	expect_messages 0 0
	expect_idle
	stop_server
}

@test "a storm: never ahead of /stats, and in the end the sums agree" {
	start_server --max-message 2k --max-depth 8
	cat >"$BATS_TEST_TMPDIR/watcher.py" <<-'END'
		import http.client, json, os
		link = http.client.HTTPConnection(os.environ["HTTP"], timeout=20)
		def ask(path):
		    link.request("GET", path)
		    return json.loads(link.getresponse().read())
		def sums():
		    page = ask("/connections?state=all&limit=1000")
		    items = page["connections"]
		    assert page["open"] + page["closed"] == len(items), page
		    assert len({item["connection"] for item in items}) == len(items), items
		    return [sum(item[key] for item in items) for key in ("messages", "rejected", "received_bytes")]
		looks, before = 0, [0, 0, 0]
		while True:
		    shown, total = sums(), ask("/rejected?limit=1")["total"]
		    now = ask("/stats")
		    rejected = sum(now["messages"]["rejected_total"].values())
		    counted = [now["messages"]["received_total"], rejected, now["bytes"]["received_total"]]
		    for earlier, later in ((before, shown), (shown, counted), ([total], [rejected])):
		        assert all(a <= b for a, b in zip(earlier, later)), (earlier, later)
		    before, looks = shown, looks + 1
		    if now["connections"]["closed_total"]["eof"] == 48:
		        break
		print(looks)
	END
	start watcher python "$BATS_TEST_TMPDIR/watcher.py"
	local watcher=$STARTED
	run -0 --separate-stderr python "$BATS_TEST_DIRNAME/helpers/storm.py" 3 "$BATS_TEST_TMPDIR/good"
	assert_equal "$(jq -c .complaints <<<"$output")" '[]'
	expect_messages "$(jq .good <<<"$output")" "$(jq .bad <<<"$output")"
	expect_idle
	expect_exit "$watcher" 0
	(($(<"$BATS_TEST_TMPDIR/watcher.out") > 2))
	expect_sums
	stop_server
}

@test "of very many open connections a page has a thousand, and is of bounded size" {
	start_server
	python - <<-'END'
		import http.client, os, json, resource
		from words import check, connect, wait_for_counter
		_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
		resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4000), most))
		held = [connect() for _ in range(1200)]
		wait_for_counter("connections.current", 1200)
		link = http.client.HTTPConnection(os.environ["HTTP"], timeout=20)
		link.request("GET", "/connections?limit=1000")
		page = link.getresponse().read()
		check(True, len(page) < 400000)
		check(list(range(1200, 200, -1)), [item["connection"] for item in json.loads(page)["connections"]])
	END
	expect_idle
	expect_messages 0 0
	stop_server
}

@test "a rejected message is shown with who, why, where, and what stood there" {
	start_server
	assert_equal "$(get /rejected)" '{"rejected":[],"total":0}'
	send_bytes '{"i":1}\n{"a":1 2}\n{"i":2}\n'
	expect_messages 2 1
	expect_excerpt syntax 7 '{"a":1 ' 2 '}'
	assert_equal "$(rejected 'keys_unsorted')" '["rejected_at","connection","peer","name","framing","reason","offset","error","excerpt"]'
	assert_equal "$(rejected '[.connection, .name, .framing, .error, (.excerpt | keys_unsorted)]')" \
		"[1,null,\"stream\",\"expected ',' or '}'\",[\"before\",\"at\",\"after\"]]"
	assert_equal "$(rejected .peer)" "$(get /messages/1 | jq .peer)"
	assert_equal "$(rejected '.rejected_at | test("^[-0-9]{10}T[:0-9]{8}\\.[0-9]{6}Z$")')" true
	expect_idle
	expect_sums
	stop_server
}

@test "each reason has its mark" {
	start_server --max-message 64 --max-depth 3 --print
	send_bytes '[1,]x\n'
	expect_messages 0 1
	expect_excerpt syntax 3 '[1,' ']' x
	send_bytes '["a\xc3("]\n[]'
	expect_messages 1 2
	expect_excerpt utf8 4 $'["a\ufffd' '(' '"]'
	send_bytes '[[[[1]]]]{}'
	expect_messages 2 3
	expect_excerpt too_deep 3 '[[[' '[' '1]]]]'
	send_bytes '["%0100d"]{}' 0
	expect_messages 3 4
	expect_excerpt too_large 64 "$(printf %040d 0)" 0 "$(printf '%037d' 0)\"]"
	send_bytes '{"a":{'
	expect_messages 3 5
	expect_excerpt incomplete 6 '{"a":{' '' ''
	send_bytes '\0\0\0\0011x'
	expect_messages 4 6
	expect_excerpt bad_frame 0 '' x ''
	assert_equal "$(grep -o '# rejected.*' "$BATS_TEST_TMPDIR/server.out" | tac)" \
		"$(rejected '"# rejected \(.reason) at offset \(.offset): \(.error)"' | jq -r .)"
	expect_idle
	expect_sums
	stop_server
}

@test "a frame too large: what has come of it, and nothing of the next" {
	start_server --max-message 16
	send_bytes '\0\0\0\27["0123456789abcdefghi"]\0\0\0\002{}'
	expect_messages 1 1
	expect_excerpt too_large 16 '["0123456789abcd' e 'fghi"]'
	send_bytes '\0\0\1\0["0123'
	expect_messages 1 2
	expect_excerpt too_large 16 '["0123' '' ''
	send_bytes '\0\0\0\004[1,x\0\0\0\002{}'
	expect_messages 2 3
	expect_excerpt syntax 3 '[1,' x ''
	expect_idle
	expect_sums
	stop_server
}

@test "an excerpt ends where the next message begins, and begins where it began" {
	start_server
	send_bytes '{"i":1}\n[1\n{"i":2}\n'
	expect_messages 2 1
	expect_excerpt syntax 3 $'[1\n' '{' ''
	send_bytes '{"i":1}x second\nthird\n{"i":2}'
	expect_messages 4 2
	expect_excerpt syntax 0 '' x $' second\nthird'
	send_bytes '{"i":1}\x1e{"i":2}'
	expect_messages 6 3
	expect_excerpt syntax 0 '' $'\x1e' ''
	send_bytes '\x1e[1,]\n\x1e[2]\n\x1e"\t"\n'
	expect_messages 7 5
	expect_excerpt syntax 1 '"' $'\t' '"'
	assert_equal "$(rejected '.excerpt | join("|")' | sed -n 2p)" '"[1,|]|"'
	expect_idle
	expect_sums
	stop_server
}

@test "forty characters on each side, none of them cut" {
	start_server
	local euros smiles
	euros=$(printf '€%.0s' {1..40}) smiles=$(printf '😀%.0s' {1..40})
	send_bytes '["%s\x01%s"]\n{}' "€$euros" "$smiles😀"
	expect_messages 1 1
	expect_excerpt syntax 125 "$euros" $'\x01' "$smiles"
	send_bytes '[%s€%s]\n{}' "$(printf '%02000d' 0 | tr 0 ' ')" "$euros€"
	expect_messages 2 2
	expect_excerpt syntax 2001 "$(printf '%40s' '')" € "$euros"
	# A limit within a character.
	stop_server
	start_server --max-message 16
	send_bytes '["0123456789ab😀cdef"]\n{}'
	expect_messages 1 1
	expect_excerpt too_large 16 '["0123456789ab' 😀 'cdef"]'
	expect_idle
	expect_sums
	stop_server
}

@test "however a message is cut into reads, offset and mark are the same" {
	start_server
	python - <<-'END'
		from words import connect, wait_for_counter
		message = b'{"pad":"' + b"x" * 9000 + b'","a":1 2}'
		received = 0
		for number, size in enumerate((1000000, 4096, 700, 9015), 1):
		    with connect() as sock:
		        for begin in range(0, len(message), size):
		            sock.sendall(message[begin:begin + size])
		            received += len(message[begin:begin + size])
		            wait_for_counter("bytes.received_total", received)
		    wait_for_counter("connections.closed_total.eof", number)
	END
	assert_equal "$(rejected '[.offset, (.excerpt.before | length), .excerpt.before[32:], .excerpt.at]' | sort -u)" \
		'[9016,40,"\",\"a\":1 ","2"]'
	assert_equal "$(rejected .connection)" $'4\n3\n2\n1'
	expect_messages 0 4
	expect_idle
	expect_sums
	stop_server
}

@test "behind a hello, offsets are those of the naks" {
	start_server --max-message 64
	python - <<-'END'
		from words import check, greet
		import http.client, json, os
		def newest(count):
		    link = http.client.HTTPConnection(os.environ["HTTP"], timeout=20)
		    link.request("GET", f"/rejected?limit={count}")
		    return json.loads(link.getresponse().read())["rejected"][::-1]
		def judge(framing, *parts):
		    """Each part is a read with one bad message; returns the marks."""
		    marks = []
		    peer, welcome = greet(name="pump", framing=framing)
		    for part in parts:
		        peer.send(part)
		        nak = peer.read()
		        shown, = newest(1)
		        check([nak["code"], nak["offset"], nak["error"]],
		              [shown["reason"], shown["offset"], shown["error"]])
		        check([welcome["connection"], "pump", framing],
		              [shown["connection"], shown["name"], shown["framing"]])
		        marks.append((nak["offset"], *shown["excerpt"].values()))
		    peer.end()
		    return marks
		check([(5, '{"k":', "\n", ""), (3, "[1,", "]", "  x"), (64, 40 * "y", "y", 'y"'),
		       (2, "[]", "x", " y"), (0, "", "B", 'IO/1 {"token":"****"}')],
		      judge("lines", b'{"i":1}\n  {"k":\n', b'[1,]  x\n', b'"' + 65 * b"y" + b'"\n',
		            b'[]x y\n', b'BIO/1 {"token":"abcd"}\n'))
		check([(3, "[1,", "]", ""), (2, "[]", "x", "")],
		      judge("rs", b"\x1e[1,]\n", b"\x1e[]x\n"))
		check([(3, "[1,", "]", ""), (64, 40 * "z", "z", 'z"'), (2, "[]", "x", "")],
		      judge("length", b"\0\0\0\4[1,]", b"\0\0\0\x43" + b'"' + 65 * b"z" + b'"', b"\0\0\0\5 []x "))
	END
	expect_messages 1 10
	expect_idle
	expect_sums
	stop_server
}

@test "what was dropped with an earlier read is not shown, and the offset is right" {
	start_server
	python - <<-'END'
		from words import check, counter, greet, wait_for_counter
		for framing, parts, offset in (("lines", (b'{"k":x', b'1, "tail"', b"}\n"), 5),
		                               ("rs", (b'\x1e[1,2,,', b"3]\n"), 5)):
		    peer, _ = greet(framing=framing)
		    for part in parts:
		        received = counter("bytes.received_total")
		        peer.send(part)
		        wait_for_counter("bytes.received_total", received + len(part))
		    check((1, offset), tuple(map(peer.read().get, ("nak", "offset"))))
		    peer.end()
	END
	assert_equal "$(rejected '[.framing, .offset, .excerpt.before, .excerpt.at, .excerpt.after]')" \
		$'["rs",5,"","",""]\n["lines",5,"","",""]'
	expect_messages 0 2
	expect_idle
	expect_sums
	stop_server
}

@test "a secret behind token is masked, wherever the mark is" {
	start_server
	send_bytes 'BIO1 {"name":"pump","token":"s3cret"}\n'
	expect_messages 0 1
	expect_excerpt syntax 0 '' B 'IO1 {"name":"pump","token":"******"}'
	send_bytes 'bio/1 {"token":"s3cret","ack":"store"}\n'
	expect_messages 0 2
	expect_excerpt syntax 0 '' b 'io/1 {"token":"******","ack":"store"}'
	send_bytes '{"token":"%s s3cret\x01s3cret"}' "$(printf 's3cret%.0s' {1..40})"
	expect_messages 0 3
	expect_excerpt syntax 257 "$(printf '%40s' '' | tr ' ' '*')" '*' '******"}'
	send_bytes '{"Token" : s3cret}'
	expect_messages 0 4
	expect_excerpt syntax 11 '{"Token" : ' '*' '*****}'
	get /rejected >"$BATS_TEST_TMPDIR/page"
	run -1 grep s3cret "$BATS_TEST_TMPDIR/page"
	expect_idle
	expect_sums
	stop_server
}

@test "the hundred and first pushes out the first" {
	start_server --max-errors 1000
	send_bytes '[%d x]\n' {1..100}
	expect_messages 0 100
	assert_equal "$(rejected .excerpt.before)" "$(printf '"[%d "\n' {100..1})"
	send_bytes '[101 x]\n'
	expect_messages 0 101
	assert_equal "$(rejected .excerpt.before)" "$(printf '"[%d "\n' {101..2})"
	assert_equal "$(get '/rejected?limit=3' | jq -c '[.rejected[].excerpt.before, .total]')" '["[101 ","[100 ","[99 ",101]'
	send_bytes '[%d x]\n{}\n' {102..451}
	expect_messages 350 451
	assert_equal "$(rejected .excerpt.before)" "$(printf '"[%d "\n' {451..352})"
	assert_equal "$(get '/rejected?limit=1' | jq .total)" 451
	expect_idle
	expect_sums
	stop_server
}
