#!/usr/bin/env bats
# Many at once, and much: nothing is lost, nothing is counted twice, memory stays small.

load helpers/bio

# load ...: `load` is a word of bats.
send_load() {
	"$BUILD/bench/load" "$1" --to "$BIO" "${@:2}"
}

@test "20000 times connect, send, close: each is counted, numbered and shown once" {
	start_server --recent 20000
	run -0 send_load cycle --threads 8 --count 2500
	assert_equal "$(jq -c '[.connections, .messages]' <<<"$output")" '[20000,20000]'
	expect_messages 20000 0
	expect_counter connections.accepted_total 20000
	expect_counter connections.closed_total.eof 20000
	expect_idle
	assert_equal "$(get /messages/latest | jq .id)" 20000
	run -0 diff <(seq 20000) <(page_through 'limit=1000&order=asc')
	run -0 diff <(seq 20000 -1 1) <(page_through limit=1000)
	stop_server
}

@test "a storm of good and bad in random cuts is counted to the message and the byte" {
	local seed reason
	for seed in 1 2; do
		start_server --recent 100000 --max-message 2k --max-depth 8
		run -0 --separate-stderr python "$BATS_TEST_DIRNAME/helpers/storm.py" "$seed" "$BATS_TEST_TMPDIR/good"
		assert_equal "$(jq -c '[.complaints, .reads > 2]' <<<"$output")" '[[],true]'
		expect_messages "$(jq .good <<<"$output")" "$(jq .bad <<<"$output")"
		for reason in syntax utf8 too_deep too_large incomplete; do
			expect_counter "messages.rejected_total.$reason" "$(jq ".reasons.$reason" <<<"$output")"
		done
		expect_counter bytes.received_total "$(jq .bytes <<<"$output")"
		expect_counter connections.closed_total.eof "$(jq .connections <<<"$output")"
		expect_idle
		get '/messages?format=ndjson' | jq -c .data | LC_ALL=C sort >"$BATS_TEST_TMPDIR/shown"
		run -0 cmp "$BATS_TEST_TMPDIR/good" "$BATS_TEST_TMPDIR/shown"
		stop_server
	done
}

@test "the messages of one connection keep their order, whoever else is sending" {
	start_server --recent 100000
	python - <<-'END'
		import threading
		from words import send
		def run(name):
		    send(*(b'{"s":%d,"n":%d}\n' % (name, n) for n in range(2000)))
		threads = [threading.Thread(target=run, args=(name,)) for name in range(4)]
		[thread.start() for thread in threads]
		[thread.join() for thread in threads]
	END
	expect_messages 8000 0
	get '/messages?format=ndjson&order=asc' | jq -c .data | sort -s -t : -k 2,2 >"$BATS_TEST_TMPDIR/shown"
	run -0 diff "$BATS_TEST_TMPDIR/shown" <(printf '%s\n' '{"s":'{0..3}',"n":'{0..1999}'}')
	expect_idle
	stop_server
}

@test "a flood is counted to the message" {
	start_server
	run -0 send_load flood --connections 4 --seconds 0.5
	expect_messages "$(jq .messages <<<"$output")" 0
	expect_counter bytes.received_total "$(jq .bytes <<<"$output")"
	expect_counter connections.closed_total.eof 4
	assert_equal "$(get /messages/latest | jq .id)" "$(jq .messages <<<"$output")"
	expect_idle
	stop_server
}

@test "an idle connection holds no read buffer" {
	[[ $BUILD == */release ]] || skip "memory is measured without sanitizers only"
	start_server
	run -0 python - <<-'END'
		from words import *
		connections = []
		def open_more(count, size):
		    connections.extend(connect() for _ in range(count))
		    for sock in connections[-count:]:
		        sock.sendall(b'["' + b"x" * size + b'"]\n')
		    wait_for_counter("messages.stored_total", len(connections))
		    return counter("process.rss_bytes")
		# More than is kept to be shown.
		base = open_more(200, 100000)
		small = open_more(500, 10)
		large = open_more(500, 100000)
		print((small - base) // 500, (large - small) // 500)
	END
	local bytes
	for bytes in $output; do
		assert [ "$bytes" -lt 65536 ]
	done
	expect_messages 1200 0
	expect_idle
	stop_server
}

@test "10 MiB in pieces of 100 bytes are one message" {
	start_server --max-message 11MiB --message-timeout 1h
	python - "$BATS_TEST_TMPDIR/sent" <<-'END'
		import random, sys
		from words import send
		text = b'{"text":"' + random.Random(1).randbytes(5 * 2**20).hex().encode() + b'"}'
		open(sys.argv[1], "wb").write(text)
		send(*(text[i:i + 100] for i in range(0, len(text), 100)))
	END
	expect_messages 1 0
	get /messages/latest/raw >"$BATS_TEST_TMPDIR/shown"
	run -0 cmp "$BATS_TEST_TMPDIR/sent" "$BATS_TEST_TMPDIR/shown"
	expect_counter connections.closed_total.eof 1
	expect_idle
	stop_server
}

@test "when the budget is spent senders wait, and all their messages come whole" {
	start_server --memory 64MiB --message-timeout 1h
	python - <<-'END'
		from words import *
		half = b'"' + b"x" * 500000
		socks = [connect() for _ in range(150)]
		for sock in socks:
		    sock.setblocking(False)
		left = [half + half[1:] + b'"' for _ in socks]
		# All get so far that none could go on alone, then all go on.
		while any(left):
		    for i, sock in enumerate(socks):
		        try:
		            left[i] = left[i][sock.send(left[i][:65536]):]
		        except BlockingIOError:
		            pass
	END
	expect_messages 150 0
	expect_counter connections.closed_total.eof 150
	expect_idle
	stop_server
}

@test "unfinished messages hold what they have sent, not a whole buffer" {
	start_server --memory 64MiB
	python - <<-'END'
		from words import *
		socks = [connect() for _ in range(300)]
		for sock in socks:
		    sock.sendall(b'"' + b"x" * 3200)
		wait_for_counter("bytes.received_total", 300 * 3201)
		send(b'"' + b"y" * 20000 + b'"')
		wait_for_counter("messages.received_total", 1)
	END
	expect_messages 1 300
	expect_idle
	stop_server
}
