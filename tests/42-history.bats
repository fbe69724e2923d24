#!/usr/bin/env bats
# bio-client history: what it prints and exports, what it leaves out, how it goes on.

load helpers/bio

setup() {
	FILE=$BATS_TEST_TMPDIR/export
}

history() {
	client history --http "$HTTP" "$@"
}

# fill COUNT: a server with so many messages, {"i":1} and on.
fill() {
	start_server --recent 100000
	seq -f '{"i":%.0f}' "$1" >"$BATS_TEST_TMPDIR/sent"
	client send --quiet --server "$BIO" "@$BATS_TEST_TMPDIR/sent"
	expect_messages "$1" 0
}

# start_cutter BYTES...: connections to the status side that break; its address in CUTTER.
start_cutter() {
	start cutter "$BATS_TEST_DIRNAME/helpers/cutter.py" "$HTTP" "$@"
	wait_until 20 test -s "$BATS_TEST_TMPDIR/cutter.out"
	CUTTER=$(cat "$BATS_TEST_TMPDIR/cutter.out")
}

# ids: those of the lines on standard input, as one line.
ids() {
	jq -r .id | paste -sd ' '
}

@test "ndjson: a line a message, the oldest first, as the server has them" {
	fill 2500
	run -0 --separate-stderr history
	assert_equal "${#lines[@]}" 2500
	assert_equal "$output" "$(get '/messages?format=ndjson&order=asc')"
	assert_equal "$stderr" ''
	expect_messages 2500 0
	stop_server
}

@test "raw: the bare messages byte for byte, and send reads them again" {
	start_server
	printf '%s\0' $'{"a":\r\n [1.50e+05,\t-0], "data":"x"}' '"\ud800"' '17' $'[{"b":\n[]}]' \
		>"$BATS_TEST_TMPDIR/sent"
	send_bytes <"$BATS_TEST_TMPDIR/sent"
	expect_messages 4 0
	history --format raw >"$FILE"
	assert_equal "$(cat "$FILE")" "$(tr '\0' '\n' <"$BATS_TEST_TMPDIR/sent")"
	client send --quiet --framing length --server "$BIO" "@$FILE"
	expect_messages 8 0
	assert_equal "$(get /messages/5/raw)" "$(get /messages/1/raw)"
	history --format raw --after 4 >"$FILE.again"
	cmp "$FILE" "$FILE.again"
	stop_server
}

@test "a terminal gets nothing to obey, whatever was sent, and a pipe every byte" {
	start_server
	printf '{"a\xc2\x9b31m":"\x7f\xe2\x80\xae",\r\n\t"b":"\\u001b[31m"}' >"$BATS_TEST_TMPDIR/sent"
	send_bytes <"$BATS_TEST_TMPDIR/sent"
	expect_messages 1 0
	local format
	for format in ndjson json raw; do
		run -0 on_terminal "$BUILD/bio-client" history --http "$HTTP" --format "$format"
		assert_output --partial '{"a\\u009b31m":"\\u007f\\u202e",'
		assert_output --partial '"b":"\\u001b[31m"}'
	done
	assert_equal "$output" $'{"a\\\\u009b31m":"\\\\u007f\\\\u202e", \n\\t"b":"\\\\u001b[31m"}'
	history --format raw | cmp - <(cat "$BATS_TEST_TMPDIR/sent" && echo)
	stop_server
}

@test "json: one document, with every byte of the messages" {
	start_server
	run -0 history --format json
	assert_equal "$(jq -c . <<<"$output")" '{"messages":[]}'
	send_bytes '{"a":\n1}[2]'
	expect_messages 2 0
	run -0 history --format json
	assert_equal "$(jq -c '[.messages[].id]' <<<"$output")" '[1,2]'
	assert_output --partial $'"data":{"a":\n1}},\n'
	run -0 history
	assert_line --index 0 --partial '"data":{"a": 1}}'
	assert_equal "${#lines[@]}" 2
	stop_server
}

@test "--limit and --order count from the end that is asked for" {
	fill 2500
	run -0 history --limit 3
	assert_equal "$(ids <<<"$output")" '1 2 3'
	run -0 history --limit 3 --order desc
	assert_equal "$(ids <<<"$output")" '2500 2499 2498'
	run -0 history --limit 1500 --format raw
	assert_equal "${#lines[@]}" 1500
	assert_line --index 1499 '{"i":1500}'
	run -0 history --order desc --format raw
	assert_equal "$output" "$(tac "$BATS_TEST_TMPDIR/sent")"
	expect_messages 2500 0
	stop_server
}

