#!/usr/bin/env bats
# bio-client send --ack: what is acknowledged, refused, sent again; sessions; how it ends.
# Most cases need a server that fails at a chosen moment: helpers/standin.py.

load helpers/bio

# find_silent_address: one that refuses connections as long as this one is held, which is
# the near end of it; in SILENT.
find_silent_address() {
	exec {silent}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	printf '"silent"\n' >&"$silent"
	expect_messages 1 0
	SILENT=$(get /messages/1 | jq -r .peer)
}

setup() {
	INPUT=$BATS_TEST_TMPDIR/messages
}

# start_standin [PLAN]: on a free port, its address in BIO.
start_standin() {
	rm -f "$BATS_TEST_TMPDIR/standin.out"
	# One before it may still be writing its own.
	STATE=$(mktemp -u -p "$BATS_TEST_TMPDIR" state.XXXXXX)
	start standin "$BATS_TEST_DIRNAME/helpers/standin.py" "$STATE" "$@"
	wait_until 20 test -s "$BATS_TEST_TMPDIR/standin.out"
	BIO=$(cat "$BATS_TEST_TMPDIR/standin.out")
}

# send [ARGUMENT...]: with acknowledgements.
send() {
	client send --ack store --server "$BIO" "$@"
}

# start_stream [ARGUMENT...]: a sender of what is written to the descriptor `stream`; its
# number in SENDER.
start_stream() {
	rm -f "$BATS_TEST_TMPDIR/stream"
	mkfifo "$BATS_TEST_TMPDIR/stream"
	start sender bash -c 'exec "$@" - <"$0"' "$BATS_TEST_TMPDIR/stream" \
		"$BUILD/bio-client" send --ack store --server "$BIO" "$@"
	SENDER=$STARTED
	exec {stream}<>"$BATS_TEST_TMPDIR/stream"
}

# state FILTER: what jq makes of the stand-in's state.
state() {
	jq -rc "$1" "$STATE"
}

state_is() {
	[[ $(state "$1" 2>/dev/null) == "$2" ]]
}

# expect_state FILTER VALUE
expect_state() {
	wait_until 20 state_is "$1" "$2" || { echo "$1 is $(state "$1"), expected $2" >&2; return 1; }
}

# expect_kept COUNT: the numbers from 1 on, each once, in their order.
expect_kept() {
	expect_state '.kept | length' "$1"
	expect_state ".kept == [range(1; $1 + 1) | tostring]" true
}

@test "every message is acknowledged, and the session and name are said" {
	start_standin
	run -0 send --name pump-7 --session a1 - < <(seq 1000)
	assert_output 'sent 1000 messages (6893 bytes) on 1 connection: 1000 acknowledged, 0 refused'
	expect_kept 1000
	expect_state '.hellos' '[{"name":"pump-7","session":"a1","ack":"store","framing":"length"}]'
}

@test "each run without --session has one of its own, which --verbose names" {
	start_standin
	run -0 send --verbose '{"i":1}'
	assert_line --regexp '^bio-client: session [0-9a-f]{32}$'
	run -0 send --quiet '{"i":2}'
	assert_output ''
	expect_state '.kept' '["{\"i\":1}","{\"i\":2}"]'
	expect_state '[.hellos[].session] | unique | length' 2
}

@test "what is kept is what was sent, byte for byte, and --framing says otherwise" {
	start_standin
	run -0 send $'{"a":\r\n[1.50e+05,\t"\\u00e9"]}'
	run -0 send --framing lines $'{"a":\r\n2}'
	run -0 send --framing rs '{"a":3}'
	expect_state '.kept' '["{\"a\":\r\n[1.50e+05,\t\"\\u00e9\"]}","{\"a\":  2}","{\"a\":3}"]'
	expect_state '[.hellos[].framing] | join(" ")' 'length lines rs'
}

@test "the secret of --token-file is said to the server and nobody else" {
	start_standin '[{"say":"BIO/1 {\"ok\":false,\"code\":\"auth_failed\",\"error\":\"wrong token\"}\n"}]'
	echo 'my secret' >"$BATS_TEST_TMPDIR/token"
	run -5 send --verbose --token-file "$BATS_TEST_TMPDIR/token" 1
	assert_line --partial "$BIO refused: auth_failed: wrong token (is it the right --token-file?)"
	refute_output --partial 'my secret'
	expect_state '[.hellos[].token]' '["my secret"]'
	: >"$BATS_TEST_TMPDIR/token"
	run -2 send --token-file "$BATS_TEST_TMPDIR/token" 1
	run -1 send --token-file /nowhere/token 1
	expect_state '.connections' 1
}

