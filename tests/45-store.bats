#!/usr/bin/env bats
# The file: what is kept over a restart, how it is read, what leaves it, and what happens
# where it cannot be written.

load helpers/bio
load helpers/store

@test "numbers, times and counts go on over a restart, and the newest are shown from the file" {
	start_kept
	send_bytes '{"i":1}\n{"i":2}\n'
	expect_messages 2 0
	send_bytes '{"i":3}'
	expect_messages 3 0
	expect_kept
	local instance
	instance=$(counter instance)
	stop_server
	# As if the clock had been an hour ahead.
	sql 'UPDATE batch SET received_us = received_us + 3600000000 WHERE first_id = 3'
	start_kept
	run -0 server_log
	assert_output --regexp "warn $STORE: the time of its newest message is 3[56][0-9]{2} seconds ahead of this clock"
	expect_messages 0 0
	expect_counter instance "$instance"
	expect_counter '|.store|[.messages,.oldest_id,.newest_id]|tostring' '[3,1,3]'
	assert_equal "$(newest 10)" $'{"i":1}\n{"i":2}\n{"i":3}'
	send_bytes '{"i":4}'
	expect_messages 1 0
	assert_equal "$(get /messages/latest | jq -c '[.id, .connection, .data]')" '[4,1,{"i":4}]'
	assert_equal "$(get /messages/latest | jq .received_at)" "$(get /messages/3 | jq .received_at)"
	expect_counter '|.store|[.messages,.oldest_id,.newest_id]|tostring' '[4,1,4]'
	stop_server
	assert_equal "$(sql 'SELECT sum(count), max(first_id) FROM batch')" '4|4'
}

@test "pages go through memory and file, up and down, without a seam" {
	local limit
	make_store 60 50
	start_kept --recent 100
	python -c 'from words import *; send(*(b"{\"n\":%d}\n" % n for n in range(3001, 3501)))'
	expect_messages 500 0
	expect_counter store.messages 3500
	for limit in 333 1000; do
		run -0 diff <(seq 3500) <(page_through "limit=$limit&order=asc")
		run -0 diff <(seq 3500 -1 1) <(page_through "limit=$limit")
	done
	restart_kept --recent 1
	run -0 diff <(seq 3500) <(page_through 'limit=1000&order=asc')
	run -0 diff <(seq 3500 -1 1) <(page_through limit=1000)
	run -0 diff <(seq 3500) <(get '/messages?format=ndjson&order=asc' | jq .id)
	run -0 diff <(seq 3500 -1 1) <(get '/messages?format=ndjson' | jq .data.n)
	stop_server
}

@test "every parameter of /messages works over the file" {
	# Message 10 * k + 1 up to 10 * k + 10 came k + 1 seconds after midnight.
	make_store 40 10 ',"odd":"x y"'
	start_kept --recent 1
	assert_equal "$(ids 'limit=3')" '400 399 398'
	assert_equal "$(ids 'limit=3&order=asc')" '1 2 3'
	assert_equal "$(ids 'before=12&limit=4')" '11 10 9 8'
	assert_equal "$(ids 'after=10&before=13')" '12 11'
	assert_equal "$(ids 'after=398&order=asc')" '399 400'
	assert_equal "$(ids 'since=2026-01-01T00:00:40Z' | wc -w)" 10
	assert_equal "$(ids 'since=2026-01-01T00:00:40.000001Z')" ''
	assert_equal "$(ids 'until=2026-01-01T00:00:02Z&limit=100')" '10 9 8 7 6 5 4 3 2 1'
	assert_equal "$(ids 'until=2026-01-01T00:00:01Z')" ''
	assert_equal "$(ids 'since=2026-01-01T00:00:05Z&until=2026-01-01T00:00:06Z&order=asc&limit=2')" '41 42'
	assert_equal "$(ids 'since=2026-01-01T00:00:05Z&before=43')" '42 41'
	assert_equal "$(ids 'q=%22n%22:39,')" '39'
	assert_equal "$(ids 'q=x%20y&limit=2')" '400 399'
	assert_equal "$(ids 'q=x%20y%20z')" ''
	assert_equal "$(ids '.b=7&limit=2&order=asc')" '61 62'
	assert_equal "$(ids '.b=7&.n=65')" '65'
	assert_equal "$(ids '.b=7&.n=75')" ''
	assert_equal "$(get '/messages?format=ndjson&limit=2&order=asc' | jq -c '[.id,.received_at,.connection,.peer,.name,.framing,.data]')" \
		'[1,"2026-01-01T00:00:01.000000Z",7,"192.0.2.7:7","pump","lines",{"n":1,"b":1,"odd":"x y"}]
[2,"2026-01-01T00:00:01.000000Z",7,"192.0.2.7:7","pump","lines",{"n":2,"b":1,"odd":"x y"}]'
	assert_equal "$(get /messages/57/raw)" '{"n":57,"b":6,"odd":"x y"}'
	run -0 get /messages/401 --write-out '%{http_code}'
	assert_output --partial 404
	stop_server
}

