#!/usr/bin/env bats
# What kill -9 leaves: all that was acknowledged, shown or printed, once and in order.
#
# CRASH=long kills 200 servers and 50 senders, on ten files, in place of 10 and 3 on one.

load helpers/bio

# crash SEED SERVER_KILLS CLIENT_KILLS: prints the sums; whatever was broken ends it.
crash() {
	BUILD=$BUILD python "$BATS_TEST_DIRNAME/helpers/crash.py" "$BATS_TEST_TMPDIR/crash-$1" "$@"
}

# hit_something SUMS KILLS: the kills cut off messages under way, and found many done.
hit_something() {
	jq --exit-status --argjson kills "$2" '
		.server_kills == $kills and .cuts >= $kills / 2 and .cut_numbers > $kills and
		.acknowledged > 20 * $kills and .naks > $kills and .seen > 20 * $kills and
		.printed > 20 * $kills and .stored > 20 * $kills and
		.begins == 3 + .client_kills' <<<"$1"
}

@test "servers and senders are killed at any moment: all that is acknowledged is stored once" {
	local seed seeds=1 kills=10 client_kills=3
	if [[ ${CRASH:-} == long ]]; then
		seeds=10 kills=20 client_kills=5
	fi
	for ((seed = 1; seed <= seeds; seed++)); do
		run -0 crash "$seed" "$kills" "$client_kills"
		hit_something "${lines[-1]}" "$kills"
		rm -r "$BATS_TEST_TMPDIR/crash-$seed"
	done
}