@test "the secret is in memory once, and what is no secret is refused" {
	start_standin '[{"silent":true}]'
	printf '"\\ %060d\r\n' 7 >"$BATS_TEST_TMPDIR/token"
	run -0 python3 - "$BUILD/bio-client" "$BIO" "$BATS_TEST_TMPDIR" <<-'END'
		import re, subprocess, sys
		program, server, folder = sys.argv[1:]
		sender = subprocess.Popen(
		    [program, "send", "--ack", "store", "--server", server, "--verbose",
		     "--token-file", folder + "/token", "1"], stderr=subprocess.PIPE)
		assert any(b"next number" in line for line in iter(sender.stderr.readline, b""))
		count = 0
		with open("/proc/%d/mem" % sender.pid, "rb", 0) as memory:
		    for line in open("/proc/%d/maps" % sender.pid):
		        first, last = (int(word, 16) for word in re.split("[- ]", line)[:2])
		        if " rw" not in line or last - first > 1 << 28:
		            continue
		        memory.seek(first)
		        # What is freed is overwritten in front, and quotes are escaped.
		        count += memory.read(last - first).count(b"%040d" % 7)
		sender.kill()
		sender.wait()
		print(count)
	END
	assert_output 1
	expect_state '.hellos[0].token' "$(printf '"\\ %060d' 7)"
	printf 'a\0b\n' >"$BATS_TEST_TMPDIR/token"
	run -2 send --token-file "$BATS_TEST_TMPDIR/token" 1
	assert_output --partial 'a token is printable ASCII'
	printf '%0257d\n' 0 >"$BATS_TEST_TMPDIR/token"
	run -2 send --token-file "$BATS_TEST_TMPDIR/token" 1
	printf '%0256d' 0 >"$BATS_TEST_TMPDIR/token"
	start_standin
	run -0 send --token-file "$BATS_TEST_TMPDIR/token" 1
	expect_state '.hellos[0].token | length' 256
}

@test "refused messages are named with number, line and reason, and the exit code is 5" {
	start_standin '[{"nak":[2,4]}]'
	printf '1\n\n2\n{"a":\n3}\n4 5\n' >"$INPUT"
	run -5 send "@$INPUT"
	assert_line "bio-client: message 2 (line 3 of $INPUT) was refused: too_deep at offset 5: too deep"
	assert_line "bio-client: message 4 (line 6 of $INPUT) was refused: too_deep at offset 5: too deep"
	assert_line 'sent 5 messages (32 bytes) on 1 connection: 3 acknowledged, 2 refused'
	assert_equal "${#lines[@]}" 3
	expect_state '.kept' '["1","{\"a\":\n3}","5"]'
}

@test "a server that refuses everything and does not read on meanwhile stops nobody" {
	start_standin '[{"nak":true,"narrow":true}]'
	yes "$(printf '"%0998d"' 0)" | head -n 15000 >"$INPUT"
	run -5 --separate-stderr send --window 64m "@$INPUT"
	assert_equal "$(grep -c ' was refused: ' <<<"$stderr")" 15000
	assert_equal "${stderr_lines[-1]}" \
		'sent 15000 messages (15060000 bytes) on 1 connection: 0 acknowledged, 15000 refused'
	expect_state '.kept | length' 0
}

@test "what a broken connection took is sent again, and nothing twice" {
	start_standin '[{"take":100,"keep":60,"end":"reset"},{"take":1,"end":"reset"},{"take":500},{}]'
	seq 1000 >"$INPUT"
	run -0 send "@$INPUT"
	assert_line --partial "bio-client: $BIO: connection lost: "
	assert_line 'sent 1000 messages (6893 bytes) on 4 connections: 1000 acknowledged, 0 refused'
	expect_kept 1000
	expect_state '[.hellos[].session] | unique | length' 1
}

@test "acknowledgements that were lost with the connection are not needed" {
	start_standin '[{"take":700,"silent":true,"end":"reset"},{}]'
	seq 1000 >"$INPUT"
	run -0 send "@$INPUT"
	assert_line 'sent 1000 messages (6893 bytes) on 2 connections: 1000 acknowledged, 0 refused'
	expect_kept 1000
	expect_state '.hellos[1].next' 1
}

@test "a refusal that was lost with the connection is told all the same" {
	start_standin '[{"take":3,"max":10,"silent":true,"end":"reset"},{}]'
	printf '1\n"longer than ten"\n3\n4\n' >"$INPUT"
	run -5 send "@$INPUT"
	assert_line --partial "message 2 (line 2 of $INPUT) was refused: too_large at offset 10"
	assert_line --partial 'on 2 connections: 3 acknowledged, 1 refused'
	expect_state '.kept' '["1","3","4"]'
}

@test "a refusal whose acknowledgement was lost is one refusal" {
	start_standin '[{"take":3,"max":10,"unacked":true,"end":"reset"},{}]'
	printf '1\n"longer than ten"\n3\n4\n' >"$INPUT"
	run -5 send "@$INPUT"
	assert_equal "$(grep -c 'message 2 .* was refused: ' <<<"$output")" 1
	assert_line --partial 'on 2 connections: 3 acknowledged, 1 refused'
	expect_state '.kept' '["1","3","4"]'
}

