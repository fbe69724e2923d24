#!/usr/bin/env bats
# Starting and stopping: options, addresses, the ready file, exit codes, the three modes.

load helpers/bio

# With messages in memory only, and no file where the tests are run.
export BIO_STORE=none

server() {
	"$BUILD/bio-server" "$@"
}

skip_without_ipv6() {
	grep -q ' lo$' /proc/net/if_inet6 2>/dev/null || skip "no IPv6 loopback address here"
}

@test "--help names every option with its environment name, --version the version" {
	run -0 server --help
	assert_line --partial '--max-message SIZE'
	assert_line --partial '[BIO_MAX_MESSAGE; default: 1MiB]'
	assert_line --partial '[BIO_LISTEN; default: localhost:8888]'
	assert_line --partial '[BIO_STORE; default: bio.db]'
	assert_line --partial '--http-listen HOST:PORT,...'
	assert_line 'in bytes, a time in seconds.'
	assert_equal "$(server -h)" "$output"
	run -0 server --version
	assert_output --regexp '^bio-server [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "--help has three lines an option: its name, what it does, its default" {
	"$BUILD/bio-server" --help | sed -n '/^  --mode/,/^  -h, --help/p' >"$BATS_TEST_TMPDIR/options"
	run -1 grep -vE '^(  (-h, )?--[a-z-]+( [A-Za-z:|]+(,\.\.\.)?)?|        [A-Z].{1,90}\.|        \[BIO_[A-Z_]+(; default: [^ ]+)?\])$' \
		"$BATS_TEST_TMPDIR/options"
	assert_output ''
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/options")" \
		$(($(grep -c '\[BIO_' "$BATS_TEST_TMPDIR/options") * 3 + 1))
}

@test "usage mistakes end with code 2 and name the way out" {
	local arguments
	for arguments in --no-such-option '--mode sideways' '--max-depth 0' '--max-depth 901' \
		'--max-depth 1x' '--max-message 16MiB' '--max-message' '--recent -1' extra \
		'--drain-timeout 5parsec' '--print=maybe' '--listen ,' '--sync sometimes' \
		'--retain-messages some' '--retain-bytes -1' '--retain-age 1y' '--session-ttl 0' \
		'--write-timeout 0' --store; do
		# shellcheck disable=SC2086 # words on purpose
		run -2 --separate-stderr server $arguments
		assert [ -n "$stderr" ]
		assert_output ''
	done
	run -2 server --mode sideways
	assert_line "bio-server: --mode 'sideways': not one of the choices (once|serial|threads)"
	assert_line "Try 'bio-server --help'."
}

@test "a bad variable is named like a bad option" {
	BIO_MAX_DEPTH=none run -2 server
	assert_line "bio-server: BIO_MAX_DEPTH 'none': expected a number"
}

@test "an address that is none is bad usage, one that is not here is a failure" {
	local address
	for address in nonsense 127.0.0.1 127.0.0.1:65536 ::1:8888 '[::1:80'; do
		run -2 server --listen "$address" --http-listen 127.0.0.1:0
		assert_output --partial "--listen '$address': "
	done
	run -1 server --listen 192.0.2.1:0 --http-listen 127.0.0.1:0
	assert_output --partial 'cannot listen on 192.0.2.1:0: Cannot assign requested address'
}

@test "a port in use is named, with the option to change it" {
	start_server
	run -1 server --listen "$BIO" --http-listen 127.0.0.1:0
	assert_output --partial "cannot listen on $BIO: Address already in use; choose another address with --listen"
	run -1 server --listen 127.0.0.1:0 --http-listen "$HTTP"
	assert_output --partial 'choose another address with --http-listen'
	stop_server
}

@test "the ready file lists every address and goes away at the end" {
	skip_without_ipv6
	start_server --listen 127.0.0.1:0 --listen '[::1]:0'
	run -0 cat "$BATS_TEST_TMPDIR/ready"
	assert_line --index 0 --regexp '^bio 127\.0\.0\.1:[0-9]+$'
	assert_line --index 1 --regexp '^bio \[::1\]:[0-9]+$'
	assert_line --index 2 --regexp '^http 127\.0\.0\.1:[0-9]+$'
	stop_server
	assert [ ! -e "$BATS_TEST_TMPDIR/ready" ]
}

@test "a second server that cannot start leaves the first one's ready file" {
	start_server
	run -1 server --listen "$BIO" --http-listen 127.0.0.1:0 --ready-file "$BATS_TEST_TMPDIR/ready"
	assert [ -e "$BATS_TEST_TMPDIR/ready" ]
	run -2 server --ready-file ''
	assert_output --partial '--ready-file needs a name'
	run -2 server --store ''
	assert_output --partial '--store needs a name'
	stop_server
}

@test "a ready file that cannot be written is an error" {
	run -1 server --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --ready-file /nowhere/ready
	assert_output --partial '--ready-file /nowhere/ready: No such file or directory'
}

