#!/usr/bin/env bats
# bio-client: what it sends, in which frames, how often; what it says and how it exits.

load helpers/bio

send() {
	client send --server "$BIO" "$@"
}

# start_sender [ARGUMENT...]: one in the background, its number in SENDER.
start_sender() {
	start sender "$BUILD/bio-client" send --server "$BIO" "$@"
	SENDER=$STARTED
}

# start_stream: a sender of what is written to the descriptor `stream`.
start_stream() {
	mkfifo "$BATS_TEST_TMPDIR/stream"
	start sender bash -c 'exec "$0" send --server "$1" - <"$2"' \
		"$BUILD/bio-client" "$BIO" "$BATS_TEST_TMPDIR/stream"
	SENDER=$STARTED
	exec {stream}<>"$BATS_TEST_TMPDIR/stream"
}

# sent: how many messages the sender in the background says that it sent.
sent() {
	sed -n 's/^sent \([0-9]*\) messages\{0,1\} .*/\1/p' "$BATS_TEST_TMPDIR/sender.err"
}

# find_silent_address: one that refuses connections as long as this one is held, which is
# the near end of it; in SILENT.
find_silent_address() {
	exec {silent}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	printf '"silent"\n' >&"$silent"
	expect_messages 1 0
	SILENT=$(get /messages/1 | jq -r .peer)
}

# serve_slowly: a server that stores, and a link to it that needs 5 s for 300,000 bytes; its
# address in SLOW.
serve_slowly() {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	start trickler "$BATS_TEST_DIRNAME/helpers/trickler.py" "$BIO" 60000
	wait_until 20 test -s "$BATS_TEST_TMPDIR/trickler.out"
	SLOW=$(cat "$BATS_TEST_TMPDIR/trickler.out")
}

# framings: how each message was framed, oldest first.
framings() {
	get '/messages?order=asc&limit=1000' | jq -r '[.messages[].framing] | join(" ")'
}

# is_connecting PID: it waits for the answer to a connect.
is_connecting() {
	ss --no-header --tcp --processes state syn-sent | grep -q "pid=$1,"
}

counter_is_above() {
	(($(counter "$1") > $2))
}

@test "send: the classic message has its three fields" {
	start_server
	run -0 send
	assert_output --regexp '^sent 1 message \([0-9]+ bytes\) on 1 connection$'
	expect_messages 1 0
	expect_idle
	run -0 get /messages/latest/raw
	assert_output --regexp '^\{"send_user":"Lyon","send_time":"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}","send_msg":"BIO test\.\.\."\}$'
	stop_server
}

@test "--user and --message, whatever is in them" {
	start_server
	run -0 send --user 'Bo "B" Ö' --message $'one\ntwo\t\\'
	expect_messages 1 0
	expect_idle
	assert_equal "$(newest 1 | jq -c '[.send_user, .send_msg]')" '["Bo \"B\" Ö","one\ntwo\t\\"]'
	stop_server
}

@test "the environment names the user, too, and the command line beats it" {
	start_server
	BIO_USER=Ann BIO_MESSAGE=hello run -0 send --user Bo
	expect_messages 1 0
	assert_equal "$(newest 1 | jq -c '[.send_user, .send_msg]')" '["Bo","hello"]'
	stop_server
}

@test "a JSON operand is sent as it is" {
	start_server
	local text='{"n": 1.50e+05, "n":-0,"s":"\u00e9\ud800", "a":[ ]}'
	run -0 send "  $text "
	assert_output "sent 1 message ($((${#text} + 1)) bytes) on 1 connection"
	run -0 send -- -17
	expect_messages 2 0
	expect_idle
	assert_equal "$(get /messages/1/raw)" "$text"
	assert_equal "$(get /messages/2/raw)" -17
	stop_server
}

@test "@FILE holds any number of messages" {
	start_server
	printf '{"i":1}\n{"i":2}[3]"4" 5' >"$BATS_TEST_TMPDIR/messages"
	run -0 send "@$BATS_TEST_TMPDIR/messages"
	assert_output --partial 'sent 5 messages ('
	expect_messages 5 0
	expect_idle
	assert_equal "$(newest 5)" $'{"i":1}\n{"i":2}\n[3]\n"4"\n5'
	stop_server
}

