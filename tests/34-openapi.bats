#!/usr/bin/env bats
# /openapi.json is what the server is: nothing is missing there, and nothing else is there.

load helpers/bio
load helpers/store

setup() {
	python3 -c 'import jsonschema' 2>/dev/null || skip 'python3-jsonschema is missing'
	SEEN=$BATS_TEST_TMPDIR/seen
}

# described PHASE [WORD...]: what described.py says to the server as it is.
described() {
	python "$BATS_TEST_DIRNAME/helpers/described.py" "$@"
}

store_fails() {
	[[ $(get /readyz --output /dev/null --write-out '%{http_code}') == 503 ]]
}

@test "the document is a description in itself" {
	start_server
	run -0 described document
	assert_output ''
	stop_server
}

@test "the files of the page are those of its folder" {
	start_server
	assert_equal "$(get /openapi.json | jq -r '.paths["/{file}"].parameters[0].schema.enum | sort | .[]')" \
		"$(cd "$BATS_TEST_DIRNAME/../src/server/page" && printf '%s\n' * | grep -vx index.html | LC_ALL=C sort)"
	stop_server
}

@test "every path, parameter, status and field is there, and nothing else" {
	start_kept --recent 1
	run -0 described empty "$SEEN"
	run -0 described full "$SEEN"
	run -0 described readers "$SEEN"
	sql 'ALTER TABLE batch RENAME TO gone'
	run -0 described unreadable "$SEEN"
	sql 'ALTER TABLE gone RENAME TO batch'
	mv "$STORE" "$STORE.away"
	send_line 1
	wait_until 20 store_fails
	run -0 described failing "$SEEN"
	mv "$STORE.away" "$STORE"
	expect_counter messages.queued 0
	stop_server
	start_server --store none --recent 10
	stop_server
	start_server --store none --recent 10
	run -0 described gap "$SEEN"
	stop_server
	start_failing_server
	run -0 described memory "$SEEN" "$CONTROL"
	run -0 described unseen "$SEEN"
	assert_output ''
	stop_server
}
