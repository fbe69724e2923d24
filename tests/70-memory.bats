#!/usr/bin/env bats
# How much memory the server takes, and what it does where there is none: for a message,
# an answer, a thread.

load helpers/bio

LIMIT_KIB=65536

skip_under_sanitizers() {
	[[ $BUILD == */release ]] || skip "memory is measured without sanitizers only"
}

# peak: the most memory that the server ever had, in KiB.
peak() {
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$SERVER_PID/status"
}

# sweep WHAT MODE: fails each allocation in turn, says what came of it.
sweep() {
	run -0 --separate-stderr python "$BATS_TEST_DIRNAME/helpers/failing.py" "$1" "$2" \
		"$BUILD/helpers/bio-server-failing" "$BATS_TEST_TMPDIR"
}

@test "1 GiB of messages of 10 MiB never takes 64 MiB, nor do others, however long" {
	skip_under_sanitizers
	local size mebibytes
	while read -r size mebibytes; do
		start_server --max-message 15MiB
		run -0 python - "$size" "$mebibytes" <<-'END'
			import socket, sys
			from words import connect, receive_all
			size, total, sent = int(sys.argv[1]), int(sys.argv[2]) * 2**20, 0
			cuts = [4096, 65536, 1000003, size]
			text = memoryview(b"x" * size)
			sock = connect()
			while sent * size < total:
			    head = b'{"n":%d,"text":"' % sent
			    sock.sendall(head)
			    cut, left = cuts[sent % len(cuts)], size - len(head) - 2
			    while left > 0:
			        left -= sock.send(text[:min(cut, left)])
			    sock.sendall(b'"}')
			    sent += 1
			sock.shutdown(socket.SHUT_WR)
			print(sent, receive_all(sock))
		END
		assert_output "${output%% *} b''"
		expect_messages "${output%% *}" 0
		expect_counter bytes.received_total "$((${output%% *} * size))"
		expect_idle
		assert [ "$(peak)" -lt "$LIMIT_KIB" ]
		stop_server
	done <<-END
		$((10 * 2 ** 20)) 1024
		$((149 * 2 ** 20 / 10)) 1024
		1000000 128
	END
}

@test "a message of 100 MiB is rejected, and its bytes are not kept" {
	skip_under_sanitizers
	local before
	start_server
	send_line 1
	expect_messages 1 0
	before=$(peak)
	python - <<-'END'
		from words import send
		text = [b"x" * 2**20] * 100
		send(b'{"text":"', *text, b'"}\n{"i":1}')
		send(b'\x1e["', *text, b'"]\n\x1e{"i":2}\n')
		frame = [bytes([0, 0xf0, 0, 0]), b'["', *text[:14], b"x" * (2**20 - 4), b'"]']
		send(*frame * 7, b'\0\0\0\7{"i":3}')
	END
	expect_messages 4 9
	expect_counter messages.rejected_total.too_large 9
	expect_idle
	assert [ "$(peak)" -lt "$LIMIT_KIB" ]
	# As for messages that are just within --max-message.
	assert [ "$(($(peak) - before))" -lt 8192 ]
	stop_server
}

@test "whichever allocation fails, counts are exact, no message is lost or shown twice, nothing leaks" {
	local mode
	for mode in once on; do
		sweep life "$mode"
		assert [ "$(jq '.allocations' <<<"$output")" -gt 20 ]
		assert [ "$(jq '.no_memory' <<<"$output")" -gt 5 ]
		assert [ "$(jq '."not started"' <<<"$output")" -gt 2 ]
	done
}

@test "whichever allocation fails, a page is whole or an error, and nothing leaks" {
	local mode
	for mode in once on; do
		sweep pages "$mode"
		assert [ "$(jq '.allocations' <<<"$output")" -gt 100 ]
	done
}

@test "what could not be had is charged to nobody" {
	start_failing_server --memory 128MiB --max-message 15MiB
	python - "$CONTROL" <<-'END'
		import sys
		from failing import Control
		from words import *
		control, half = Control(sys.argv[1]), 7 * 2**20
		def fail(sock, part):
		    control.refuse(1)
		    sock.sendall(part)
		    assert b'"no_memory"' in receive_all(sock)
		    control.relent()
		    sock.close()
		def begin(part):
		    before = counter("bytes.received_total")
		    sock = connect()
		    sock.sendall(part)
		    wait_for_counter("bytes.received_total", before + len(part))
		    return sock
		# Together more than what is lent, 64 MiB; about half of that is the reserve.
		for _ in range(200):
		    fail(connect(), b'"' + b"x" * 10000)
		first = begin(b'"' + b"x" * 2 * half)
		# Its next step would be the reserve.
		fail(begin(b'"' + b"x" * 5 * 2**20), b"x" * 2 * 2**20)
		second = begin(b'"' + b"x" * 2 * half)
		for sock in (first, second):
		    sock.sendall(b'"')
		    sock.close()
	END
	expect_messages 2 201
	expect_counter messages.rejected_total.incomplete 201
	expect_counter connections.closed_total.no_memory 201
	expect_counter connections.closed_total.eof 2
	expect_idle
	stop_server
}

@test "where no thread can be started those that are there go on, and others come as soon as they can" {
	start_failing_server
	python - "$CONTROL" <<-'END'
		import json, sys
		from failing import Control, get
		from words import *
		control = Control(sys.argv[1])
		def begin():
		    sock = connect()
		    sock.sendall(b'1\n')
		    return sock
		def see_refused():
		    before = control.refused
		    wait_for(lambda: control.refused > before, "a thread that is refused")
		control.no_threads = 1
		first = begin()
		wait_for_counter("messages.stored_total", 1)
		second = begin()
		see_refused()
		assert counter("connections.accepted_total") == 1
		check(503, get("/readyz")[0])
		status, body = get("/readyz?verbose")
		check([503, {"running": "ok", "accepting": "failing", "store": "ok"}],
		      [status, json.loads(body)["checks"]])
		# The thread of the first takes the second.
		first.close()
		wait_for_counter("messages.stored_total", 2)
		third = begin()
		see_refused()
		assert counter("connections.accepted_total") == 2
		control.no_threads = 0
		wait_for_counter("messages.stored_total", 3)
		assert counter("connections.current") == 2
		wait_for(lambda: get("/readyz")[0] == 200, "readiness")
	END
	expect_messages 3 0
	expect_counter connections.closed_total.eof 3
	expect_idle
	run -0 server_log
	assert_line --partial 'no thread for the next connection: Resource temporarily unavailable'
	stop_server
}

@test "a drain without a spare thread takes what had arrived, and ends" {
	local mode first
	for mode in threads serial; do
		rm -f "$BATS_TEST_TMPDIR/control"
		start_failing_server --mode "$mode"
		python -c 'import sys, failing; failing.Control(sys.argv[1]).no_threads = 1' "$CONTROL"
		exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
		printf '{"first":1}{"half' >&"$first"
		expect_messages 1 0
		python -c 'from words import deliver; deliver(*[b"{\"later\":1}"] * 50)'
		stop_server
		exec {first}>&-
		expect_totals 51 1 51
	done
}