@test "standard input: one a line" {
	start_server
	run -0 send - < <(seq -f '{"i":%g}' 20000)
	assert_output --partial 'sent 20000 messages ('
	expect_messages 20000 0
	expect_idle
	assert_equal "$(newest 2)" $'{"i":19999}\n{"i":20000}'
	stop_server
}

@test "standard input: spread over lines" {
	start_server
	run -0 send - < <(printf '{\r\n  "i": [\r\n    1\r\n  ]\r\n}\r\n\n[\n2,\n"\\n"]')
	expect_messages 2 0
	expect_idle
	assert_equal "$(newest 2)" $'{"i":[1]}\n[2,"\\n"]'
	stop_server
}

@test "standard input: text sequences and messages behind their length" {
	start_server
	run -0 send - < <(printf '\x1e{"i":\n1}\n\x1e2\n')
	run -0 send - < <(printf '\0\0\0\7{"i":3}\0\0\0\0\0\0\0\3 4 ')
	expect_messages 4 0
	expect_idle
	assert_equal "$(newest 4)" $'{"i":1}\n2\n{"i":3}\n4'
	assert_equal "$(framings)" 'stream stream stream stream'
	stop_server
}

@test "standard input: nothing in it is nothing to send" {
	start_server
	run -0 send - </dev/null
	assert_output 'sent 0 messages (0 bytes) on 1 connection'
	expect_messages 0 0
	expect_idle
	expect_counter connections.accepted_total 1
	stop_server
}

@test "standard input: a message goes out before the next is there" {
	start_server
	start_stream
	printf '{"i":1}{"i"' >&"$stream"
	expect_messages 1 0
	printf ':2}' >&"$stream"
	expect_messages 2 0
	exec {stream}>&-
	expect_exit "$SENDER" 0
	expect_messages 2 0
	expect_idle
	stop_server
}

@test "standard input: 100 MiB take no more memory than a little" {
	[[ $BUILD == *release ]] || skip "a sanitizer needs memory of its own"
	start_server
	run -0 python3 - "$BUILD/bio-client" "$BIO" <<-'END'
		import resource, subprocess, sys
		command = [sys.argv[1], "send", "--quiet", "--server", sys.argv[2], "-"]
		with subprocess.Popen(command, stdin=subprocess.PIPE) as sender:
		    for _ in range(1024):
		        sender.stdin.write(b'{"text":"%s"}\n' % (b"x" * 1012) * 100)
		print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
		sys.exit(sender.returncode)
	END
	assert [ "$output" -lt $((32 * 1024)) ]
	expect_messages 102400 0
	expect_counter bytes.received_total $((100 * 1024 * 1024))
	stop_server
}

@test "a message of 15 MiB goes through, one that no server accepts does not leave" {
	start_server --max-message 15MiB
	run -0 send - < <(printf '"%015728638d"\n1' 0)
	expect_messages 2 0
	assert_equal "$(counter bytes.received_total)" $((15 * 1024 * 1024 + 3))
	run -4 send - < <(printf '1\n"%016777214d"' 0)
	assert_line --partial 'bad JSON in message 2 (line 2) at offset 16777215: longer than any server accepts'
	expect_messages 3 0
	stop_server
}

@test "--repeat: so often on each connection" {
	start_server
	run -0 send --repeat 1234 '{"i":1}'
	assert_output 'sent 1234 messages (9872 bytes) on 1 connection'
	expect_messages 1234 0
	expect_counter bytes.received_total 9872
	expect_counter connections.accepted_total 1
	expect_idle
	stop_server
}

@test "--connections: so many at the same time, all counted" {
	start_server
	run -0 send --connections 40 --repeat 500
	assert_output --regexp '^sent 20000 messages \([0-9]+ bytes\) on 40 connections$'
	expect_messages 20000 0
	expect_counter connections.accepted_total 40
	expect_counter connections.closed_total.eof 40
	expect_idle
	stop_server
}