@test "the file keeps the exact bytes" {
	local i texts=('{"b" : 1, "a":1.0e+5,"b":2}' '"\ud800\u0000"' '-0' '[ ]' $'{"a":\r\n\t"é😀"}' 1E400)
	start_kept
	for i in "${!texts[@]}"; do
		printf %s "${texts[i]}" | send_bytes
		expect_messages $((i + 1)) 0
	done
	send_line '"the newest"'
	expect_messages $((i + 2)) 0
	restart_kept --recent 1
	for i in "${!texts[@]}"; do
		run -0 cmp <(printf %s "${texts[i]}") <(get "/messages/$((i + 1))/raw")
	done
	assert_equal "$(get /messages/latest/raw)" '"the newest"'
	stop_server
}

@test "all of a large file is streamed, in little memory" {
	[[ $BUILD == */release ]] || skip "memory is measured without sanitizers only"
	local before
	make_store 500 1000 ",\"pad\":\"$(printf '%070d' 0)\""
	start_kept --recent 1
	before=$(memory_peak)
	run -0 diff <(seq 500000) <(get '/messages?format=ndjson&order=asc' --max-time 60 | grep -o '"n":[0-9]*' | cut -d : -f 2)
	assert_equal "$(get '/messages?format=ndjson' --max-time 60 | wc -l)" 500000
	assert [ $(($(memory_peak) - before)) -lt 10000 ]
	assert [ "$(stat -c %s "$STORE")" -gt 40000000 ]
	stop_server
}

# The most memory that the server ever had, in KiB.
memory_peak() {
	awk '/^VmHWM:/ { print $2 }' "/proc/$SERVER_PID/status"
}

@test "what is newer than \`until\` is not read, and what is damaged is left out" {
	make_store 200 1000 ",\"pad\":\"$(printf '%0150d' 0)\""
	# So far back that it is not read when the server starts.
	sql "UPDATE batch SET body = '[1, oops]' WHERE first_id = 50001"
	start_kept --recent 1
	assert_equal "$(ids 'until=2026-01-01T00:00:02Z&limit=2')" '1000 999'
	assert_equal "$(ids 'since=2026-01-01T00:03:20Z&limit=2&order=asc')" '199001 199002'
	run -0 server_log
	refute_output --partial damaged
	assert_equal "$(ids 'before=51003&limit=4')" '51002 51001 50000 49999'
	assert_equal "$(ids 'after=49999&limit=3&order=asc')" '50000 51001 51002'
	run -0 get /messages/50001 --write-out '%{http_code}'
	assert_output --partial '"status":404'
	run -0 server_log
	assert_output --partial 'batch 50001 of the store is damaged and left out'
	stop_server
}

@test "what cannot be read of the store is a 503, in pages and in lines" {
	local query
	make_store 3000 100
	# At its end the server tries for so long to write the log into it.
	start_kept --recent 1 --drain-timeout 200ms
	dd if=/dev/zero of="$STORE" bs=4096 seek=8 count=$(($(stat -c %s "$STORE") / 4096 - 8)) conv=notrunc status=none
	for query in 'order=asc&limit=1' 'order=asc&format=ndjson&limit=5' 'order=asc&format=ndjson'; do
		run -0 get "/messages?$query" --output /dev/null --write-out '%{http_code} %{content_type}'
		assert_output '503 application/problem+json'
	done
	stop_server
}

