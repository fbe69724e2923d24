#!/usr/bin/env bats
# bio-client tail: what it prints first, how it goes on, and how it ends.

load helpers/bio
load helpers/store

# start_teller PLAN: a status side with 25 messages, see helpers/teller.py; its address in HTTP.
start_teller() {
	start teller "$BATS_TEST_DIRNAME/helpers/teller.py" 25 "$1"
	wait_until 20 test -s "$BATS_TEST_TMPDIR/teller.out"
	HTTP=$(head -n 1 "$BATS_TEST_TMPDIR/teller.out")
}

# requests: what the teller was asked, a line each.
requests() {
	tail -n +2 "$BATS_TEST_TMPDIR/teller.out" | sed 's/ *$//'
}

requests_are() {
	[[ $(requests) == "$1" ]]
}

tail_once() {
	client tail --http "$HTTP" "$@"
}

# start_tail [OPTION...]: follows in the background; its number in TAIL.
start_tail() {
	start tail "$BUILD/bio-client" tail --follow --http "$HTTP" "$@"
	TAIL=$STARTED
}

# ids [FILE]: those of the lines, as one line.
ids() {
	jq -r .id "$@" | paste -sd ' '
}

tail_shows() {
	[[ $(ids "$BATS_TEST_TMPDIR/tail.out") == "$1" ]]
}

# expect_tail IDS: waits until these were printed, and nothing else was.
expect_tail() {
	wait_until 20 tail_shows "$1" || { ids "$BATS_TEST_TMPDIR/tail.out" >&2; return 1; }
}

# stop_tail [SIGNAL]: as a user does; it ends with 0.
stop_tail() {
	kill -"${1:-INT}" "$TAIL"
	expect_exit "$TAIL" 0
}

# said TEXT: it stands on standard error, or will.
said() {
	wait_until 20 grep -qF -- "$1" "$BATS_TEST_TMPDIR/tail.err"
}

HELLO='["hello","a",25]'

@test "without --follow: the newest 10, the oldest of them first, as the server has them" {
	start_server --recent 100000
	run -0 tail_once
	assert_output ''
	seq -f '{"i":%.0f}' 2500 | client send --quiet --server "$BIO" -
	expect_messages 2500 0
	run -0 --separate-stderr tail_once
	assert_equal "$output" "$(get '/messages?format=ndjson&order=asc&after=2490')"
	assert_equal "$stderr" ''
	tail_once --limit 2400 | jq .id >"$BATS_TEST_TMPDIR/ids"
	cmp "$BATS_TEST_TMPDIR/ids" <(seq 101 2500)
	run -0 tail_once --limit 0
	assert_output ''
	stop_server
}

@test "--after: all behind it, or the newest of those" {
	start_teller '[[]]'
	run -0 tail_once --after 20
	assert_equal "$(ids <<<"$output")" '21 22 23 24 25'
	run -0 tail_once --after 20 --limit 2
	assert_equal "$(ids <<<"$output")" '24 25'
	run -0 tail_once --after 0
	assert_equal "$(ids <<<"$output")" "$(seq 25 | paste -sd ' ')"
	run -0 tail_once --after 25
	assert_output ''
	run -0 tail_once --after 99 --limit 5
	assert_output ''
}