@test "--framing: a line each, text sequences, behind the length" {
	start_server
	local framing
	for framing in lines rs length; do
		run -0 send --framing "$framing" --repeat 2 $'{"a":\n[1]}'
	done
	expect_messages 6 0
	expect_idle
	assert_equal "$(framings)" 'stream stream rs rs length length'
	assert_equal "$(get /messages/1/raw)" '{"a": [1]}'
	assert_equal "$(get /messages/6/raw)" $'{"a":\n[1]}'
	stop_server
}

@test "--quiet says nothing, and the environment may say so" {
	start_server
	run -0 send --quiet
	assert_output ''
	BIO_QUIET=yes run -0 send
	assert_output ''
	expect_messages 2 0
	stop_server
}

@test "--rate: no message leaves before it is due" {
	start_server
	local begin_us=${EPOCHREALTIME/[.,]/}
	run -0 send --rate 20 --repeat 9
	assert [ $((${EPOCHREALTIME/[.,]/} - begin_us)) -ge 400000 ]
	begin_us=${EPOCHREALTIME/[.,]/}
	run -0 send --rate 50 - < <(seq 21)
	assert [ $((${EPOCHREALTIME/[.,]/} - begin_us)) -ge 400000 ]
	expect_messages 30 0
	expect_idle
	stop_server
}

@test "--rate: the first message is due at once, and is not kept back" {
	start_server
	start_sender --rate 0.001 --repeat 2
	expect_messages 1 0
	expect_counter connections.current 1
	kill -TERM "$SENDER"
	expect_exit "$SENDER" 1
	assert_equal "$(sent)" 1
	expect_messages 1 0
	expect_idle
	stop_server
}

@test "SIGTERM before all of a file or of --repeat is sent: exit code 1, and all is counted" {
	start_server
	seq 1000 >"$BATS_TEST_TMPDIR/messages"
	local arguments why total=0
	while IFS=: read -r arguments why; do
		# shellcheck disable=SC2086 # words on purpose
		start_sender --rate 20 $arguments
		wait_until 20 counter_is_above messages.received_total "$total"
		kill -TERM "$SENDER"
		expect_exit "$SENDER" 1
		run -0 cat "$BATS_TEST_TMPDIR/sender.err"
		assert_line "bio-client: stopped before $why"
		total=$((total + $(sent)))
	done <<-END
		@$BATS_TEST_TMPDIR/messages:the end of $BATS_TEST_TMPDIR/messages
		--repeat 1000 --connections 3:all was sent
	END
	expect_messages "$total" 0
	expect_idle
	stop_server
}

@test "SIGTERM before there is a connection: exit code 1, and nothing is called sent" {
	start deaf python3 -c '
import socket
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    first = socket.create_connection(address)
    print("%s:%d" % address, flush=True)
    first.recv(1)'
	wait_until 20 test -s "$BATS_TEST_TMPDIR/deaf.out"
	BIO=$(cat "$BATS_TEST_TMPDIR/deaf.out")
	start_sender --connect-timeout 1h 1
	wait_until 20 is_connecting "$SENDER"
	kill -TERM "$SENDER"
	expect_exit "$SENDER" 1
	assert_equal "$(cat "$BATS_TEST_TMPDIR/sender.err")" 'bio-client: stopped before all was sent'
}

@test "SIGTERM and SIGINT end a paced sender with 0, and all is counted" {
	start_server
	local signal total=0
	for signal in TERM INT; do
		start_sender --rate 1 --repeat 0
		wait_until 20 counter_is_above messages.received_total "$total"
		kill "-$signal" "$SENDER"
		expect_exit "$SENDER" 0
		total=$((total + $(sent)))
	done
	expect_messages "$total" 0
	expect_idle
	stop_server
}

@test "SIGTERM ends senders at full speed between two messages" {
	start_server
	start_sender --repeat 0 --connections 4 '{"i":1}'
	wait_until 20 counter_is_above messages.received_total 10000
	kill -TERM "$SENDER"
	expect_exit "$SENDER" 0
	expect_messages "$(sent)" 0
	expect_counter connections.closed_total.eof 4
	expect_idle
	stop_server
}