@test "the plain sqlite3 tool queries the view while the server takes a flood" {
	local n seen=0
	start_kept
	start load "$BUILD/bench/load" flood --to "$BIO" --connections 2 --seconds 1.5
	until process_has_ended "$STARTED"; do
		n=$(sql 'SELECT count(*) FROM (SELECT id FROM message ORDER BY batch DESC LIMIT 1000)')
		assert [ "$n" -ge "$seen" ]
		seen=$n
	done
	expect_exit "$STARTED" 0
	assert_equal "$(sql 'SELECT count(*) FROM (SELECT id FROM message ORDER BY batch DESC LIMIT 1000)')" 1000
	n=$(jq .messages "$BATS_TEST_TMPDIR/load.out")
	send_line '{"send_user":"Ann","send_msg":"caf\u00e9"}'
	expect_messages $((n + 1)) 0
	send_line '"a text"'
	expect_messages $((n + 2)) 0
	assert_equal "$(sql "SELECT data->>'send_user', data->>'send_msg' FROM message WHERE id > (SELECT max(first_id) - 10 FROM batch) AND data->>'send_user' = 'Ann'")" 'Ann|café'
	assert_equal "$(sql "SELECT data, connection, received_at > '2026', peer GLOB '127.0.0.1:*' FROM message WHERE batch = (SELECT max(first_id) FROM batch)")" '"a text"|4|1|1'
	expect_counter store.state ok
	expect_kept
	run -0 server_log
	refute_output --partial error
	stop_server
}

# flood MESSAGES: so many messages of 1 KiB, on one connection, all stored.
flood() {
	local total
	total=$(counter messages.received_total)
	python -c 'import sys; from words import *; send(*[b"\"%01021d\"\n" % 0 * 100] * (int(sys.argv[1]) // 100))' "$1"
	expect_messages $((total + $1)) 0
}

@test "after a storm the file has what was counted, message for message" {
	start_kept --max-message 2k --max-depth 8
	run -0 --separate-stderr python "$BATS_TEST_DIRNAME/helpers/storm.py" 3 "$BATS_TEST_TMPDIR/good"
	assert_equal "$(jq -c .complaints <<<"$output")" '[]'
	expect_messages "$(jq .good <<<"$output")" "$(jq .bad <<<"$output")"
	expect_kept
	get '/messages?format=ndjson' | jq -c .data | LC_ALL=C sort >"$BATS_TEST_TMPDIR/shown"
	run -0 cmp "$BATS_TEST_TMPDIR/good" "$BATS_TEST_TMPDIR/shown"
	sql 'SELECT data FROM message' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/queried"
	run -0 cmp "$BATS_TEST_TMPDIR/good" "$BATS_TEST_TMPDIR/queried"
	run -0 "$BUILD/bench/load" cycle --to "$BIO" --threads 8 --count 200
	expect_counter messages.received_total $((1600 + $(wc -l <"$BATS_TEST_TMPDIR/good")))
	expect_idle
	expect_kept
	stop_server
}

# read_all: streams everything, down and up, for as long as load.on is there.
read_all() {
	local order
	while [[ -e $BATS_TEST_TMPDIR/load.on ]]; do
		for order in desc asc; do
			get "/messages?format=ndjson&order=$order&q=nothing" --fail --output /dev/null --max-time 100 || return 1
			get "/messages?limit=1000&order=$order" --fail --output /dev/null || return 1
		done
	done
}

@test "readers and the emptying of the log do not get into each other's way" {
	local reader readers=() messages=80000
	# Sanitizers search slowly.
	[[ $BUILD == */release ]] || messages=25000
	start_kept --recent 1
	touch "$BATS_TEST_TMPDIR/load.on"
	for reader in {1..12}; do
		start "reader-$reader" read_all
		readers+=("$STARTED")
	done
	# More than the log may ever hold goes through it.
	flood "$messages"
	rm "$BATS_TEST_TMPDIR/load.on"
	for reader in "${readers[@]}"; do
		expect_exit "$reader" 0
	done
	assert [ "$(stat -c %s "$STORE-wal")" -lt 50000000 ]
	expect_counter store.state ok
	expect_kept
	stop_server
}

