#!/usr/bin/env bats
# What README.md says holds: its queries, its programs, its tables, taken out of it and tried.

load helpers/bio

README=$BATS_TEST_DIRNAME/../README.md
PROTOCOL=$BATS_TEST_DIRNAME/../src/PROTOCOL.md

# section HEADING: what stands under it.
section() {
	sed -n "/^## $1\$/,/^## /p" "$README"
}

# block HEADING LANGUAGE: the code of that language there.
block() {
	section "$1" | sed -n "/^ *\`\`\`$2\$/,/^ *\`\`\`\$/p" | sed '/^ *```/d'
}

# start_store: a server whose messages are in bio.db, in the folder where the case then is.
start_store() {
	cd "$BATS_TEST_TMPDIR" || return
	start_server --store bio.db
}

# query N: the N-th of the README's queries, run as a user does.
query() {
	bash -c "$(block 'Your messages with SQL' sh | sed -n "$1p")"
}

@test "the first look: what it sends and what it is shown" {
	start_server
	block 'A first look' python | sed "s/\"localhost\", 8888/\"${BIO%:*}\", ${BIO##*:}/" >"$BATS_TEST_TMPDIR/sender.py"
	run -0 python3 "$BATS_TEST_TMPDIR/sender.py"
	expect_messages 1 0
	volatile='s/"received_at":"[^"]*"/"received_at"/; s/"peer":"127.0.0.1:[0-9]*"/"peer"/'
	assert_equal "$(get /messages | sed "$volatile")" "$(grep '^{"messages":' "$README" | sed "$volatile")"
	stop_server
}

@test "who is there and what was wrong: as shown" {
	start_server
	local path volatile='s/"([a-z]+_at|peer)":"[^"]*"/"\1"/g; s/"duration_seconds":[0-9.]+/"duration_seconds"/'
	for _ in {1..16}; do
		send_line 1
	done
	expect_messages 16 0
	expect_idle
	send_bytes '{"a":1]\n{"b":2}\n'
	expect_messages 17 1
	expect_idle
	for path in '/connections?state=all&limit=1' '/rejected?limit=1'; do
		run -0 grep -F -A 1 "\$ curl 'localhost:8889$path'" "$README"
		assert_equal "$(get "$path" | sed -E "$volatile")" "$(sed -E "$volatile" <<<"${lines[1]}")"
	done
	stop_server
}

@test "the queries: on a server that runs, and on the file that it leaves" {
	start_store
	block 'Your messages with SQL' sh >queries
	assert_equal "$(grep -c '^sqlite3 bio.db "' queries) $(wc -l <queries)" '3 3'
	send_bytes '%s\n' '{"send_user":"Ann","n":1}' '{"send_user":"Bob"}' '{"send_user":"Ann","n":2}' 17 '"text"' \
		'{"send_user":"Bob"}' '{"send_user":"Ann","n":3}' '{"send_user":"Bob"}' '{"send_user":"Bob"}'
	expect_messages 9 0
	local minute
	minute=$(get '/messages?limit=1' | jq -r '.messages[0].received_at[:16]')
	for _ in running stopped; do
		run -0 query 1
		assert_output $'Bob|4\nAnn|3\n|2'
		run -0 query 2
		assert_output "$minute|9"
		run -0 query 3
		assert_line --index 0 --regexp '^7\|127\.0\.0\.1:[0-9]+\|\{"send_user":"Ann","n":3\}$'
		assert_line --index 2 --regexp '^1\|127\.0\.0\.1:[0-9]+\|\{"send_user":"Ann","n":1\}$'
		assert_equal "${#lines[@]}" 3
		[[ -z $SERVER_PID ]] || stop_server
	done
}

@test "the condition on batch finds the newest by key" {
	start_store
	local i condition
	for i in 1 2 3; do
		send_line "$i"
		expect_messages "$i" 0
	done
	condition=$(section 'Your messages with SQL' | tr '\n' ' ' | sed 's/.*`\(where batch > [^`]*\)`.*/\1/; s/10000/1/')
	run -0 sqlite3 bio.db "select data from message $condition"
	assert_output 3
	run -0 sqlite3 bio.db "explain query plan select data from message $condition"
	assert_output --partial 'SEARCH batch USING INTEGER PRIMARY KEY (rowid>?)'
	stop_server
}