@test "SIGTERM ends a sender that waits for its input" {
	start_server
	start_stream
	printf '{"i":1}{"i"' >&"$stream"
	expect_messages 1 0
	kill -TERM "$SENDER"
	expect_exit "$SENDER" 0
	assert_equal "$(sent)" 1
	expect_messages 1 0
	expect_idle
	stop_server
}

@test "wrong usage ends with 2, says what is wrong, and sends nothing" {
	start_server
	local arguments
	for arguments in '' nonsense --nonsense 'send --nonsense' 'send 1 2' 'send @' 'send --repeat 2 -' \
		'send --connections 2 @x' 'send --framing zip' 'send --rate -1' 'send --connections 0' \
		'send --connections 1001' 'send --server nowhere' 'send --http 127.0.0.1:1' 'send --wait 1' \
		'stats 1' 'stats --repeat 2' 'stats --http :' 'health --server 127.0.0.1:1' 'health --wait x'; do
		# shellcheck disable=SC2086 # words on purpose
		BIO_SERVER=$BIO BIO_HTTP=$HTTP run -2 --separate-stderr client $arguments
		assert [ -n "$stderr" ]
		assert_output ''
	done
	expect_messages 0 0
	expect_counter connections.accepted_total 0
	stop_server
}

@test "wrong usage names the way out" {
	run -2 client nonsense
	assert_line "bio-client: 'nonsense': expected send, tail, history, stats or health"
	assert_line "Try 'bio-client --help'."
	run -2 client send --repeat 2 -
	assert_line "bio-client send: '-': --repeat and --connections send one message again and again; they cannot be used with a file or standard input"
	assert_line "Try 'bio-client send --help'."
	run -2 client send --server foo
	assert_line --partial "bio-client send: --server 'foo': expected HOST:PORT"
	run -2 client stats --http foo
	assert_line --partial "bio-client stats: --http 'foo': expected HOST:PORT"
	run -2 client send --ack store --session ''
	assert_line --partial "bio-client send: --session '': expected 1 to 64 "
	run -2 client send --ack store --name $'\xff'
	assert_line --partial "bio-client send: --name '"
	run -2 client history --since foo
	assert_line --partial "bio-client history: --since 'foo': expected a time"
	run -2 client history --until foo
	assert_line --partial "bio-client history: --until 'foo': expected a time"
	run -2 client history --filter foo
	assert_line "bio-client history: --filter 'foo': expected .FIELD=VALUE or q=TEXT"
	run -2 client tail --filter q=
	assert_line "bio-client tail: --filter 'q=': the text is empty"
	BIO_FRAMING=zip run -2 client send
	assert_line --partial "BIO_FRAMING 'zip': not one of the choices (lines|rs|length)"
}

@test "--help lists options, environment names and exit codes, --version the version" {
	run -0 client --help
	assert_line '  5  refused by the server, or the server is not ready'
	assert_equal "$(client -h)" "$output"
	local command
	for command in send stats health; do
		run -0 client "$command" --help
		assert_line --index 0 --partial "Usage: bio-client $command [OPTIONS]"
		assert_line 'Exit codes:'
		assert_line '  3  the server cannot be reached, or the connection was lost'
		assert_output --partial '--timeout TIME'
		assert_output --regexp '\[BIO_(SERVER|HTTP); default: localhost:888[89]\]'
	done
	run -0 client --version
	assert_output --regexp '^bio-client [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "exit code 3: nothing listens there" {
	start_server
	find_silent_address
	run -3 client send --server "$SILENT"
	assert_output "bio-client: cannot connect to $SILENT: Connection refused (is bio-server running? choose another with --server)"
	local command
	for command in stats health; do
		run -3 client "$command" --http "$SILENT"
		assert_output "bio-client: cannot reach $SILENT: Connection refused (is bio-server running? choose another with --http)"
	done
	expect_messages 1 0
	stop_server
}