@test "--follow: the newest first, then each that comes; connections break, nothing is doubled" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",26],[\"break\"]],
		[[\"hello\",\"a\",28],[\"message\",27],[\"message\",28],[\"end\"]],
		[[\"status\",502,\"away\"]],[[\"hello\",\"a\",28],[\"stay\"]]]"
	start_tail --limit 3
	expect_tail '23 24 25 26 27 28'
	wait_until 20 said 'ended the stream of events; trying again until it is back'
	expected=$'/events\n/messages?limit=3&after=0&before=26&order=desc\n/messages?limit=1000&after=22&before=26&order=asc\n/events 25\n/events 26\n/events 28\n/events 28'
	wait_until 20 requests_are "$expected"
	stop_tail
	run -0 cat "$BATS_TEST_TMPDIR/tail.err"
	assert_equal "${#lines[@]}" 2
	assert_line --index 0 --partial "lost the events of $HTTP: the connection broke; "
}

@test "--follow --after: events from there on, and no page" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",8],[\"end\"]],[$HELLO,[\"message\",9],[\"stay\"]]]"
	start_tail --after 7
	expect_tail '8 9'
	stop_tail TERM
	assert_equal "$(requests)" $'/events\n/events 7\n/events 8'
}

@test "--follow: what the stream leaves out comes from pages, in its place, and the stream goes on behind it" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",7],[\"gap\",8,20],[\"message\",21]],
		[$HELLO,[\"message\",21],[\"gap\",22,30],[\"message\",31]],[$HELLO,[\"message\",31],[\"stay\"]]]"
	start_tail --after 6
	expect_tail "$(seq 7 25 | paste -sd ' ') 31"
	stop_tail
	assert_equal "$(cat "$BATS_TEST_TMPDIR/tail.err")" \
		'bio-client: a gap: messages 26 to 30 (5) are left out; the server keeps them no longer'
	assert_equal "$(requests)" $'/events\n/events 6\n/messages?limit=1000&after=7&before=21&order=asc\n/events 20\n/messages?limit=1000&after=21&before=31&order=asc\n/events 30'
}

@test "--follow: a message of a gap that the filter hides is not called missing" {
	start_teller "[[$HELLO],[$HELLO,[\"gap\",1,25]],[$HELLO,[\"stay\"]]]"
	start_tail --after 0 --filter .i=3
	expect_tail 3
	wait_until 20 requests_are $'/events\n/events 0\n/messages?limit=1000&after=0&before=26&order=asc\n/events 25'
	stop_tail
	assert_equal "$(cat "$BATS_TEST_TMPDIR/tail.err")" ''
}

@test "--follow: where no page comes, the stream is asked again, which says whose messages are missing" {
	start_teller "[[$HELLO],[$HELLO,[\"refuse\"],[\"gap\",8,9]],[$HELLO,[\"refuse\"],[\"gap\",8,9]],[$HELLO,[\"gap\",8,9]],
		[$HELLO,[\"refuse\"],[\"gap\",10,20]],[[\"hello\",\"b\",2]],[[\"hello\",\"b\",2],[\"message\",1],[\"stay\"]]]"
	start_tail --after 7
	expect_tail '8 9 1'
	said "$HTTP is another instance now; beginning anew with its messages"
	stop_tail
	run -0 requests
	assert_output $'/events\n/events 7\n/messages?limit=1000&after=7&before=10&order=asc\n/events 7\n/messages?limit=1000&after=7&before=10&order=asc\n/events 7\n/messages?limit=1000&after=7&before=10&order=asc\n/events 9\n/messages?limit=1000&after=9&before=21&order=asc\n/events 9\n/events 0'
}

@test "--follow: another instance is said and begun anew, and so is a server that fell back" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",26],[\"end\"]],[[\"hello\",\"b\",2],[\"message\",99]],
		[[\"hello\",\"b\",2],[\"message\",1],[\"message\",2],[\"end\"]],
		[[\"hello\",\"b\",1],[\"reset\",1],[\"end\"]],[[\"hello\",\"b\",1],[\"message\",2],[\"stay\"]]]"
	start_tail --limit 0
	expect_tail '26 1 2 2'
	said "$HTTP is another instance now; beginning anew with its messages"
	said "the server's messages end with id 1, below 2; beginning anew behind it"
	stop_tail
	assert_equal "$(requests)" $'/events\n/events 25\n/events 26\n/events 0\n/events 2\n/events 1'
}

@test "--follow: a server that is silent is left, and said to be, once an outage" {
	start_teller "[[$HELLO],[$HELLO,[\"silent\"]],[$HELLO,[\"silent\"]],[[\"silent\"]],[$HELLO,[\"message\",26],[\"stay\"]]]"
	start_tail --limit 0 --timeout 1s
	expect_tail 26
	stop_tail
	run -0 cat "$BATS_TEST_TMPDIR/tail.err"
	assert_output "bio-client: lost the events of $HTTP: nothing came for 1 s; trying again until it is back"
}

# send_more FROM TO: messages {"i":FROM} to {"i":TO}, all accepted.
send_more() {
	seq -f '{"i":%.0f}' "$1" "$2" | client send --quiet --server "$BIO" -
}

# numbers_are LAST: what the tail printed is 1 to LAST, each once and in order, ids and data.
numbers_are() {
	cmp -s <(jq -r '"\(.id) \(.data.i)"' "$BATS_TEST_TMPDIR/tail.out") <(seq "$1" | sed 's/.*/& &/')
}

@test "restarts of a server with a store: no gap and no repeat, and nothing is said of one" {
	start_kept
	send_more 1 2500
	expect_messages 2500 0
	start_tail --after 0
	wait_until 20 numbers_are 2500
	local round
	for round in 3 4 5; do
		restart_kept --http-listen "$HTTP"
		send_more "$((round * 1000 - 499))" "$((round * 1000 + 500))"
		expect_messages 1000 0
		wait_until 20 numbers_are "$((round * 1000 + 500))"
	done
	stop_tail
	assert_equal "$(grep -c '; trying again until it is back$' "$BATS_TEST_TMPDIR/tail.err")" 3
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/tail.err")" 3
	expect_counter http.event_readers 0
	expect_counter store.messages 5500
	assert_equal "$(sql 'SELECT sum(count) FROM batch')" 5500
	stop_server
}

@test "a burst of more than the stream shows at once is printed whole, and no gap is said" {
	start_kept
	start_tail
	expect_counter http.event_readers 1
	send_more 1 5000
	expect_messages 5000 0
	wait_until 20 numbers_are 5000
	stop_tail
	assert_equal "$(cat "$BATS_TEST_TMPDIR/tail.err")" ''
	expect_counter http.event_readers 0
	expect_counter store.messages 5000
	stop_server
}

@test "a server without a store that begins again: said, and its messages are printed from 1" {
	start_server
	send_more 1 20
	expect_messages 20 0
	start_tail --limit 1
	expect_tail 20
	stop_server
	start_server --http-listen "$HTTP"
	send_more 1 30
	expect_messages 30 0
	expect_tail "20 $(seq 30 | paste -sd ' ')"
	said "$HTTP is another instance now; beginning anew with its messages"
	stop_tail
	stop_server
}

@test "what a server no longer keeps is a gap, once" {
	start_server --recent 10
	seq 30 | while read -r i; do
		send_line "$i"
		expect_messages "$i" 0
	done
	start_tail --after 0
	expect_tail "$(seq 21 30 | paste -sd ' ')"
	said 'a gap: messages 1 to 20 (20) are left out; the server keeps them no longer'
	stop_tail
	run -0 grep -c gap "$BATS_TEST_TMPDIR/tail.err"
	assert_output 1
	expect_messages 30 0
	stop_server
}

@test "--follow on an empty server begins with its first message, and filters" {
	start_server
	start_tail --filter .i=2 --filter q=i
	expect_counter http.event_readers 1
	send_bytes '{"i":1}\n{"i":2.0}\n{"i":"2"}\n{"j":2}\n'
	expect_messages 4 0
	expect_tail '2 3'
	stop_tail
	expect_counter http.event_readers 0
	stop_server
}

@test "a follower in a pipe ends with the one behind it" {
	start_server
	send_more 1 5
	expect_messages 5 0
	start pipe bash -c 'set -o pipefail; "$0" tail -f --limit 0 --http "$1" | head -n 2' "$BUILD/bio-client" "$HTTP"
	local pipe=$STARTED
	expect_counter http.event_readers 1
	send_more 6 7
	expect_exit "$pipe" 0
	assert_equal "$(ids "$BATS_TEST_TMPDIR/pipe.out")" '6 7'
	expect_messages 7 0
	expect_counter http.event_readers 0
	stop_server
}

@test "a server that cannot be reached: exit code 3 and the way out, with --follow too" {
	local option
	for option in '' --follow; do
		# shellcheck disable=SC2086 # a word or none
		run -3 client tail $option --http 127.0.0.1:1
		assert_output 'bio-client: cannot reach 127.0.0.1:1: Connection refused (is bio-server running? choose another with --http)'
	done
}

@test "what is no server of events: exit codes 5 and 1" {
	start_teller '[[["status",404,"not\u009b31m \u007f\u001b[1mé now"]],[["type","text/html"],["raw","<p>"]],[["hello","a",-1]],[["hello",7,1]],[["stats"],["message",26]]]'
	run -5 tail_once --follow
	assert_output 'bio-client: the server refused: not??31m ??[1mé now'
	run -1 tail_once --follow
	assert_output "bio-client: the answer of $HTTP is no stream of events"
	run -1 tail_once --follow
	assert_output 'bio-client: the server sent a hello that cannot be read'
	run -1 tail_once --follow
	assert_output 'bio-client: the server sent a hello that cannot be read'
	run -1 tail_once --follow
	assert_output 'bio-client: the server sent events and no hello before them'
}

@test "events that cannot be read end it with exit code 1" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",26,\"01\"]],[$HELLO],[$HELLO,[\"gap\",5,4]],[$HELLO],[$HELLO,[\"reset\",\"x\"]]]"
	local what
	for what in message gap reset; do
		run -1 tail_once --follow --limit 0
		assert_output "bio-client: the server sent a $what that cannot be read"
	done
}

@test "events that nobody knows and stats are passed over" {
	start_teller "[[$HELLO],[$HELLO,[\"raw\",\": hi\n\nevent: new\ndata: {\n\n\"],[\"stats\"],[\"message\",26],[\"stay\"]]]"
	start_tail --limit 0
	expect_tail 26
	stop_tail
	assert_equal "$(cat "$BATS_TEST_TMPDIR/tail.err")" ''
}

@test "--filter and --query: the same with events as with pages" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",26,\"{\\\"i\\\":1.0,\\\"t\\\":\\\"x y\\\"}\"],[\"message\",27,\"{\\\"i\\\":2}\"],
		[\"message\",28,\"{\\\"i\\\":1,\\\"t\\\":\\\"x\\\"}\"],[\"message\",29,\"{\\\"i\\\":1,\\\"t\\\":\\\"x y\\\",\\\"n\\\":0}\"],[\"stay\"]]]"
	start_tail --limit 0 --filter .i=1 --filter 'q=x y'
	expect_tail '26 29'
	stop_tail
	start_server
	send_bytes '{"i":1.0,"t":"x y"}{"i":2}{"i":1,"t":"x"}{"i":1,"t":"x y","n":0}'
	expect_messages 4 0
	run -0 tail_once --filter .i=1 --filter 'q=x y'
	assert_equal "$(ids <<<"$output")" '1 4'
	run -0 tail_once --filter .i=1 --query 'x y' --limit 1
	assert_equal "$(ids <<<"$output")" 4
	run -0 tail_once --filter .i=1 --after 1
	assert_equal "$(ids <<<"$output")" '3 4'
	stop_server
}

@test "json keeps every byte, pretty every number and every string" {
	start_server
	printf '%s\0' $'{"a":\r\n [1.50e+05,\t-0], "b\\u0041":"\\/\xc2\x9b\x7f"}' '123456789012345678901234567890' >"$BATS_TEST_TMPDIR/sent"
	send_bytes <"$BATS_TEST_TMPDIR/sent"
	expect_messages 2 0
	run -0 tail_once --format json
	assert_equal "$output" "$(get '/messages?format=ndjson&order=asc')"
	assert_line --index 0 --partial $'"data":{"a":   [1.50e+05,\t-0], "b\\u0041":"\\/\xc2\x9b\x7f"}}'
	run -0 tail_once --format pretty
	assert_line --index 0 --regexp '^#1 20[0-9-]+T[0-9:.]+Z 127\.0\.0\.1:[0-9]+$'
	assert_equal "$(sed -n '2,7p' <<<"$output")" $'{\n  "a": [\n    1.50e+05,\n    -0\n  ],\n  "b\\u0041": "\\/\\u009b\\u007f"'
	assert_line --index 8 --regexp '^#2 '
	assert_line --index 9 123456789012345678901234567890
	stop_server
}

# tail_on_terminal OPTION...: what a terminal gets.
tail_on_terminal() {
	on_terminal "$BUILD/bio-client" tail --http "$HTTP" "$@"
}

@test "colors: on a terminal, where NO_COLOR does not forbid them, and where they are asked for" {
	start_server
	send_bytes '{"a":[1,null]}'
	expect_messages 1 0
	export TERM=xterm
	unset NO_COLOR
	run -0 tail_on_terminal
	assert_line --index 0 --regexp '^\\x1b\[1m#1\\x1b\[0m \\x1b\[2m20'
	assert_line '  \x1b[34m"a"\x1b[0m: ['
	NO_COLOR=1 run -0 tail_on_terminal
	assert_line '  "a": ['
	NO_COLOR='' run -0 tail_on_terminal
	assert_line '  \x1b[34m"a"\x1b[0m: ['
	TERM=dumb run -0 tail_on_terminal
	assert_line '  "a": ['
	run -0 tail_on_terminal --color never
	assert_line '  "a": ['
	NO_COLOR=1 run -0 tail_on_terminal --color always
	assert_line '  \x1b[34m"a"\x1b[0m: ['
	run -0 tail_once --format pretty
	assert_line '  "a": ['
	run -0 tail_once --format pretty --color always
	assert_line $'  \e[34m"a"\e[0m: ['
	run -0 tail_once --color always
	refute_output --partial $'\e'
	stop_server
}

@test "a terminal gets nothing to obey, whatever was sent" {
	start_server
	printf '{"a\xc2\x9b31m":"\x7f\xe2\x80\xae",\n"b":"\\u001b[31m"}' | send_bytes
	expect_messages 1 0
	run -0 tail_on_terminal --color never
	assert_line '  "a\\u009b31m": "\\u007f\\u202e",'
	assert_line '  "b": "\\u001b[31m"'
	run -0 tail_on_terminal --format json
	assert_output --partial '"data":{"a\\u009b31m":"\\u007f\\u202e", "b":"\\u001b[31m"}}'
	stop_server
}

@test "who reads it may go away: exit code 0 and no word" {
	start_server
	# More than a pipe holds.
	send_more 1 900
	expect_messages 900 0
	run -0 bash -c 'set -o pipefail; "$0" tail --http "$1" --after 0 | head -n 1' "$BUILD/bio-client" "$HTTP"
	assert_equal "$(ids <<<"$output")" 1
	stop_server
	start_teller "[[$HELLO],[$HELLO,[\"stay\"]]]"
	# Nothing more is written here, and it is noticed all the same.
	run -0 timeout -s KILL 20 bash -c 'set -o pipefail; "$0" tail --follow --http "$1" | head -n 1' "$BUILD/bio-client" "$HTTP"
	assert_equal "$(ids <<<"$output")" 16
}

@test "a standard output that takes nothing: exit code 1, said once" {
	start_teller "[[$HELLO],[$HELLO,[\"stay\"]]]"
	local option
	for option in '' --follow; do
		# shellcheck disable=SC2086 # a word or none
		run -1 bash -c '"$0" tail --http "$1" $2 >/dev/full' "$BUILD/bio-client" "$HTTP" "$option"
		assert_output 'bio-client: cannot write standard output: No space left on device'
	done
}

@test "a stop ends it while nobody reads what it writes, and behind a whole line" {
	start_teller "[[$HELLO],[$HELLO,[\"message\",26,\"\\\"$(printf '%0100000d' 0)\\\"\"],[\"message\",27],[\"stay\"]]]"
	run -0 python3 - "$BUILD/bio-client" "$HTTP" <<-'END'
		import fcntl, os, signal, subprocess, sys, termios, time
		ends = os.pipe()
		child = subprocess.Popen([sys.argv[1], "tail", "-f", "--limit", "0", "--http", sys.argv[2]], stdout=ends[1])
		os.close(ends[1])
		def waiting():
		    return int.from_bytes(fcntl.ioctl(ends[0], termios.FIONREAD, b"\0" * 4), sys.byteorder)
		deadline = time.monotonic() + 20
		while waiting() < 60000 and time.monotonic() < deadline:
		    pass
		child.send_signal(signal.SIGINT)
		text = b""
		while data := os.read(ends[0], 65536):
		    text += data
		print(child.wait(), len(text) > 100000, text.count(b"\n"), text[-1:])
	END
	assert_output "0 True 1 b'\\n'"
}

@test "a stop ends it while the server is away" {
	start_teller "[[$HELLO],[$HELLO,[\"end\"]],[[\"status\",503]]]"
	start_tail --limit 0
	said 'trying again until it is back'
	stop_tail TERM
}

@test "wrong usage ends with 2 and asks nothing" {
	start_teller '[[]]'
	local arguments
	for arguments in 1 '--format xml' '--color blue' '--limit x' '--after -1' '--filter a=1' '--filter .a' '--filter .a..b=1' \
		'--filter q=' '--query=' '--query x --filter q=y' '--filter .a=1 --filter .a=2' '-x' '--order asc' '--server x:1'; do
		# shellcheck disable=SC2086 # words on purpose
		run -2 --separate-stderr tail_once $arguments
		assert [ -n "$stderr" ]
		assert_output ''
	done
	assert_equal "$(requests)" ''
	run -0 client tail --help
	assert_line '  -f, --follow'
	assert_line '  --limit N'
	assert_line '  --format pretty|json'
}
