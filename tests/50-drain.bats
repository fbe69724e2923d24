#!/usr/bin/env bats
# The end: what had arrived before the signal is counted, what had not is not waited for.

load helpers/bio
load helpers/store

# connect NAME: a connection that stays open, its descriptor in the variable NAME.
connect() {
	local -n descriptor=$1
	# shellcheck disable=SC2034 # the caller's
	exec {descriptor}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
}

# start_stuck_server [FLAG...]: one whose session cannot end, since nobody reads what it
# prints; unstick reads it.
start_stuck_server() {
	mkfifo "$BATS_TEST_TMPDIR/server.out"
	# shellcheck disable=SC2034 # only held open
	exec {stuck}<>"$BATS_TEST_TMPDIR/server.out"
	start_server --print "$@"
	send_bytes '"%0200000d"' 0
	expect_messages 1 0
}

unstick() {
	start reader cat "$BATS_TEST_TMPDIR/server.out"
}

is_refused() {
	if send_bytes '' 2>/dev/null; then
		return 1
	fi
}

is_draining() {
	[[ $(get /readyz --output /dev/null --write-out '%{http_code}') == 503 ]]
}

has_ended_when_told_again() {
	kill -TERM "$SERVER_PID" 2>/dev/null
	process_has_ended "$SERVER_PID"
}

is_flooded() {
	(($(counter messages.received_total) > 10000))
}

@test "SIGTERM and SIGINT end an idle server with 0" {
	start_server
	expect_messages 0 0
	stop_server
	expect_totals 0 0 0
	start_server
	send_line 1
	expect_messages 1 0
	kill -INT "$SERVER_PID"
	expect_exit "$SERVER_PID" 0
	expect_totals 1 0 1
}

@test "connections that wait in the kernel's queue are served at the end" {
	local first
	start_server --mode serial
	connect first
	printf '{"first":1}\n' >&"$first"
	expect_messages 1 0
	python -c 'from words import deliver; deliver(*[b"{\"later\":1}"] * 50)'
	stop_server
	expect_totals 51 0 51
}

@test "all that had arrived is read, however much it is" {
	local first
	start_server --mode serial
	connect first
	printf '{"first":1}\n' >&"$first"
	expect_messages 1 0
	python -c 'from words import deliver; deliver(b"{\"later\":1}" * 3000)'
	stop_server
	expect_totals 3001 0 2
}

@test "half a message at the end is incomplete" {
	local first
	start_server
	connect first
	printf '{"i":1}{"half' >&"$first"
	expect_counter bytes.received_total 13
	stop_server
	expect_totals 1 1 1
}

@test "a number at the end counts where its sender had finished" {
	local first
	start_server --mode serial
	connect first
	printf 1 >&"$first"
	expect_counter bytes.received_total 1
	python -c 'from words import deliver; deliver(b"42")'
	stop_server
	expect_totals 1 1 2
}

@test "a number that the end cuts off is incomplete, whenever the end comes" {
	start_failing_server
	python - "$CONTROL" "$SERVER_PID" <<-'END'
		import os, signal, sys
		from failing import Control
		from words import *
		def is_refused():
		    try:
		        connect().close()
		    except OSError:
		        return True
		    return False
		control = Control(sys.argv[1])
		with connect() as sock:
		    sock.sendall(b"1\n")
		    wait_for_counter("messages.received_total", 1)
		    # Between the look at whether the server drains and the read.
		    control.hold_receive()
		    sock.sendall(b"2\n" * 5000 + b"12345")
		    wait_for(control.holds_receive, "the moment")
		    os.kill(int(sys.argv[2]), signal.SIGTERM)
		    wait_for(is_refused, "the drain")
		    control.let_go()
		    check("draining", json.loads(receive_all(sock))["error"]["code"])
	END
	expect_exit "$SERVER_PID" 0
	expect_totals 5001 1 '[0-9]*'
}

@test "an open connection is told of the end, and closed" {
	local first
	start_server
	connect first
	printf '{"i":1}\n' >&"$first"
	expect_messages 1 0
	kill -TERM "$SERVER_PID"
	run -0 cat <&"$first"
	assert_equal "$(jq -c '.error | [.code, .offset]' <<<"$output")" '["draining",8]'
	expect_exit "$SERVER_PID" 0
	expect_totals 1 0 1
}

@test "a peer that does not read its last line is not waited for" {
	local first
	start_server --drain-timeout 20s
	connect first
	printf '[' >&"$first"
	expect_counter bytes.received_total 1
	stop_server
	expect_totals 0 1 1
}

@test "senders that never stop do not keep the server from stopping" {
	start_server --drain-timeout 20s
	start flood python -c 'from words import flood; print(flood(b"[]"))'
	local flood=$STARTED seen accepted
	wait_until 20 is_flooded
	seen=$(counter messages.received_total)
	stop_server
	expect_exit "$flood" 0
	accepted=$(sed -n 's/.* stopped: \([0-9]*\) messages accepted and [01] rejected on 1 connection$/\1/p' \
		"$BATS_TEST_TMPDIR/server.err")
	assert [ "$accepted" -ge "$seen" ]
	assert [ "$accepted" -le "$(cat "$BATS_TEST_TMPDIR/flood.out")" ]
}