@test "exit code 3: nothing listens there, and the system lends us that very port" {
	unshare --user --net true 2>/dev/null || skip "unshare: no network namespaces here"
	run -0 unshare --user --map-root-user --net bash -c '
		ip link set lo up
		range=/proc/sys/net/ipv4/ip_local_port_range
		echo "40000 40000" >"$range"
		"$0" send --server 127.0.0.1:40000 1
		echo "$?"
		echo "40002 40002" >"$range"
		"$0" send --server "[::1]:40002" 1
		echo "$?"
		echo "40004 40004" >"$range"
		"$0" send --ack store --retry-timeout 0 --server 127.0.0.1:40004 1
		echo "$?"' "$BUILD/bio-client"
	assert_equal "$(grep -c 'Connection refused' <<<"$output")" 3
	assert_equal "$(grep -cx 3 <<<"$output")" 3
	refute_line --partial 'sent '
}

@test "exit code 3: of many connections only the first says why" {
	start_server
	find_silent_address
	run -3 client send --server "$SILENT" --connections 20
	assert_equal "${#lines[@]}" 1
	expect_messages 1 0
	stop_server
}

@test "exit code 3: the server died" {
	start_server
	start_sender --rate 20 --repeat 0
	wait_until 20 counter_is_above messages.received_total 0
	kill -KILL "$SERVER_PID"
	expect_exit "$SENDER" 3
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_output --regexp "^bio-client: $BIO: connection lost: .+$"
}

@test "exit code 3: a server that talks without end and does not close" {
	start babbler python3 -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        sock = listener.accept()[0]
        try:
            while True:
                sock.sendall(b"{}\n" * 10000)
        except OSError:
            sock.close()'
	wait_until 20 test -s "$BATS_TEST_TMPDIR/babbler.out"
	BIO=$(cat "$BATS_TEST_TMPDIR/babbler.out")
	run -3 timeout -s KILL 10 "$BUILD/bio-client" send --server "$BIO" --timeout 300ms 1
	assert_output "bio-client: $BIO: connection lost: the server did not close it for 0.3 s"
	run -3 timeout -s KILL 10 "$BUILD/bio-client" send --server "$BIO" --timeout 300ms --rate 20 --repeat 3 1
	assert_output "bio-client: $BIO: connection lost: the server did not close it for 0.3 s"
}

@test "exit code 3: a server that takes nothing" {
	start deaf python3 -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    held = [listener.accept()[0] for _ in range(2)]'
	wait_until 20 test -s "$BATS_TEST_TMPDIR/deaf.out"
	BIO=$(cat "$BATS_TEST_TMPDIR/deaf.out")
	run -3 timeout -s KILL 20 "$BUILD/bio-client" send --server "$BIO" --timeout 300ms - \
		< <(printf '"%012000000d"' 0)
	assert_output "bio-client: $BIO: connection lost: the server took nothing for 0.3 s"
}

@test "a slow link: what the kernel has taken is given the time to go out, with acks too" {
	serve_slowly
	printf '"%0300000d"' 0 >"$BATS_TEST_TMPDIR/long"
	start acked "$BUILD/bio-client" send --ack store --server "$SLOW" --timeout 2s "@$BATS_TEST_TMPDIR/long"
	local acked=$STARTED
	start plain "$BUILD/bio-client" send --server "$SLOW" --timeout 2s "@$BATS_TEST_TMPDIR/long"
	expect_exit "$STARTED" 0
	expect_exit "$acked" 0
	run -0 cat "$BATS_TEST_TMPDIR/plain.err" "$BATS_TEST_TMPDIR/acked.err"
	assert_output $'sent 1 message (300003 bytes) on 1 connection\nsent 1 message (300006 bytes) on 1 connection: 1 acknowledged, 0 refused'
	expect_messages 2 0
	expect_counter connections.accepted_total 2
	stop_server
}

@test "exit code 4: a bad operand, with the offset, before anything is sent" {
	start_server
	run -4 send '  {"a":01}'
	assert_output --partial 'bio-client: bad JSON in the operand at offset 8: '
	run -4 send '{"a" 1}'
	assert_output --partial "offset 5: expected ':'"
	run -4 send ''
	assert_output --partial 'offset 0: '
	run -4 send --user $'\xff'
	assert_output --partial 'bad JSON in the message at offset 14: '
	expect_messages 0 0
	expect_counter connections.accepted_total 0
	stop_server
}

