# What the cases about the store share: its file, rows made by hand, a small disk.

STORE=''
DISK=''

# start_kept [FLAG...]: a server with a store, in $STORE.
start_kept() {
	STORE=${STORE:-$BATS_TEST_TMPDIR/bio.db}
	start_server --store "$STORE" "$@"
}

# restart_kept [FLAG...]: an orderly end, and a new start on the same file.
restart_kept() {
	stop_server
	start_kept "$@"
}

# sql STATEMENTS: what the plain tool says of the file.
sql() {
	"${SERVER_WRAPPER[@]}" sqlite3 -batch -bail -cmd '.timeout 5000' "$STORE" "$@"
}

# make_store BATCHES COUNT: a file with so many batches of so many messages {"n":ID,"b":BATCH};
# batch 1 came at 2026-01-01T00:00:01Z, and one came each second.
make_store() {
	start_kept
	stop_server
	sql "WITH RECURSIVE
		b (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM b WHERE i < $1 - 1),
		m (j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM m WHERE j < $2)
	INSERT INTO batch SELECT i * $2 + 1, $2, 1767225601000000 + i * 1000000, 7,
		'192.0.2.7:7', 'pump', 'lines',
		(SELECT '[' || group_concat('{\"n\":' || (i * $2 + j) || ',\"b\":' || (i + 1)
			|| '${3:-}}') || ']' FROM m)
	FROM b"
}

# ids QUERY: the ids that /messages shows, in its order, on one line.
ids() {
	get "/messages?$1" | jq -r '[.messages[].id] | join(" ")'
}

# is_kept: what the server counted as stored stands in the file, but for what has left it; of
# a file that this server began.
is_kept() {
	[[ $(counter '|[.messages.stored_total - .store.evicted_total, .store.messages,
		.store.oldest_id, .store.newest_id] | join(" ")') == \
		"$(sql -separator ' ' 'SELECT sum(count), sum(count), min(first_id), max(first_id + count) - 1
			FROM batch')" ]]
}

# expect_kept: and nothing is on its way.
expect_kept() {
	expect_counter messages.queued 0
	wait_until 20 is_kept && return
	get /stats >&2
	sql 'SELECT sum(count), min(first_id), max(first_id + count) - 1 FROM batch' >&2
	return 1
}

# make_disk SIZE: a small disk, $DISK, for the server, sql and on_disk, and nobody else; skips
# where nothing can be mounted.
make_disk() {
	local spaces=(--mount) enter=(--mount)
	if [[ $(id -u) != 0 ]]; then
		spaces+=(--user --map-root-user)
		enter+=(--user --preserve-credentials)
	fi
	DISK=$BATS_TEST_TMPDIR/disk
	mkdir "$DISK"
	unshare "${spaces[@]}" mount -t tmpfs none "$DISK" 2>/dev/null ||
		skip "unshare and mount: no disk can be mounted here"
	# It keeps the disk for as long as it runs.
	# shellcheck disable=SC2016 # words of the inner shell
	start disk unshare "${spaces[@]}" bash -c '
		mount -t tmpfs -o "size=$1" none "$2" && : >"$2/mounted" && exec tail -f /dev/null' _ "$1" "$DISK"
	SERVER_WRAPPER=(nsenter --target "$STARTED" "${enter[@]}")
	STORE=$DISK/bio.db
	wait_until 20 on_disk test -e "$DISK/mounted"
}

on_disk() {
	"${SERVER_WRAPPER[@]}" "$@"
}

# fill_disk: until not a byte fits.
fill_disk() {
	on_disk bash -c 'cat /dev/zero >"$1/filler" 2>/dev/null || [[ -s $1/filler ]]' _ "$DISK"
}

free_disk() {
	on_disk rm "$DISK/filler"
}