@test "--after and --before: ids, both exclusive, over pages in both directions" {
	fill 2500
	run -0 history --after 3 --before 7
	assert_equal "$(ids <<<"$output")" '4 5 6'
	run -0 history --after 200 --before 2400 --format raw
	assert_equal "$output" "$(seq -f '{"i":%.0f}' 201 2399)"
	run -0 history --after 200 --before 2400 --order desc --format raw
	assert_equal "$output" "$(seq -f '{"i":%.0f}' 2399 -1 201)"
	run -0 history --after 2500
	assert_output ''
	run -0 history --before 1
	assert_output ''
	run -0 history --after 10 --before 5
	assert_output ''
	expect_messages 2500 0
	stop_server
}

@test "--since and --until: times, the first inclusive" {
	start_server
	local i
	for i in 1 2 3; do
		send_line "$i"
		expect_messages "$i" 0
	done
	local second third
	second=$(get /messages/2 | jq -r .received_at) third=$(get /messages/3 | jq -r .received_at)
	run -0 history --since "$second" --until "$third"
	assert_equal "$(ids <<<"$output")" 2
	run -0 history --since "$second"
	assert_equal "$(ids <<<"$output")" '2 3'
	run -0 history --until "${second/Z/+00:00}"
	assert_equal "$(ids <<<"$output")" 1
	stop_server
}

@test "--filter and --query: any value, commas and signs among them" {
	start_server
	send_bytes '{"a":{"b":"x, y&z=1"},"n":1}{"a":{"b":"x"},"n":1}{"a":{"b":"x, y&z=1"},"n":2}'
	expect_messages 3 0
	run -0 history --filter '.a.b=x, y&z=1'
	assert_equal "$(ids <<<"$output")" '1 3'
	run -0 history --filter '.a.b=x, y&z=1' --filter .n=2
	assert_equal "$(ids <<<"$output")" 3
	run -0 history --query 'y&z=1"},"n":1'
	assert_equal "$(ids <<<"$output")" 1
	run -0 history --filter '.n=1' --filter 'q=x, y&z'
	assert_equal "$(ids <<<"$output")" 1
	BIO_FILTER=.a.b=x run -0 history
	assert_equal "$(ids <<<"$output")" 2
	run -0 history --query nothing
	assert_output ''
	stop_server
}