@test "the backup is a whole store, and ids go on in it" {
	start_store
	send_bytes '1 2 3'
	expect_messages 3 0
	local instance
	instance=$(counter instance)
	run -0 bash -c "$(block 'Where the messages are' sh | sed -n 1p)"
	send_line 4
	expect_messages 4 0
	stop_server
	start_server --store backup.db
	expect_counter instance "$instance"
	assert_equal "$(newest 9)" $'1\n2\n3'
	send_line '"another"'
	expect_messages 1 0
	assert_equal "$(get /messages/4/raw)" '"another"'
	stop_server
	run -0 bash -c "$(block 'Where the messages are' sh | sed -n 2p)"
	start_server --store backup.db
	run -0 counter instance
	assert_output --regexp '^[0-9a-f-]{36}$'
	refute_output "$instance"
	assert_equal "$(newest 9)" $'1\n2\n3\n"another"'
	stop_server
}

# deliver: the README's sender, with what comes through the pipe.
deliver() {
	python3 deliver.py "$1" pump-7 "$BIO"
}

@test "the sender: what a killed server had stored is not sent again, and nothing is left out" {
	start_store
	block Acknowledgements python >deliver.py
	seq -f '{"n":%g}' 3000 >all
	mkfifo pipe
	start sender python3 deliver.py pipe pump-7 "$BIO"
	local sender=$STARTED
	exec {pipe}>pipe
	head -n 2500 all >&"$pipe"
	expect_messages 2000 0
	expect_counter connections.current 1
	kill -KILL "$SERVER_PID"
	wait "$SERVER_PID" || true
	# It had no time to take it away itself.
	rm "$BATS_TEST_TMPDIR/ready"
	tail -n 500 all >&"$pipe"
	exec {pipe}>&-
	expect_exit "$sender" 1
	start_store
	run -0 deliver all
	assert_output 'all: all 3000 lines are finished'
	expect_messages 1000 0
	assert_equal "$(sqlite3 bio.db 'select data from message order by id')" "$(<all)"
	expect_idle
	stop_server
}

@test "the sender: run again it sends what was added, and tells of lines that are rejected" {
	start_store
	block Acknowledgements python >deliver.py
	printf '{"n":1}\n\n{"n":}\n  {"n":' >lines
	run -0 deliver lines
	assert_line --index 0 --partial 'lines: line 2: '
	assert_line --index 1 'lines: all 2 lines are finished'
	expect_messages 1 1
	printf '3}\n{"n":4}\n' >>lines
	run -0 deliver lines
	assert_output 'lines: all 4 lines are finished'
	expect_messages 3 1
	assert_equal "$(newest 9)" $'{"n":1}\n{"n":3}\n{"n":4}'
	expect_idle
	stop_server
}

@test "the table of options has each option once, with its default" {
	"$BUILD/bio-server" --help | awk '/^  --/ { name = $1 } /^ +\[BIO/ {
		print name, / default: / ? substr($NF, 1, length($NF) - 1) : "" }' | sort >"$BATS_TEST_TMPDIR/help"
	section 'The server' | python3 -c '
import re, sys
for row in (line.split("|") for line in sys.stdin if line.startswith("| `--")):
    names, defaults = (re.findall("`(.*?)`", cell) for cell in row[1:3])
    assert len(names) == len(defaults) or (len(names) == 1 and not defaults), row
    for name, default in zip(names, defaults or [""]):
        print(name, default)
' | sort >"$BATS_TEST_TMPDIR/table"
	assert [ -s "$BATS_TEST_TMPDIR/table" ]
	run -0 diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/table"
}

@test "the table of /stats has each member, and PROTOCOL.md each reason" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	get /stats >"$BATS_TEST_TMPDIR/stats"
	local name members reason
	while read -r name members; do
		run -0 grep -E "^\| [^|]*\`$name\`" <(section 'The status side')
		for reason in $members; do
			assert_output --partial "\`$reason\`"
		done
	done < <(jq -r 'to_entries[] | [.key, (.value | objects | keys[])] | join(" ")' "$BATS_TEST_TMPDIR/stats")
	for reason in $(jq -r '.connections.closed_total, .messages.rejected_total | keys[]' "$BATS_TEST_TMPDIR/stats"); do
		assert_equal "$reason $(grep -c "\`$reason\`" "$PROTOCOL" | sed 's/^[1-9][0-9]*$/stands there/')" \
			"$reason stands there"
	done
	stop_server
}