# expect_no_growth MESSAGES FLAG...: floods in rounds, after each of which no more than so
# many messages stay; the file never takes more than those and one flood need.
expect_no_growth() {
	local round size flood_messages=5000 message_bytes=1100
	start_kept --recent 1 "${@:2}"
	for round in 1 2 3 4 5 6; do
		flood "$flood_messages"
		expect_counter "store | .newest_id == $((round * flood_messages)) and .messages <= $1" true
		size=$(counter store.size_bytes)
		echo "round $round: $size bytes, $(stat -c %s "$STORE-wal") in the log"
		assert [ "$(stat -c %s "$STORE-wal")" -lt 50000000 ]
		assert [ "$size" -le $((($1 + flood_messages) * message_bytes)) ]
	done
	assert [ "$(stat -c %s "$STORE")" -le "$size" ]
	expect_kept
	assert_equal "$(counter '|.store.evicted_total + .store.messages')" 30000
	run -0 diff <(seq "$(counter store.oldest_id)" "$(counter store.newest_id)") \
		<(get '/messages?format=ndjson&order=asc' | jq .id)
	run -0 get /messages/1
	assert_output --partial '"status":404'
}

@test "--retain-messages: the newest stay, and the file stops growing" {
	# Whole batches leave: of one that reaches over the limit all messages stay.
	expect_no_growth 5300 --retain-messages 5000
	assert [ "$(counter store.messages)" -ge 5000 ]
	restart_kept --recent 1 --retain-messages 5
	wait_until 20 counter_is '|.store.messages <= 300' true
	assert [ "$(counter store.messages)" -ge 5 ]
	expect_counter store.newest_id 30000
	stop_server
}

@test "--retain-bytes: the file stays about so large" {
	expect_no_growth 5000 --retain-bytes 5MiB
	assert [ "$(sql 'SELECT sum(length(body)) FROM batch')" -ge 4000000 ]
	stop_server
}

@test "--retain-age: what is older leaves, but for the newest batch" {
	local oldest
	expect_no_growth 300 --retain-age 1s
	assert [ "$(counter store.messages)" -ge 1 ]
	# It is in memory still, and is shown no longer.
	oldest=$(counter store.oldest_id)
	assert_equal "$(get '/messages?order=asc&limit=1' | jq '.messages[0].id')" "$oldest"
	run -0 get "/messages/$((oldest - 1))" --output /dev/null --write-out '%{http_code}'
	assert_output 404
	stop_server
}

@test "--store none: acks and sessions are refused, and nothing is written" {
	cd "$BATS_TEST_TMPDIR"
	start_server --store none
	for hello in '{"ack":"store"}' '{"session":"s"}'; do
		run -0 talk <<<"BIO/1 $hello"
		assert_output --partial '{"ok":false,"code":"acks_unavailable"'
	done
	run -0 talk <<<$'BIO/1 {"name":"plain"}\n{"i":1}'
	assert_output --partial '{"ok":true,'
	expect_messages 1 0
	expect_counter store null
	expect_counter connections.closed_total.bad_hello 2
	expect_idle
	stop_server
	run -0 find . -name '*.db*'
	assert_output ''
}

# expect_refusal TEXT: the server does not start, says why, and names the way out.
expect_refusal() {
	run -1 "${SERVER_WRAPPER[@]}" "$BUILD/bio-server" --listen 127.0.0.1:0 \
		--http-listen 127.0.0.1:0 --store "$STORE"
	assert_output --partial "$1"
	assert_output --partial 'choose another file with --store, or none to keep messages in memory only'
}

@test "a file that is no store, or of a newer version, is refused and left alone" {
	local before
	STORE=$BATS_TEST_TMPDIR/letter
	printf 'This is a letter, which is longer than the head of a database.%0100d' 0 >"$STORE"
	before=$(sha256sum "$STORE")
	expect_refusal 'letter is not an SQLite database'
	assert_equal "$(sha256sum "$STORE")" "$before"
	assert_equal "$(ls -d "$STORE"*)" "$STORE"

	STORE=$BATS_TEST_TMPDIR/foreign.db
	sql 'CREATE TABLE t (x)'
	before=$(sha256sum "$STORE")
	expect_refusal 'foreign.db is the database of another program'
	assert_equal "$(sha256sum "$STORE")" "$before"
	assert_equal "$(ls -d "$STORE"*)" "$STORE"

	STORE=$BATS_TEST_TMPDIR/newer.db
	make_store 1 1
	sql 'PRAGMA user_version = 99'
	before=$(sha256sum "$STORE")
	expect_refusal 'newer.db was written by a newer version of this program'
	assert_equal "$(sha256sum "$STORE")" "$before"

	STORE=$BATS_TEST_TMPDIR/damaged.db
	make_store 1 1
	printf '%0200d' 0 | dd of="$STORE" bs=1 seek=100 conv=notrunc status=none
	expect_refusal 'damaged.db is damaged: database disk image is malformed'
}