@test "--window: no more than so much waits, and one message always fits" {
	start_standin '[{"silent":true},{}]'
	run -0 send --window 1 --timeout 1s - < <(seq 20)
	expect_state '.taken' '[1,19]'
	expect_kept 20
}

@test "100 MiB that are acknowledged one by one take no more memory than the window" {
	[[ $BUILD == *release ]] || skip "a sanitizer needs memory of its own"
	start_standin
	run -0 python3 - "$BUILD/bio-client" "$BIO" <<-'END'
		import resource, subprocess, sys
		command = [sys.argv[1], "send", "--quiet", "--ack", "store", "--server", sys.argv[2], "-"]
		with subprocess.Popen(command, stdin=subprocess.PIPE) as sender:
		    for _ in range(1024):
		        sender.stdin.write(b'"%s"\n' % (b"x" * 102397))
		print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
		sys.exit(sender.returncode)
	END
	assert [ "$output" -lt $((32 * 1024)) ]
	expect_state '.taken' '[1024]'
}

@test "an outage longer than --retry-timeout: exit code 3, and what is not acknowledged" {
	start_standin '[{"take":10,"silent":true,"keep":4,"end":"reset"},{"mute":true}]'
	seq 100 >"$INPUT"
	run -3 send --session s --timeout 500ms --retry-timeout 1500ms "@$INPUT"
	assert_line --partial 'the server did not answer the hello for 0.5 s; gave up after 1.5 s'
	assert_line "bio-client: 100 messages were not acknowledged, from number 1 (line 1 of $INPUT) on; --session 's' --resume goes on"
	assert_line --partial 'on 1 connection: 0 acknowledged, 0 refused'
	expect_state '.kept | length' 4
}

@test "a server that never acknowledges: exit code 3" {
	start_standin '[{"silent":true,"keep":0}]'
	run -3 send --timeout 500ms --retry-timeout 1500ms - < <(seq 10)
	assert_line --partial 'the server acknowledged nothing for 0.5 s; trying again for up to 1.5 s'
	assert_line --partial '10 messages were not acknowledged, from number 1 (line 1 of standard input) on'
	expect_state '.connections > 2' true
	expect_kept 0
}

@test "a server that never acknowledges is found out while there is more to send" {
	start_standin '[{"silent":true}]'
	run -3 timeout 20 "$BUILD/bio-client" send --ack store --server "$BIO" --rate 20 --repeat 0 \
		--timeout 1s --retry-timeout 0 1
	assert_line --partial 'the server acknowledged nothing for 1 s'
	assert_line --partial 'not acknowledged, from number 1 on'
	expect_state '.connections' 1
}

@test "a server that says much and nothing of meaning stops neither the clock nor a signal" {
	start_standin '[{"babble":true}]'
	run -3 timeout 20 "$BUILD/bio-client" send --ack store --server "$BIO" \
		--timeout 1s --retry-timeout 0 1
	assert_line --partial 'the server acknowledged nothing for 1 s'
	start sender "$BUILD/bio-client" send --verbose --ack store --server "$BIO" --timeout 1h 1
	wait_until 20 grep -q 'next number 1$' "$BATS_TEST_TMPDIR/sender.err"
	kill -TERM "$STARTED"
	expect_exit "$STARTED" 3
	expect_state '.connections' 2
}

@test "--retry-timeout 0: the first failure is the last" {
	start_standin '[{"take":10,"end":"reset"}]'
	run -3 send --retry-timeout 0 - < <(seq 20)
	refute_output --partial 'trying again'
	assert_line --partial '10 messages were not acknowledged, from number 11 (line 11 of standard input) on'
	expect_state '.connections' 1
}

@test "nothing listens there: exit code 3 once the time is over, and it is said at once" {
	start_server
	find_silent_address
	run -3 client send --ack store --server "$SILENT" --retry-timeout 300ms 1
	assert_line --index 0 "bio-client: cannot connect to $SILENT: Connection refused (is bio-server running? choose another with --server); trying again for up to 0.3 s"
	assert_line --index 1 --partial '; gave up after 0.3 s'
	run -3 client send --ack store --server "$SILENT" --retry-timeout 0 1
	assert_equal "${#lines[@]}" 1
	expect_messages 1 0
	stop_server
}

@test "a bye that says when to come back is believed" {
	start_standin '[{"take":5,"end":"{\"bye\":\"draining\",\"ack\":5,\"retry_after\":1}\n"},{}]'
	local begin_us=${EPOCHREALTIME/[.,]/}
	run -0 send - < <(seq 10)
	assert [ $((${EPOCHREALTIME/[.,]/} - begin_us)) -ge 1000000 ]
	assert_line --partial "$BIO refused: draining (the server is stopping); trying again"
	expect_state '[.hellos[].next]' '[null,6]'
	expect_kept 10
}