@test "exit code 4: a bad message in the stream, and what was before it is counted" {
	start_server
	run -4 send - < <(printf '{"i":1}\n{"i":2}\n{"i" 3}\n{"i":4}\n')
	assert_line "bio-client: standard input: bad JSON in message 3 (line 3) at offset 5: expected ':'; neither it nor what follows it is sent"
	assert_line 'sent 2 messages (16 bytes) on 1 connection'
	expect_messages 2 0
	run -4 send - < <(printf '{"i":3}\n{"half')
	assert_line --partial 'bad JSON in message 2 (line 2) at offset 6: the input ends within the message'
	expect_messages 3 0
	run -4 send - < <(printf '[\n4\n]\n\n{"a":\n5,\n6}\n7\n')
	assert_line --partial 'bad JSON in message 2 (line 5) at offset 9: '
	expect_messages 4 0
	expect_idle
	stop_server
}

@test "exit code 4: what is no JSON at all" {
	start_server
	local input line
	for input in 'GET / HTTP/1.1\r\n\r\n' 'BIO/1 {}\n' hello '\x16\x03\x01' '\0\1\2\3\4'; do
		# shellcheck disable=SC2059 # the format is the point
		run -4 send - < <(printf "$input")
		[[ $input == '\0'* ]] && line='' || line=' (line 1)'
		assert_output --partial "standard input: bad JSON in message 1$line at offset "
	done
	expect_messages 0 0
	expect_idle
	stop_server
}

@test "exit code 5: the server is full" {
	start_server --max-connections 1
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	run -5 send
	assert_output --partial "bio-client: $BIO refused: max_connections: "
	run -5 send --connections 5 --repeat 3
	assert_equal "${#lines[@]}" 1
	exec {first}>&-
	expect_messages 0 0
	expect_counter connections.closed_total.max_connections 6
	expect_idle
	stop_server
}

@test "exit code 5: the server stops" {
	start_server
	start_sender --rate 20 --repeat 0
	wait_until 20 counter_is_above messages.received_total 0
	stop_server
	expect_exit "$SENDER" 5
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_output --partial "bio-client: $BIO refused: draining: "
}

@test "exit code 5: the status port is no place for messages" {
	start_server
	run -5 client send --server "$HTTP"
	assert_output "bio-client: $HTTP speaks HTTP; messages need another port"
	expect_messages 0 0
	expect_counter connections.accepted_total 0
	stop_server
}

@test "exit code 5: the message port is no place for questions, and where to ask is said" {
	start_server
	local command
	for command in stats history tail; do
		run -5 client "$command" --http "$BIO"
		assert_output "bio-client: the server refused: HTTP status 400: This port takes JSON messages, not HTTP.  The status pages are at http://$HTTP/"
	done
	expect_messages 0 0
	stop_server
}

@test "exit code 3: of a name without an address nobody is asked whether a server runs there" {
	local name=nowhere.invalid:1
	run -3 client send --server "$name"
	assert_output --regexp "^bio-client: cannot connect to $name: [^()]+\$"
	run -3 client send --ack store --retry-timeout 0 --server "$name"
	assert_output --regexp "^bio-client: cannot connect to $name: [^()]+\$"
	run -3 client stats --http "$name"
	assert_output --regexp "^bio-client: cannot reach $name: [^()]+\$"
}

@test "exit code 1: an input that cannot be read" {
	start_server
	run -1 send @/nowhere/messages
	assert_output 'bio-client: cannot read /nowhere/messages: No such file or directory'
	run -1 send "@$BATS_TEST_TMPDIR"
	assert_output --partial ': Is a directory'
	run -1 bash -c '"$0" send --server "$1" - <&-' "$BUILD/bio-client" "$BIO"
	assert_output --partial 'bio-client: cannot read standard input: '
	expect_messages 0 0
	expect_idle
	stop_server
}

@test "exit code 1: a standard output that takes nothing" {
	start_server
	local command
	for command in --help --version stats health 'send --help'; do
		BIO_HTTP=$HTTP run -1 bash -c '"$0" $1 >&-' "$BUILD/bio-client" "$command"
		assert_output --partial 'bio-client: cannot write to standard output'
		BIO_HTTP=$HTTP run -1 bash -c '"$0" $1 >/dev/full' "$BUILD/bio-client" "$command"
		assert_output --partial ': No space left on device'
	done
	expect_messages 0 0
	stop_server
}

