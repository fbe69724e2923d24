# The mini-language of the tests: start a server, send, expect, stop.
# tests/README.md says how to write a case with it.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# Unless a case says --store FILE, messages are in memory only.
export BIO_STORE=none
# The addresses of the server that start_server started: host:port.
BIO='' HTTP='' SERVER_PID=''
# A command that becomes the one behind it, as nsenter does; it starts the server.
SERVER_WRAPPER=()
# Every process of a case that teardown has to end if the case did not.
CHILDREN=()

client() {
	"$BUILD/bio-client" "$@"
}

# wait_until SECONDS COMMAND...: runs the command until it succeeds.
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		if ((SECONDS >= deadline)); then
			echo "gave up waiting for: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# start NAME COMMAND...: starts a process in the background, its output in NAME.out and
# NAME.err, its number in the variable STARTED.
start() {
	local name=$1
	shift
	# What a process of the same name has left must not be read as this one's.
	: >"$BATS_TEST_TMPDIR/$name.out"
	: >"$BATS_TEST_TMPDIR/$name.err"
	"$@" >"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	STARTED=$!
	CHILDREN+=("$STARTED")
}

# start_server [FLAG...]: on free ports of the loopback address, unless a flag says other;
# with SERVER=PROGRAM before it, another program than bio-server.
start_server() {
	local ready=$BATS_TEST_TMPDIR/ready
	# One that was killed has left it.
	rm -f "$ready"
	BIO_LISTEN=127.0.0.1:0 BIO_HTTP_LISTEN=127.0.0.1:0 \
		start server "${SERVER_WRAPPER[@]}" "${SERVER:-$BUILD/bio-server}" \
		--ready-file "$ready" "$@"
	SERVER_PID=$STARTED
	wait_until 20 server_is_ready_or_dead
	[[ -e $ready ]] || { server_log >&2; return 1; }
	BIO=$(awk '$1 == "bio" { print $2; exit }' "$ready")
	HTTP=$(awk '$1 == "http" { print $2; exit }' "$ready")
}

# start_failing_server [FLAG...]: with Control(sys.argv[1]) in python, in a case's hands.
start_failing_server() {
	CONTROL=$BATS_TEST_TMPDIR/control
	python -c 'import sys, failing; failing.Control(sys.argv[1])' "$CONTROL"
	SERVER=$BUILD/helpers/bio-server-failing FAILING_MALLOC=$CONTROL start_server "$@"
}

server_is_ready_or_dead() {
	[[ -e $BATS_TEST_TMPDIR/ready ]] || ! kill -0 "$SERVER_PID" 2>/dev/null
}

server_log() {
	cat "$BATS_TEST_TMPDIR/server.err"
}

server_output() {
	cat "$BATS_TEST_TMPDIR/server.out"
}

# expect_exit PID STATUS: the process ends, with this status.
expect_exit() {
	local status=0
	wait_until 30 process_has_ended "$1" || return 1
	wait "$1" || status=$?
	[[ $status == "$2" ]] || { echo "process ended with $status, expected $2" >&2; server_log >&2; return 1; }
}

process_has_ended() {
	local state
	state=$(ps -o stat= -p "$1") || return 0
	[[ $state == Z* ]]
}

# stop_server: as an operator does; everything that arrived is counted and the exit is 0.
stop_server() {
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 0
	SERVER_PID=''
}

# expect_totals ACCEPTED REJECTED CONNECTIONS: what the log says at the end.
expect_totals() {
	run -0 grep -c "stopped: $1 messages\? accepted and $2 rejected on $3 connections\?\$" \
		"$BATS_TEST_TMPDIR/server.err"
}

# send_bytes [FORMAT [ARGUMENT...]]: one connection, what printf makes of it at once (or standard
# input), close.
send_bytes() {
	local bytes=/dev/stdin
	if (($# > 0)); then
		# Bash writes line by line; a file goes out in one write.
		bytes=$BATS_TEST_TMPDIR/bytes.$BASHPID
		# shellcheck disable=SC2059 # the format is the point
		printf "$@" >"$bytes"
	fi
	cat "$bytes" >"/dev/tcp/${BIO%:*}/${BIO##*:}"
}

# send_line TEXT: one connection, one line, close.
send_line() {
	send_bytes '%s\n' "$1"
}

# talk: one connection, sends standard input, ends its side, prints what comes back.
talk() {
	python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), 10) as s:
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while chunk := s.recv(65536):
        sys.stdout.buffer.write(chunk)
' "$BIO"
}

# get PATH [CURL OPTION...]: the body of a page of the status side.
get() {
	local path=$1
	shift
	curl --disable --noproxy '*' --silent --show-error --globoff --max-time 20 "$@" "http://$HTTP$path"
}

# counter NAME: one number of /stats, such as messages.received_total.
counter() {
	get /stats | jq -r ".$1"
}

counter_is() {
	[[ $(counter "$1") == "$2" ]]
}

# expect_counter NAME VALUE: waits until the counter has the value.
expect_counter() {
	if ! wait_until 20 counter_is "$1" "$2"; then
		echo "$1 is $(counter "$1"), expected $2" >&2
		return 1
	fi
}

# expect_messages ACCEPTED REJECTED: both totals, and nothing queued.
expect_messages() {
	expect_counter 'messages | [.received_total, (.rejected_total | add), .stored_total] | join(" ")' "$1 $2 $1"
}

# expect_idle: every connection has been closed and counted.
expect_idle() {
	expect_counter 'connections | [.current, .accepted_total - (.closed_total | add)] | join(" ")' '0 0'
}

# newest N: the texts of the newest N messages, oldest first, as they were sent.
newest() {
	get "/messages?limit=$1&order=desc" | jq -c '.messages | reverse | .[].data'
}

# page_through QUERY: the ids of all pages, each asked for where the one before says.
page_through() {
	local page on=''
	while page=$(get "/messages?$1$on" | jq -r '(.messages[].id | "\(.)"),
		"&before=\(.next_before // empty)", "&after=\(.next_after // empty)"'); do
		grep -v '&' <<<"$page" || true
		on=$(grep '&' <<<"$page") || return 0
	done
}

# python [ARGUMENT...]: Python, with the addresses and the words of words.py.
python() {
	BIO=$BIO HTTP=$HTTP PYTHONPATH=$BATS_TEST_DIRNAME/helpers PYTHONDONTWRITEBYTECODE=1 \
		python3 "$@"
}

# on_terminal COMMAND...: what a terminal gets from it, its controls as \x1b and the like.
on_terminal() {
	python3 - "$@" <<-'END'
		import os, pty, sys
		shown = b""
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		try:
		    while data := os.read(terminal, 4096):
		        shown += data
		except OSError:  # the other side is closed
		    pass
		print(shown.replace(b"\r\n", b"\n").decode().encode("unicode_escape").decode().replace("\\n", "\n"))
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

teardown() {
	local pid
	for pid in "${CHILDREN[@]}"; do
		# Not what has got the number of one that was waited for.
		if [[ $(ps -o ppid= -p "$pid") -eq $BASHPID ]]; then
			kill -KILL "$pid"
			wait "$pid" 2>/dev/null || true
		fi
	done
	cat "$BATS_TEST_TMPDIR"/*.err 2>/dev/null || true
	if grep -lE 'Sanitizer|runtime error|Assertion' "$BATS_TEST_TMPDIR"/*.err 2>/dev/null; then
		echo "a sanitizer or an assertion reported" >&2
		return 1
	fi
}