@test "a bye that wants more time than there is ends it at once, with 5" {
	start_standin '[{"take":5,"end":"{\"bye\":\"store_unavailable\",\"ack\":5,\"retry_after\":3600}\n"},{}]'
	run -5 send - < <(seq 10)
	assert_line --partial 'store_unavailable (the server cannot write its store now; its log says why)'
	assert_line --partial '5 messages were not acknowledged, from number 6'
	expect_state '.connections' 1
}

@test "what passes is waited for: too many connections, no memory" {
	start_standin '[{"say":"{\"error\":{\"code\":\"max_connections\",\"message\":\"full\",\"offset\":0}}\n"},{"take":3,"end":"{\"bye\":\"no_memory\"}\n"},{}]'
	run -0 send - < <(seq 10)
	assert_line --partial 'max_connections: full'
	assert_line --partial 'no_memory; trying again'
	expect_kept 10
	expect_state '.connections' 3
}

@test "what does not pass ends it with 5, and the way out is named" {
	local code hint
	while read -r code hint; do
		start_standin "[{\"say\":\"BIO/1 {\\\"ok\\\":false,\\\"code\\\":\\\"$code\\\",\\\"error\\\":\\\"why\\\"}\\n\"}]"
		run -5 send 1
		assert_output --partial "bio-client: $BIO refused: $code: why"
		assert_output --partial "$hint"
		expect_state '.connections' 1
	done <<-'END'
		acks_unavailable send without --ack
		bad_hello
		unsupported_version update one
		session_gap begin a new --session
		auth_required --token-file
		something_new
	END
}

@test "session_taken: the sender that came later goes on, this one ends with 5" {
	start_standin '[{"take":5,"end":"{\"bye\":\"session_taken\",\"ack\":5}\n"},{}]'
	run -5 send --session s - < <(seq 10)
	assert_line --partial 'refused: session_taken (another sender goes on with this session'
	assert_line --partial '5 messages were not acknowledged, from number 6'
	expect_state '.connections' 1
	expect_kept 5
}

@test "session_taken as an answer to the hello is waited for: the old connection may be our own" {
	start_standin '[{"say":"BIO/1 {\"ok\":false,\"code\":\"session_taken\",\"error\":\"busy\"}\n"},{}]'
	run -0 send --session s - < <(seq 10)
	assert_line --partial 'refused: session_taken: busy'
	expect_kept 10
	expect_state '.connections' 2
}

@test "a session that another sender went on with is left alone" {
	start_standin '[{"take":5,"end":"reset"},{"next":50}]'
	run -5 send --session s - < <(seq 10)
	assert_line --partial 'goes on with number 50 of the session, and this sender is at'
	expect_state '.connections' 2
	expect_kept 5
}

@test "what a server says moves no cursor: its controls are shown as question marks" {
	start_standin '[{"say":"BIO/1 {\"ok\":false,\"code\":\"a\\u001b[2J\",\"error\":\"b\\u009b2J\\u007f\\u0085\\u00a0\\u00e9\"}\n"}]'
	run -5 send 1
	assert_output "bio-client: $BIO refused: a?[2J: b??2J???"$'\xc2\xa0\xc3\xa9'
}

@test "a server that makes no sense" {
	local said='BIO/1 {\"ok\":true,\"next\":1}\n'
	start_standin "[{\"say\":\"$said{\\\"ack\\\":7}\\n\"}]"
	run -1 send 1
	assert_line --partial "$BIO acknowledged number 7, which does not wait"
	start_standin "[{\"say\":\"$said{\\\"nak\\\":7,\\\"code\\\":\\\"syntax\\\"}\\n\"}]"
	run -1 send 1
	assert_line --partial "$BIO refused number 7, which does not wait"
	start_standin '[{"say":"220 mail.example ESMTP\n"}]'
	run -5 send 1
	assert_output "bio-client: $BIO answers a hello as no bio-server does"
	start_server
	run -5 client send --ack store --server "$HTTP" 1
	assert_output "bio-client: $HTTP speaks HTTP; messages need another port"
	expect_messages 0 0
	stop_server
}

@test "an idle connection that the server ends is opened again when there is a need" {
	local end
	for end in '"end":"{\"bye\":\"idle\",\"ack\":1}\n"' '"end":""' '"end":"reset"'; do
		start_standin "[{\"take\":1,$end},{}]"
		start_stream
		echo 1 >&"$stream"
		expect_kept 1
		echo 2 >&"$stream"
		expect_state '.connections' 2
		exec {stream}>&-
		expect_exit "$SENDER" 0
		expect_kept 2
		assert_equal "$(cat "$BATS_TEST_TMPDIR/sender.err")" \
			'sent 2 messages (10 bytes) on 2 connections: 2 acknowledged, 0 refused'
	done
}