@test "no new connections are taken during the drain, and /readyz says 503" {
	start_stuck_server --drain-timeout 1h
	kill -TERM "$SERVER_PID"
	wait_until 20 is_draining
	run -0 get /readyz --include
	assert_line $'Retry-After: 1\r'
	assert_line --partial '"status":503'
	assert_equal "$(get '/readyz?verbose' | jq -r .checks.running)" failing
	expect_counter state draining
	run -0 get /livez --fail
	wait_until 20 is_refused
	unstick
	expect_exit "$SERVER_PID" 0
	expect_totals 1 0 '[0-9]*'
}

@test "--drain-timeout: what has not ended by then is a failure" {
	start_stuck_server --drain-timeout 300ms
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial ' connections had not ended when the time was up'
	refute_output --partial stopped:
}

@test "--drain-timeout: a store whose writer hangs is a failure, and said to be one" {
	start_stuck_server --drain-timeout 300ms --store "$BATS_TEST_TMPDIR/bio.db"
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial 'not everything had ended when the time was up'
	refute_output --partial stopped:
}

@test "a second signal ends the server at once" {
	start_stuck_server --drain-timeout 1h
	kill -TERM "$SERVER_PID"
	wait_until 20 is_draining
	wait_until 20 has_ended_when_told_again
	expect_exit "$SERVER_PID" 143
	run -0 server_log
	refute_output --partial stopped:
}

@test "a second signal ends it at once as process 1, too" {
	local spaces=(--pid)
	[[ $(id -u) == 0 ]] || spaces+=(--user --map-root-user)
	unshare "${spaces[@]}" --fork true 2>/dev/null || skip "unshare: no process namespaces here"
	# What ends at once joins no thread.
	export TSAN_OPTIONS+=:report_thread_leaks=0
	# shellcheck disable=SC2034 # of start_server
	SERVER_WRAPPER=(unshare "${spaces[@]}" --fork --kill-child)
	start_stuck_server --drain-timeout 1h
	local outside=$SERVER_PID
	SERVER_PID=$(pgrep --parent "$outside")
	kill -TERM "$SERVER_PID"
	wait_until 20 is_draining
	wait_until 20 has_ended_when_told_again
	expect_exit "$outside" 143
	run -0 server_log
	refute_output --partial stopped:
}

# has_threads N: so many or more.
has_threads() {
	[[ $(counter process.threads) -ge $1 ]]
}

@test "searches that find nothing do not keep the server from ending" {
	# Longer to search by all of them than what is waited for.
	make_store 4000 1000
	start_kept --drain-timeout 300ms
	local threads searches=() i
	threads=$(counter process.threads)
	for i in {1..16}; do
		start "search$i" get '/messages?format=ndjson&limit=1&.b=-1'
		searches+=("$STARTED")
	done
	wait_until 20 has_threads $((threads + 16))
	stop_server
	kill "${searches[@]}" 2>/dev/null || true
	wait "${searches[@]}" || true
}

@test "stop signals that come together are one wish" {
	start_server
	send_line 1
	expect_messages 1 0
	kill -STOP "$SERVER_PID"
	kill -TERM "$SERVER_PID"
	kill -INT "$SERVER_PID"
	kill -CONT "$SERVER_PID"
	expect_exit "$SERVER_PID" 0
	expect_totals 1 0 1
}

@test "once: a signal while the connection is served is a drain, too" {
	start_server --mode once
	connect client
	printf '{"i":1}\n{"i"' >&"$client"
	expect_counter bytes.received_total 12
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 0
	expect_totals 1 1 1
}

@test "--drain-timeout 0 is enough where nothing is open" {
	start_server --drain-timeout 0
	send_line 1
	expect_messages 1 0
	expect_idle
	stop_server
	expect_totals 1 0 1
}

@test "queued connections are printed under the names of their threads" {
	start_server --print
	kill -STOP "$SERVER_PID"
	python -c 'from words import *; deliver(*[b"1"] * 100)'
	kill -TERM "$SERVER_PID"
	kill -CONT "$SERVER_PID"
	expect_exit "$SERVER_PID" 0
	expect_totals 100 0 100
	run -1 grep -v '^session-[0-9]* 127\.0\.0\.1:[0-9]* ' "$BATS_TEST_TMPDIR/server.out"
}

@test "the ready file is gone as soon as the drain begins" {
	start_stuck_server --drain-timeout 1h
	kill -TERM "$SERVER_PID"
	wait_until 20 is_draining
	assert [ ! -e "$BATS_TEST_TMPDIR/ready" ]
	unstick
	expect_exit "$SERVER_PID" 0
	expect_totals 1 0 1
}
