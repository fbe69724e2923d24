#!/usr/bin/env bats
# Who reads during a storm is told nothing that contradicts itself or what it was told before.

load helpers/bio
load helpers/store

# expect_consistent: a storm, 2,000 reads of which half are of /stats, and what came of it.
expect_consistent() {
	local sent=$BATS_TEST_TMPDIR/readers.out
	python "$BATS_TEST_DIRNAME/helpers/readers.py" 2000 >"$sent"
	assert_equal "$(jq -c '[.reads["/stats"] >= 990, ([.reads[]] | add)]' "$sent")" '[true,2000]'
	assert [ "$(jq .sent.connections "$sent")" -gt 20 ]
	expect_messages "$(jq .sent.good "$sent")" "$(jq .sent.bad "$sent")"
	expect_counter connections.accepted_total "$(jq .sent.connections "$sent")"
	expect_counter connections.closed_total.eof "$(jq .sent.connections "$sent")"
	expect_idle
}

@test "2000 reads during a storm never contradict each other" {
	start_server
	expect_consistent
	stop_server
}

@test "nor with a store, which commits meanwhile" {
	start_kept
	expect_consistent
	expect_kept
	stop_server
}