@test "what never left is not counted as sent, and nobody can have refused it" {
	start_standin '[{"take":1,"end":""},{"mute":true}]'
	start_stream --retry-timeout 0 --timeout 1s
	echo 1 >&"$stream"
	expect_kept 1
	echo 22 >&"$stream"
	expect_exit "$SENDER" 3
	exec {stream}>&-
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_line --partial '1 message was not acknowledged, from number 2'
	assert_line 'sent 1 message (5 bytes) on 1 connection: 1 acknowledged, 0 refused'
	start_standin '[{"say":"BIO/1 {\"ok\":true,\"next\":1}\n{\"nak\":1,\"code\":\"syntax\"}\n","mute":true}]'
	run -1 send 1
	assert_line --partial "$BIO refused number 1, which does not wait"
	refute_output --partial 'was refused: syntax'
	assert_line 'sent 0 messages (0 bytes) on 1 connection: 0 acknowledged, 0 refused'
}

@test "a server that is silent while there is nothing to say is not given up" {
	start_standin
	run -0 send --rate 0.8 --repeat 2 --timeout 1s 1
	assert_output 'sent 2 messages (10 bytes) on 1 connection: 2 acknowledged, 0 refused'
	expect_state '.connections' 1
}

@test "bad JSON in the input: what stood before it is acknowledged, and the exit code is 4" {
	start_standin
	run -4 send - < <(printf '1\n2\n{]\n4\n')
	assert_line --partial 'bad JSON in message 3 (line 3) at offset 1: '
	assert_line 'sent 2 messages (10 bytes) on 1 connection: 2 acknowledged, 0 refused'
	expect_kept 2
}

@test "--rate and --repeat: no message leaves before it is due" {
	start_standin
	local begin_us=${EPOCHREALTIME/[.,]/}
	run -0 send --rate 20 --repeat 9 '{"i":1}'
	assert [ $((${EPOCHREALTIME/[.,]/} - begin_us)) -ge 400000 ]
	assert_output --partial 'sent 9 messages (99 bytes)'
	expect_state '.kept | length' 9
}

@test "SIGTERM: what was begun is acknowledged, and the exit code is 0" {
	start_standin
	start sender "$BUILD/bio-client" send --verbose --ack store --window 4k --server "$BIO" --repeat 0 '{"i":1}'
	wait_until 20 grep -q 'next number 1$' "$BATS_TEST_TMPDIR/sender.err"
	kill -TERM "$STARTED"
	expect_exit "$STARTED" 0
	local sent
	sent=$(sed -n 's/^sent \([0-9]*\) message.*: \1 acknowledged, 0 refused$/\1/p' "$BATS_TEST_TMPDIR/sender.err")
	expect_state '.kept | length' "$sent"
}

@test "SIGTERM before the end of the input: exit code 1, and the same command goes on" {
	start_standin
	start_stream --session s --verbose
	echo 1 >&"$stream"
	wait_until 20 grep -q 'next number 1$' "$BATS_TEST_TMPDIR/sender.err"
	kill -TERM "$SENDER"
	expect_exit "$SENDER" 1
	exec {stream}>&-
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_line "bio-client: stopped before the end of standard input; --session 's' --resume goes on"
	seq 2 >"$INPUT"
	run -0 send --session s --resume "@$INPUT"
	expect_kept 2
}

@test "SIGTERM before there is any answer: exit code 3, and nothing is called done" {
	local arguments
	for arguments in 1 "--resume --session s @$INPUT"; do
		start_standin '[{"mute":true}]'
		seq 5 >"$INPUT"
		# shellcheck disable=SC2086 # words on purpose
		start sender "$BUILD/bio-client" send --ack store --server "$BIO" $arguments
		expect_state '.connections' 1
		kill -TERM "$STARTED"
		expect_exit "$STARTED" 3
		run -0 cat "$BATS_TEST_TMPDIR/sender.err"
		assert_output --partial 'bio-client: stopped before '
	done
}

@test "SIGTERM within an outage: exit code 3, soon" {
	start_standin '[{"take":3,"end":"reset"},{"mute":true}]'
	start sender "$BUILD/bio-client" send --ack store --server "$BIO" --retry-timeout 1h --repeat 10 1
	expect_state '.connections' 2
	kill -TERM "$STARTED"
	expect_exit "$STARTED" 3
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_line --partial 'bio-client: stopped before all was acknowledged'
	assert_line --partial '7 messages were not acknowledged, from number 4 on'
}

has_taken_signals() {
	grep -q $'^ShdPnd:\t0*$' "/proc/$1/status"
}