@test "closed standard descriptors do not become the connection" {
	start_server
	run -4 bash -c '"$0" send --server "$1" - >&- 2>&-' "$BUILD/bio-client" "$BIO" < <(printf '1 2 {]')
	expect_messages 2 0
	run -1 bash -c '"$0" send --server "$1" - <&- >&- 2>&-' "$BUILD/bio-client" "$BIO"
	expect_messages 2 0
	expect_idle
	stop_server
}

@test "stats: the counters as JSON" {
	start_server
	run -0 send --repeat 3
	expect_messages 3 0
	expect_idle
	run -0 --separate-stderr client stats --http "$HTTP"
	assert_equal "$(jq -c '[.name, .state, .messages.received_total]' <<<"$output")" '["bio","running",3]'
	assert_equal "$stderr" ''
	stop_server
}

@test "BIO_SERVER and BIO_HTTP are where the server is" {
	start_server
	export BIO_SERVER=$BIO BIO_HTTP=$HTTP
	run -0 client send
	run -0 client health
	assert_equal "$(client stats | jq .messages.received_total)" 1
	BIO_SERVER=nowhere BIO_HTTP=nowhere run -0 send
	expect_messages 2 0
	stop_server
}

@test "health: 0 and a word when the server is ready" {
	start_server
	run -0 client health --http "$HTTP"
	assert_output ready
	run -0 client health --http "$HTTP" --wait 60
	assert_output ready
	expect_messages 0 0
	stop_server
}

@test "health: 5 when it is not ready" {
	mkfifo "$BATS_TEST_TMPDIR/server.out"
	exec {unread}<>"$BATS_TEST_TMPDIR/server.out"
	start_server --print --drain-timeout 1h
	send_bytes '"%0200000d"' 0
	expect_messages 1 0
	kill -TERM "$SERVER_PID"
	wait_until 20 counter_is state draining
	run -5 client health --http "$HTTP"
	assert_output --partial 'bio-client: not ready: '
	run -5 client health --http "$HTTP" --wait 300ms
	start reader cat "$BATS_TEST_TMPDIR/server.out"
	expect_exit "$SERVER_PID" 0
	exec {unread}>&-
}

@test "health --wait: the server comes after the first question" {
	start port python3 -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as asked:
    print("127.0.0.1:%d" % asked.getsockname()[1], flush=True)
    asked.accept()[0].close()'
	local port=$STARTED waiting
	wait_until 20 test -s "$BATS_TEST_TMPDIR/port.out"
	start waiting "$BUILD/bio-client" health --http "$(cat "$BATS_TEST_TMPDIR/port.out")" --wait 60
	waiting=$STARTED
	expect_exit "$port" 0
	start_server --http-listen "$(cat "$BATS_TEST_TMPDIR/port.out")"
	expect_exit "$waiting" 0
	assert_equal "$(cat "$BATS_TEST_TMPDIR/waiting.out")" ready
	expect_messages 0 0
	stop_server
}

@test "health --wait: a server that falls silent does not outlast it, whenever it does" {
	# The first question is refused at once, about a step of the clock before the end.
	run -0 python3 - "$BUILD/bio-client" <<-'END'
		import socket, subprocess, sys
		asked, checks = [], []
		for i in range(60):
		    listener = socket.create_server(("127.0.0.1", 0))
		    address = "127.0.0.1:%d" % listener.getsockname()[1]
		    command = [sys.argv[1], "health", "--http", address, "--wait", "%dms" % (101 + i % 8)]
		    checks.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
		    listener.accept()[0].close()
		    asked.append(listener)
		print({check.wait(20) for check in checks})
	END
	assert_output '{3}'
}

@test "health --wait: nobody comes" {
	start_server
	find_silent_address
	local begin_us=${EPOCHREALTIME/[.,]/}
	run -3 client health --http "$SILENT" --wait 500ms
	assert [ $((${EPOCHREALTIME/[.,]/} - begin_us)) -ge 300000 ]
	assert_output --partial "bio-client: cannot reach $SILENT: "
	expect_messages 1 0
	stop_server
}