@test "an export ends with what was there when it began" {
	# This one says what it is asked, and has a message more each time.
	start port python3 -c '
import http.server, itertools, json, sys, urllib.parse
newest = itertools.count(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        print(self.path, flush=True)
        last = min(next(newest), int(query.get("before", 100)) - 1)
        ids = range(int(query.get("after", 0)) + 1, last + 1)[:2]
        if "order" not in query:
            ids = [last]
        more = str(ids[-1]) if ids and ids[-1] < last else "null"
        page = ",".join("{\"id\":%d,\"data\":%d}" % (i, i) for i in ids)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{\"messages\":[%s],\"next_after\":%s}" % (page.encode(), more.encode()))
    def log_message(self, *_):
        pass
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    print("127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()'
	wait_until 20 test -s "$BATS_TEST_TMPDIR/port.out"
	run -0 client history --format raw --http "$(cat "$BATS_TEST_TMPDIR/port.out")"
	assert_output $'1\n2\n3'
	run -0 tail -n +2 "$BATS_TEST_TMPDIR/port.out"
	assert_output $'/messages?limit=1\n/messages?limit=1000&after=0&before=4&order=asc\n/messages?limit=1000&after=2&before=4&order=asc'
}

@test "--output: the file is there whole, and nothing else is left beside it" {
	fill 2500
	echo old >"$FILE"
	run -0 history --output "$FILE"
	assert_output --regexp "^wrote 2500 messages \([0-9]+ bytes\) to $FILE\$"
	assert_equal "$(cat "$FILE")" "$(get '/messages?format=ndjson&order=asc')"
	assert [ ! -e "$FILE.part" ]
	run -0 history --quiet --output "$FILE" --limit 1
	assert_output ''
	assert_equal "$(ids <"$FILE")" 1
	expect_messages 2500 0
	stop_server
}

@test "--output: what goes wrong leaves the file as it was" {
	fill 2500
	echo old >"$FILE"
	start_cutter 100000 0 0 0 0 0 0 0 0 0
	run -3 client history --http "$CUTTER" --output "$FILE" --retry-timeout 200ms
	assert_output --partial 'cannot reach'
	assert_equal "$(cat "$FILE")" old
	assert [ ! -e "$FILE.part" ]
	run -1 history --output /nowhere/export
	assert_output 'bio-client: cannot write /nowhere/export.part: No such file or directory'
	mkdir "$FILE.dir"
	run -1 history --output "$FILE.dir"
	expect_messages 2500 0
	stop_server
}

@test "--output: links are followed, devices and pipes are written as they are" {
	fill 10
	touch "$FILE"
	ln -s export "$FILE.link"
	run -0 history --output "$FILE.link"
	assert [ -L "$FILE.link" ]
	assert_equal "$(wc -l <"$FILE")" 10
	run -0 history --output /dev/null
	assert [ -c /dev/null ]
	run -0 history --quiet --output /dev/stdout
	assert_equal "${#lines[@]}" 10
	run -1 history --output /dev/full
	assert_output --partial ': No space left on device'
	expect_messages 10 0
	stop_server
}

@test "--output: two exports at once do not mix, and the rest of a killed one is no hindrance" {
	fill 10
	exec {held}>"$FILE.part"
	flock -n "$held"
	run -1 history --output "$FILE"
	assert_output --partial "cannot write $FILE.part: Resource temporarily unavailable"
	exec {held}>&-
	seq 100000 >"$FILE.part"
	run -0 history --output "$FILE"
	assert_equal "$(wc -l <"$FILE")" 10
	expect_messages 10 0
	stop_server
}

@test "a connection that breaks again and again costs no message and brings none twice" {
	fill 5000
	start_cutter 50000 250000 10 0 300000 7000
	run -0 client history --http "$CUTTER" --format raw --output "$FILE"
	assert_line --partial 'trying again for up to 30 s'
	cmp "$FILE" "$BATS_TEST_TMPDIR/sent"
	expect_messages 5000 0
	stop_server
}

@test "a first question that nobody answers is an error at once: exit code 3" {
	fill 1
	start_cutter 0 0
	run -3 client history --http "$CUTTER"
	assert_equal "${#lines[@]}" 1
	assert_output --partial "bio-client: cannot reach $CUTTER: "
	expect_messages 1 0
	stop_server
}

@test "what the server refuses: exit code 5, in its words" {
	fill 1
	run -5 history --query ''
	assert_output 'bio-client: the server refused: q must not be empty'
	run -5 history --filter .a..b=1
	assert_output 'bio-client: the server refused: a field is named like .user.name'
	expect_messages 1 0
	stop_server
}

@test "an answer that is no page of messages: exit code 1" {
	start port python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"""{"messages":[{"id":1,"data":01}],"next_before":null}""")
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    print("127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()'
	wait_until 20 test -s "$BATS_TEST_TMPDIR/port.out"
	run -1 client history --http "$(cat "$BATS_TEST_TMPDIR/port.out")" --output "$FILE"
	assert_output "bio-client: the server's answer is no page of messages"
	assert [ ! -e "$FILE" ]
	assert [ ! -e "$FILE.part" ]
}

@test "a standard output that takes nothing: exit code 1, said once" {
	fill 5000
	run -1 bash -c '"$0" history --http "$1" >/dev/full' "$BUILD/bio-client" "$HTTP"
	assert_output 'bio-client: cannot write standard output: No space left on device'
	expect_messages 5000 0
	stop_server
}

@test "on a terminal an export shows how far it is" {
	fill 5000
	run -0 on_terminal "$BUILD/bio-client" history --http "$HTTP" --output "$FILE"
	assert_output --regexp '\[#+ *\] +[0-9]+ %  [0-9]+ messages, 0\.[0-9] MB\\x1b\[K\\r'
	assert_output --partial '\r\x1b[Kwrote 5000 messages ('
	expect_messages 5000 0
	stop_server
}

@test "100 MiB are exported with little memory" {
	[[ $BUILD == *release ]] || skip "a sanitizer needs memory of its own"
	start_server --recent 1000
	python3 -c '
import sys
for i in range(150):
    sys.stdout.write("\"%0100000d\"\n" % i)' >"$BATS_TEST_TMPDIR/sent"
	client send --quiet --server "$BIO" "@$BATS_TEST_TMPDIR/sent"
	expect_messages 150 0
	run -0 python3 - "$BUILD/bio-client" "$HTTP" "$FILE" <<-'END'
		import resource, subprocess, sys
		command = [sys.argv[1], "history", "--quiet", "--http", sys.argv[2], "--format", "raw",
		           "--output", sys.argv[3]]
		status = subprocess.call(command)
		print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
		sys.exit(status)
	END
	assert [ "$output" -lt $((48 * 1024)) ]
	cmp "$FILE" "$BATS_TEST_TMPDIR/sent"
	stop_server
}

@test "wrong usage ends with 2 and asks nothing" {
	fill 1
	local arguments
	for arguments in 1 '--format xml' '--order up' '--since yesterday' '--until 1' '--filter a=1' \
		'--filter .a' '--limit x' '--after -1' '--server x:1'; do
		# shellcheck disable=SC2086 # words on purpose
		run -2 --separate-stderr history $arguments
		assert [ -n "$stderr" ]
		assert_output ''
	done
	expect_messages 1 0
	stop_server
}