@test "a second SIGTERM ends it at once, whatever it waits for" {
	start_standin '[{"silent":true}]'
	start sender "$BUILD/bio-client" send --verbose --ack store --server "$BIO" --timeout 1h 1
	wait_until 20 grep -q 'next number 1$' "$BATS_TEST_TMPDIR/sender.err"
	kill -TERM "$STARTED"
	wait_until 20 has_taken_signals "$STARTED"
	kill -TERM "$STARTED"
	expect_exit "$STARTED" 1
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	refute_output --partial 'gave up'
	refute_output --partial 'stopped before all'
}

@test "an end of the idle connection that asks for more time than there is hangs nobody" {
	start_standin '[{"take":1,"end":"{\"bye\":\"draining\",\"ack\":1,\"retry_after\":3600}\n"},{}]'
	start_stream --retry-timeout 300ms
	echo 1 >&"$stream"
	expect_kept 1
	echo 2 >&"$stream"
	exec {stream}>&-
	expect_exit "$SENDER" 0
	expect_kept 2
}

@test "--resume: the same command again goes on where the last one was broken off" {
	start_standin '[{"take":40,"keep":30,"end":"reset"},{}]'
	seq 100 >"$INPUT"
	run -3 send --session s --resume --retry-timeout 0 "@$INPUT"
	run -0 send --session s --resume "@$INPUT"
	assert_output 'sent 70 messages (421 bytes) on 1 connection: 70 acknowledged, 0 refused; 30 were finished before'
	expect_kept 100
	run -0 send --session s --resume "@$INPUT"
	assert_output 'sent 0 messages (0 bytes) on 1 connection: 0 acknowledged, 0 refused; 100 were finished before'
	seq 101 110 >>"$INPUT"
	run -0 send --session s --resume - <"$INPUT"
	expect_kept 110
}

@test "--resume after a run that did not say so, whose session was its own" {
	start_standin '[{"take":40,"keep":30,"end":"reset"},{}]'
	seq 100 >"$INPUT"
	run -3 send --retry-timeout 0 "@$INPUT"
	local session
	session=$(sed -n "s/.*--session '\(.*\)' --resume goes on/\1/p" <<<"$output")
	run -0 send --session "$session" --resume "@$INPUT"
	expect_kept 100
}

@test "without --resume a session takes what comes as new" {
	start_standin
	run -0 send --session s - < <(seq 5)
	run -0 send --session s - < <(seq 6 9)
	assert_output --partial 'sent 4 messages'
	expect_kept 9
}

@test "--resume with an input that is too short is not the input that was sent" {
	start_standin
	seq 10 >"$INPUT"
	run -0 send --session s "@$INPUT"
	seq 4 >"$INPUT"
	run -1 send --session s --resume "@$INPUT"
	assert_line "bio-client: $INPUT holds 4 messages, and the session has come to 10: it is not the input that was sent"
	expect_kept 10
}

@test "--resume: a number in last place without white space may be half there, and is not sent" {
	start_standin
	printf '1\n2' >"$INPUT"
	run -4 send --session s --resume "@$INPUT"
	assert_line "bio-client: $INPUT: bad JSON in message 2 (line 2) at offset 1: the input ends here, and more of the message may follow; neither it nor what follows it is sent"
	expect_kept 1
	printf '3\ntrue' >>"$INPUT"
	run -4 send --session s --resume "@$INPUT"
	expect_state '.kept' '["1","23"]'
	printf ' "4"' >>"$INPUT"
	run -0 send --session s --resume "@$INPUT"
	expect_state '.kept' '["1","23","true","\"4\""]'
	run -0 send - < <(printf 5)
	expect_state '.kept[4:]' '["5"]'
}

@test "--resume with bad JSON before the place that the session has reached says nothing but that" {
	start_standin
	seq 4 >"$INPUT"
	run -0 send --session s "@$INPUT"
	printf '1\n{]\n3\n4\n' >"$INPUT"
	run -4 send --session s --resume "@$INPUT"
	assert_line --partial 'bad JSON in message 2 (line 2) at offset 1: '
	refute_output --partial 'it is not the input that was sent'
	expect_kept 4
}

# send_and_be_killed ARGUMENT...: `bio-client send` with acknowledgements, ended with SIGKILL
# and begun again up to 40 times, and then not; prints how often.  At its rate it is not
# through before it has been killed a few times.
send_and_be_killed() {
	python3 - "$BUILD/bio-client" send --quiet --ack store --rate 50000 --server "$BIO" "$@" <<-'END'
		import random, subprocess, sys
		patience = random.Random(1)
		for kills in range(41):
		    sender = subprocess.Popen(sys.argv[1:])
		    try:
		        status = sender.wait(patience.uniform(0.002, 0.08) if kills < 40 else 60)
		        break
		    except subprocess.TimeoutExpired:
		        sender.kill()
		        status = sender.wait()
		print(kills)
		sys.exit(status)
	END
}