@test "a place where nothing can be written is refused" {
	STORE=$BATS_TEST_TMPDIR/nowhere/bio.db
	expect_refusal "$STORE cannot be opened: its folder does not exist"
	mkdir "$BATS_TEST_TMPDIR/nowhere"
	STORE=$BATS_TEST_TMPDIR/nowhere
	expect_refusal "$STORE cannot be opened: Is a directory"
	STORE=/
	expect_refusal "/ cannot be opened: Is a directory"
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	STORE=$BATS_TEST_TMPDIR/pipe
	expect_refusal "$STORE cannot be opened: it is not a regular file"
	# Root may write whatever the modes say.
	if [[ $(id -u) == 0 ]]; then
		setpriv --bounding-set -dac_override true || skip "setpriv: root cannot give up rights here"
		SERVER_WRAPPER=(setpriv --bounding-set -dac_override)
	fi
	STORE=$BATS_TEST_TMPDIR/nowhere/bio.db
	make_store 1 1
	chmod 444 "$STORE"
	expect_refusal "$STORE cannot be opened: user $(id -u) cannot write to it: Permission denied"
	assert [ ! -e "$STORE-wal" ]
	chmod 644 "$STORE"
	chmod 444 "$STORE.lock"
	expect_refusal "$STORE.lock cannot be opened: user $(id -u) cannot write to it: Permission denied"
	chmod 644 "$STORE.lock"
	chmod 555 "$BATS_TEST_TMPDIR/nowhere"
	expect_refusal "cannot write to its folder: Permission denied"
	STORE=$BATS_TEST_TMPDIR/nowhere/new.db
	expect_refusal "cannot write to its folder: Permission denied"
	chmod 755 "$BATS_TEST_TMPDIR/nowhere"
}

@test "a second server on the same file is refused, under whatever name" {
	start_kept
	expect_refusal "$STORE is in use by another server, process $SERVER_PID"
	ln -s bio.db "$BATS_TEST_TMPDIR/alias.db"
	STORE=$BATS_TEST_TMPDIR/alias.db
	expect_refusal "bio.db is in use by another server, process $SERVER_PID"
	ln "$BATS_TEST_TMPDIR/bio.db" "$BATS_TEST_TMPDIR/second.db"
	STORE=$BATS_TEST_TMPDIR/second.db
	expect_refusal 'second.db is in use by another server, which has another name for it or lost its lock file'
	STORE=$BATS_TEST_TMPDIR/bio.db
	rm "$STORE.lock"
	expect_refusal 'bio.db is in use by another server, which has another name for it or lost its lock file'
	send_line 1
	expect_messages 1 0
	restart_kept
	expect_counter store.messages 1
	stop_server
}

# lock_store: another program holds SQLite's own lock on the file, until unlock_store.
lock_store() {
	mkfifo "$BATS_TEST_TMPDIR/locker.in"
	exec {locker}<>"$BATS_TEST_TMPDIR/locker.in"
	# Its input by name: what runs in the background gets none from its parent.
	start locker sqlite3 -batch -bail -cmd '.timeout 5000' "$STORE" ".read $BATS_TEST_TMPDIR/locker.in"
	echo 'BEGIN EXCLUSIVE; SELECT 1;' >&"$locker"
	wait_until 20 grep -q 1 "$BATS_TEST_TMPDIR/locker.out"
}

unlock_store() {
	echo 'COMMIT;' >&"$locker"
}

# connect NAME: a connection that stays open, its descriptor in the variable NAME.
connect() {
	local -n descriptor=$1
	# shellcheck disable=SC2034 # the caller's
	exec {descriptor}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
}