@test "localhost:0 is one port in both families" {
	skip_without_ipv6
	start_server --listen localhost:0 --http-listen localhost:0
	run -0 awk '$1 == "bio" { sub(/.*:/, ""); print }' "$BATS_TEST_TMPDIR/ready"
	assert_equal "${#lines[@]}" 2
	assert_equal "${lines[0]}" "${lines[1]}"
	send_line '{"family":4}'
	BIO=$(awk '$1 == "bio" { last = $2 } END { print last }' "$BATS_TEST_TMPDIR/ready")
	printf '{"family":6}' >"/dev/tcp/::1/${BIO##*:}"
	expect_messages 2 0
	stop_server
}

@test "a missing family is no error where the other is there" {
	unshare --user --net true 2>/dev/null || skip "unshare: no network namespaces here"
	run -0 unshare --user --map-root-user --net bash -c '
		ip link set lo up
		echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
		"$1" --listen localhost:0 --http-listen localhost:0 --ready-file "$2" 3>&- &
		until [[ -e $2 ]] || ! kill -0 $!; do sleep 0.02; done
		cat "$2"
		kill $!
		wait $!' _ "$BUILD/bio-server" "$BATS_TEST_TMPDIR/ready"
	assert_line --regexp '^bio 127\.0\.0\.1:[0-9]+$'
	refute_line --partial '::1'
}

@test "the environment sets what the command line does not" {
	BIO_MAX_MESSAGE=20 BIO_MODE=serial start_server
	send_line '{"short":1}'
	send_line '{"this message is":"too long"}'
	expect_counter mode serial
	expect_messages 1 1
	stop_server
}

@test "once: serves one connection, prints its messages, ends with 0" {
	start_server --mode once
	send_bytes '{"send_user":"Lyon"}\n[1,\n2]'
	expect_exit "$SERVER_PID" 0
	run -0 server_output
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ \{"send_user":"Lyon"\}$'
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ \[1, 2\]$'
	run -0 server_log
	assert_line --regexp 'stopped: 2 messages accepted and 0 rejected on 1 connection$'
}

@test "serial: the second connection waits for the first" {
	start_server --mode serial
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	printf '{"first":1}\n' >&"$first"
	expect_counter messages.received_total 1
	send_line '{"second":1}'
	expect_counter connections.accepted_total 1
	printf '{"first":2}\n' >&"$first"
	expect_counter messages.received_total 2
	exec {first}>&-
	expect_messages 3 0
	expect_idle
	assert_equal "$(newest 3)" $'{"first":1}\n{"first":2}\n{"second":1}'
	stop_server
}

@test "threads: connections are served side by side, threads are used again" {
	start_server --print
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	printf '{"first":1}\n' >&"$first"
	send_line '{"second":1}'
	expect_messages 2 0
	for _ in {1..20}; do
		send_line '{"more":1}'
		expect_counter connections.current 1
	done
	expect_messages 22 0
	run -0 server_output
	assert [ "$(sed -n 's/^session-\([0-9]*\) .*/\1/p' <<<"$output" | sort -n | tail -n 1)" -le 10 ]
	exec {first}>&-
	expect_idle
	stop_server
}

@test "--print shows connections, messages and rejections with thread and peer" {
	start_server --print
	send_bytes '{"a":\n1}\nx\n'
	expect_messages 1 1
	expect_idle
	run -0 server_output
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ # connected$'
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ \{"a": 1\}$'
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ # rejected syntax at offset 0: expected a value$'
	assert_line --regexp '^session-[0-9]+ 127\.0\.0\.1:[0-9]+ # closed: eof$'
	stop_server
}

@test "--log-level debug: connections and rejections by the number of the connection" {
	start_server --log-level debug
	send_bytes '{"a":1}\nx\n'
	expect_messages 1 1
	expect_idle
	stop_server
	run -0 server_log
	assert_line --regexp ' debug connection 1: from 127\.0\.0\.1:[0-9]+$'
	assert_line --regexp ' debug connection 1: rejected syntax at offset 0: expected a value$'
	assert_line --regexp ' debug connection 1: closed: eof$'
}

@test "a reader of the printed lines that goes away does not end the server" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	start reader head -n 1 "$BATS_TEST_TMPDIR/pipe"
	local reader=$STARTED
	"$BUILD/bio-server" --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --print \
		--ready-file "$BATS_TEST_TMPDIR/ready" >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/server.err" 3>&- &
	SERVER_PID=$!
	CHILDREN+=("$SERVER_PID")
	wait_until 20 server_is_ready_or_dead
	BIO=$(awk '$1 == "bio" { print $2 }' "$BATS_TEST_TMPDIR/ready")
	HTTP=$(awk '$1 == "http" { print $2 }' "$BATS_TEST_TMPDIR/ready")
	send_line 1
	expect_exit "$reader" 0
	send_line 2
	send_line 3
	expect_messages 3 0
	stop_server
}