@test "a client that is killed again and again sends everything once" {
	start_standin
	seq 20000 >"$INPUT"
	run -0 --separate-stderr send_and_be_killed --window 16k --session s --resume "@$INPUT"
	assert [ "$output" -gt 1 ]
	expect_kept 20000
	expect_state '.connections > 1' true
}

@test "on a terminal the progress is shown, and nothing of it stays" {
	start_standin
	run -0 on_terminal "$BUILD/bio-client" send --ack store --rate 20 --repeat 10 --server "$BIO" 1
	assert_output --regexp '[0-9]+ sent, [0-9]+ acknowledged, 0 refused\\x1b\[K\\r'
	assert_output --partial '\r\x1b[Ksent 10 messages (50 bytes) on 1 connection: 10 acknowledged, 0 refused'
	expect_state '.kept | length' 10
}

@test "what belongs to acknowledgements is refused without them, and what does not fit with them" {
	start_standin
	local arguments
	for arguments in '--session s' '--name n' '--token-file /dev/null' --resume '--ack none --session s'; do
		# shellcheck disable=SC2086 # words on purpose
		run -2 client send --server "$BIO" $arguments 1
		assert_line --partial 'needs --ack store'
	done
	run -2 send --connections 2 1
	assert_line --partial 'a session has one connection'
	run -2 send --resume 1
	run -2 send --resume --session s 1
	assert_line "bio-client send: '--resume': needs an input, @FILE or -"
	run -2 send --session '' 1
	run -2 send --session "$(printf '%065d' 0)" 1
	run -2 send --name $'\xff' 1
	run -0 send --session "$(printf '%064d' 0)" --name ' ~"' 1
	expect_kept 1
	expect_state '.connections' 1
}

# From here on the server is the real one.

# serve [FLAG...]: one that stores; again on the same address, where there was one.
serve() {
	rm -f "$BATS_TEST_TMPDIR/ready"
	start_server --store "$BATS_TEST_TMPDIR/bio.db" --listen "${BIO:-127.0.0.1:0}" "$@"
}

# kill_server: it has no time to say or write anything.
kill_server() {
	kill -KILL "$SERVER_PID"
	wait "$SERVER_PID" 2>/dev/null || true
}

# expect_stored: what the server keeps are the messages of INPUT, each once, in their order.
expect_stored() {
	client history --http "$HTTP" --format raw >"$BATS_TEST_TMPDIR/stored"
	cmp "$INPUT" "$BATS_TEST_TMPDIR/stored"
}

stored_is_above() {
	(($(counter store.newest_id) > $1))
}

@test "server: acknowledged is stored, under the sender's name, and the session knows its number" {
	serve
	seq 5000 >"$INPUT"
	run -0 send --name pump-7 --session a1 "@$INPUT"
	assert_output 'sent 5000 messages (38893 bytes) on 1 connection: 5000 acknowledged, 0 refused'
	run -0 sqlite3 "$BATS_TEST_TMPDIR/bio.db" "select count(*), min(name), max(name), sum(data) from message;
		select id, last from session"
	assert_output $'5000|pump-7|pump-7|12502500\na1|5000'
	assert_equal "$(get /messages/latest | jq -c '[.name, .framing, .data]')" '["pump-7","length",5000]'
	expect_stored
	expect_messages 5000 0
	expect_counter connections.closed_total.eof 1
	expect_idle
	stop_server
}

@test "server: each framing, and bytes that stay what they are" {
	serve
	local framing
	for framing in lines rs length; do
		run -0 send --framing "$framing" $'{"a":\r\n[1.50e+05,\t"\\ud800"]}'
	done
	assert_equal "$(get /messages/1/raw)" $'{"a":  [1.50e+05,\t"\\ud800"]}'
	assert_equal "$(get /messages/2/raw)" $'{"a":\r\n[1.50e+05,\t"\\ud800"]}'
	assert_equal "$(get /messages/3/raw)" "$(get /messages/2/raw)"
	expect_messages 3 0
	expect_idle
	stop_server
}

@test "server: what is too large or too deep for it is refused, and the rest is stored" {
	serve --max-message 100 --max-depth 3
	printf '1\n"%0200d"\n3\n[[[[4]]]]\n5\n' 0 >"$INPUT"
	run -5 send --session s "@$INPUT"
	assert_line --partial "message 2 (line 2 of $INPUT) was refused: too_large at offset "
	assert_line --partial "message 4 (line 4 of $INPUT) was refused: too_deep at offset 3: "
	assert_line --partial '3 acknowledged, 2 refused'
	assert_equal "$(newest 3 | paste -sd ' ')" '1 3 5'
	run -0 send --session s --resume "@$INPUT"
	assert_output --partial '; 5 were finished before'
	expect_messages 3 2
	expect_counter messages.rejected_total.too_large 1
	expect_counter messages.rejected_total.too_deep 1
	expect_idle
	stop_server
}