@test "another program's lock is waited for, then named, and outlived" {
	local acked
	make_store 1 1
	lock_store
	expect_refusal "another program holds a lock on $STORE"
	unlock_store
	rm "$BATS_TEST_TMPDIR/locker.in"
	start_kept
	connect acked
	printf 'BIO/1 {"ack":"store","session":"s"}\n{"i":1}\n' >&"$acked"
	expect_messages 1 0
	lock_store
	printf '{"i":2}\n' >&"$acked"
	wait_until 20 counter_is store.state failing
	run -0 timeout 20 cat <&"$acked"
	assert_line --index 1 '{"ack":1}'
	assert_line --index 2 '{"bye":"store_unavailable","ack":1,"retry_after":5}'
	expect_counter messages.queued 1
	run -0 talk <<<'BIO/1 {"ack":"store","session":"s","next":2}'
	assert_output --partial '{"ok":false,"code":"store_unavailable"'
	unlock_store
	wait_until 20 counter_is store.state ok
	# What was queued is stored, so the session goes on behind it.
	run -0 talk <<<$'BIO/1 {"ack":"store","session":"s","next":2}\n{"i":3}'
	assert_line --index 0 --partial '"next":3,'
	assert_line --index 1 '{"ack":3}'
	expect_messages 3 0
	expect_counter store.messages 4
	assert_equal "$(newest 3)" $'{"i":1}\n{"i":2}\n{"i":3}'
	expect_counter connections.closed_total.store_unavailable 2
	expect_idle
	stop_server
}

# flood_until_told: sends 1000-byte messages, {"n":"00000001",...} and so on, on one connection until the
# server says why no more; prints that line.
flood_until_told() {
	python - <<-'END'
		import select
		from words import *
		sock, n, unsent, told = connect(), 0, b"", b""
		sock.setblocking(False)
		while b"\n" not in told:
		    if not unsent:
		        unsent = b"".join(b'{"n":"%08d","pad":"%0974d"}\n' % (n + i, 0) for i in range(1, 101))
		        n += 100
		    readable, writable, _ = select.select([sock], [sock], [], PATIENCE_SECONDS)
		    if readable:
		        told += sock.recv(65536)
		    elif writable:
		        try:
		            unsent = unsent[sock.send(unsent):]
		        except OSError:  # closed since we looked; what it said is there to read
		            told += sock.recv(65536)
		print(told.decode())
	END
}

# expect_status PATH CODE: of the status side.
expect_status() {
	assert_equal "$(get "$1" --output /dev/null --write-out '%{http_code}')" "$2"
}

@test "a full disk: senders are told, and the server goes on when there is room again" {
	local acked stored
	make_disk 64m
	start_kept --memory 64MiB
	connect acked
	printf 'BIO/1 {"ack":"store","session":"s"}\n{"i":1}\n' >&"$acked"
	expect_messages 1 0
	fill_disk
	printf '{"i":2}\n' >&"$acked"
	run -0 timeout 20 cat <&"$acked"
	assert_line --index 2 '{"bye":"store_unavailable","ack":1,"retry_after":5}'
	expect_counter store.state failing
	expect_status /readyz 503
	expect_status /livez 200
	assert_equal "$(ids limit=10)" 1

	# A plain sender fills the room in memory before it is told, and how far it came.
	run -0 flood_until_told
	assert_output --partial '{"error":{"code":"store_unavailable","message":"the store cannot take more","offset":'
	stored=$(jq '.error.offset / 1000' <<<"$output")
	assert [ "$stored" -gt 10000 ]
	expect_counter messages.received_total $((stored + 2))
	expect_counter messages.queued $((stored + 1))
	# Whoever comes with more than the rest of the room is told at once, and nothing of it is
	# counted as received.  A read of the plain sender's was at most 256 KiB.
	run -0 talk < <(printf '"%0900000d"' 0)
	assert_output '{"error":{"code":"store_unavailable","message":"the store cannot take more","offset":0}}'
	run -0 talk <<<$'BIO/1 {"ack":"store"}\n"'"$(printf '%0900000d' 0)"'"'
	assert_line --index 1 '{"bye":"store_unavailable","retry_after":5}'
	expect_counter messages.received_total $((stored + 2))
	expect_counter messages.stored_total 1
	expect_counter connections.closed_total.store_unavailable 4

	free_disk
	wait_until 20 counter_is store.state ok
	expect_status /readyz 200
	expect_messages $((stored + 2)) 0
	expect_kept
	run -0 diff <(printf '{"i":%d}\n' 1 2; seq --format '{"n":"%08.0f"}' "$stored") \
		<(get '/messages?format=ndjson&order=asc' | sed 's/.*"data"://; s/,"pad".*/}/; s/}}$/}/')
	run -0 talk <<<$'BIO/1 {"ack":"store","session":"s","next":2}\n{"i":3}'
	assert_line --index 0 --partial '"next":3,'
	assert_line --index 1 '{"ack":3}'
	expect_idle
	stop_server
	assert_equal "$(sql 'PRAGMA integrity_check')" ok
	assert_equal "$(sql 'SELECT sum(count) FROM batch')" $((stored + 3))
}

# seconds_between TEXT TEXT: of the log, from one line to the other.
seconds_between() {
	local stamps
	mapfile -t stamps < <(grep -hE "$1|$2" "$BATS_TEST_TMPDIR/server.err" | cut -d ' ' -f 1 | date -f - +%s%N)
	assert_equal "${#stamps[@]}" 2
	echo $(((stamps[1] - stamps[0]) / 1000000000))
}

@test "SIGTERM on a full disk: the end comes in time, and says what is lost" {
	make_disk 16m
	start_kept --drain-timeout 1s
	run -0 talk <<<$'BIO/1 {"ack":"store"}\n{"i":1}'
	assert_line '{"ack":1}'
	fill_disk
	send_bytes '{"i":2}\n{"i":3}\n'
	wait_until 20 counter_is store.state failing
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial "error 2 messages are lost: $STORE: the disk is full"
	assert [ "$(seconds_between draining lost)" -le 2 ]
	free_disk
	start_kept
	assert_equal "$(newest 10)" '{"i":1}'
	stop_server
}

@test "a second signal ends a server at once that waits for a full disk" {
	make_disk 16m
	start_kept --drain-timeout 1h
	fill_disk
	send_line 1
	wait_until 20 counter_is store.state failing
	kill -TERM "$SERVER_PID"
	wait_until 20 grep -q draining "$BATS_TEST_TMPDIR/server.err"
	wait_until 20 has_ended_when_told_again
	expect_exit "$SERVER_PID" 143
}

has_ended_when_told_again() {
	kill -TERM "$SERVER_PID" 2>/dev/null
	process_has_ended "$SERVER_PID"
}

@test "--drain-timeout is for senders and store together" {
	local acked
	start_kept --drain-timeout 3s
	connect acked
	printf 'BIO/1 {"ack":"store"}\n{"i":1}\n' >&"$acked"
	expect_messages 1 0
	lock_store
	printf '{"i":2}\n' >&"$acked"
	expect_counter messages.queued 1
	kill -TERM "$SERVER_PID"
	# The sender waits until the store has waited for the lock, for two seconds.
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial "error 1 messages are lost: another program holds a lock on $STORE"
	assert [ "$(seconds_between draining lost)" -le 3 ]
	run -0 timeout 20 cat <&"$acked"
	assert_line --index 2 '{"bye":"store_unavailable","ack":1,"retry_after":5}'
}

@test "a sender that still waits for the store when the time is up is a failure that says so" {
	local acked
	start_kept --drain-timeout 200ms
	lock_store
	connect acked
	printf 'BIO/1 {"ack":"store"}\n{"i":1}\n' >&"$acked"
	expect_counter messages.queued 1
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial 'error 1 connections had not ended when the time was up'
	assert_output --partial 'error 1 messages are not known to be stored'
}

@test "the drain ends, too, when nobody reads what is printed" {
	mkfifo "$BATS_TEST_TMPDIR/server.out"
	# shellcheck disable=SC2034 # only held open
	exec {stuck}<>"$BATS_TEST_TMPDIR/server.out"
	start_kept --print --drain-timeout 200ms
	# The senders are gone before it is printed, so it is the store that gets stuck.
	lock_store
	send_bytes '"%0200000d"' 0
	expect_counter messages.queued 1
	send_line 2
	expect_counter messages.queued 2
	expect_idle
	unlock_store
	expect_counter messages.queued 1
	kill -TERM "$SERVER_PID"
	expect_exit "$SERVER_PID" 1
	run -0 server_log
	assert_output --partial 'error 1 messages are not known to be stored'
	assert_output --partial 'error not everything had ended when the time was up'
	assert_equal "$(sql 'SELECT count(*) FROM batch')" 1
}

@test "a file that is moved away is missed, and written again when it is back" {
	start_kept
	send_line 1
	expect_messages 1 0
	mv "$STORE" "$STORE.away"
	send_line 2
	wait_until 20 counter_is store.state failing
	expect_status /readyz 503
	run -0 server_log
	assert_output --partial "$STORE was moved or deleted"
	mv "$STORE.away" "$STORE"
	wait_until 20 counter_is store.state ok
	expect_messages 2 0
	expect_kept
	stop_server
}