@test "server: a record that is refused before all of it was written" {
	serve --max-message 100
	python3 -c 'print("1\n[%s]\n3" % ",\n".join(["1" * 50] * 280000))' >"$INPUT"
	run -5 send --framing rs --window 64m "@$INPUT"
	assert_line --partial "message 2 (line 2 of $INPUT) was refused: too_large at offset 100"
	assert_line --partial 'on 1 connection: 2 acknowledged, 1 refused'
	assert_equal "$(newest 3 | paste -sd ' ')" '1 3'
	expect_messages 2 1
	expect_idle
	stop_server
}

@test "server: too many refused in a row end it with 5" {
	serve --max-message 16 --max-errors 20
	yes '"longer than sixteen"' | head -n 1000 >"$INPUT"
	run -5 send "@$INPUT"
	assert_line --partial "$BIO refused: max_errors (too many refused messages in a row)"
	assert_equal "$(grep -c ' was refused: too_large' <<<"$output")" 21
	assert_line --partial '979 messages were not acknowledged, from number 22 (line 22 of'
	expect_messages 0 21
	expect_counter connections.closed_total.max_errors 1
	stop_server
}

@test "server: killed in the middle, and started again: everything once" {
	serve
	seq 300000 >"$INPUT"
	start sender "$BUILD/bio-client" send --ack store --window 64k --rate 100000 --server "$BIO" "@$INPUT"
	local sender=$STARTED i
	for i in 1 2 3; do
		wait_until 20 stored_is_above $((i * 30000))
		kill -0 "$sender"
		kill_server
		serve
	done
	expect_exit "$sender" 0
	run -0 tail -n 1 "$BATS_TEST_TMPDIR/sender.err"
	assert_output --partial 'sent 300000 messages'
	assert_output --partial ': 300000 acknowledged, 0 refused'
	expect_stored
	expect_counter messages.rejected_total.syntax 0
	expect_idle
	stop_server
}

@test "server: stopped in order in the middle, and started again: everything once" {
	serve
	seq 300000 >"$INPUT"
	start sender "$BUILD/bio-client" send --ack store --window 64k --rate 100000 --server "$BIO" "@$INPUT"
	local sender=$STARTED
	wait_until 20 stored_is_above 30000
	stop_server
	serve
	expect_exit "$sender" 0
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_line --partial 'on 2 connections: 300000 acknowledged, 0 refused'
	expect_stored
	expect_idle
	stop_server
}

@test "server: a client that is killed again and again sends everything once" {
	serve
	seq 100000 >"$INPUT"
	run -0 --separate-stderr send_and_be_killed --window 16k --session s --resume "@$INPUT"
	assert [ "$output" -gt 1 ]
	expect_stored
	expect_messages 100000 "$(counter messages.rejected_total.incomplete)"
	expect_idle
	stop_server
}

@test "server: the second sender of a session takes it, and the first ends with 5" {
	serve
	mkfifo "$BATS_TEST_TMPDIR/stream"
	start first bash -c 'exec "$0" send --ack store --server "$1" --session s - <"$2"' \
		"$BUILD/bio-client" "$BIO" "$BATS_TEST_TMPDIR/stream"
	local first=$STARTED
	exec {stream}<>"$BATS_TEST_TMPDIR/stream"
	echo 1 >&"$stream"
	expect_messages 1 0
	run -0 send --session s 2
	expect_exit "$first" 5
	exec {stream}>&-
	run -0 cat "$BATS_TEST_TMPDIR/first.err"
	assert_line --partial 'refused: session_taken (another sender goes on with this session'
	seq 2 >"$INPUT"
	expect_stored
	expect_messages 2 0
	expect_counter connections.closed_total.session_taken 1
	stop_server
}

@test "server: one that comes back with another store is not given the rest" {
	serve
	start_stream
	echo 1 >&"$stream"
	expect_messages 1 0
	stop_server
	rm "$BATS_TEST_TMPDIR"/bio.db*
	serve
	echo 2 >&"$stream"
	expect_exit "$SENDER" 5
	exec {stream}>&-
	run -0 cat "$BATS_TEST_TMPDIR/sender.err"
	assert_line --partial 'refused: session_gap: '
	assert_line --partial '1 message was not acknowledged, from number 2 (line 2 of standard input) on'
	expect_messages 0 0
	expect_idle
	stop_server
}

@test "server: without a store there are no acknowledgements" {
	start_server
	run -5 send 1
	assert_output --partial "$BIO refused: acks_unavailable: "
	assert_output "bio-client: $BIO refused: acks_unavailable: this server stores nothing, so it has neither acks nor sessions (send without --ack)"
	run -0 client send --server "$BIO" 1
	expect_messages 1 0
	expect_counter connections.closed_total.bad_hello 1
	stop_server
}
