#!/usr/bin/env bats
# /metrics: its form, that it agrees with /stats and with what was sent, and Prometheus itself.

load helpers/bio

# sample NAME: the value of one sample, such as 'bio_messages_received_total{framing="rs"}'.
sample() {
	get /metrics | awk -v name="$1" '$1 == name { print $2 }'
}

# expect_samples: lines of a sample and its value.
expect_samples() {
	local name value
	while read -r name value; do
		assert_equal "$name $(sample "$name")" "$name $value"
	done
}

need() {
	command -v "$1" >/dev/null || skip "$1 is not there: the package prometheus (make deps-all)"
}

@test "promtool has nothing to say, before anything has come and after" {
	need promtool
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	run -0 promtool check metrics < <(get /metrics)
	assert_output ''
	send_bytes '{"i":1}\n[2]\njunk\n'
	expect_messages 2 1
	run -0 get /nowhere
	run -0 promtool check metrics < <(get /metrics)
	assert_output ''
	expect_idle
	stop_server
}

@test "its type is that of the text format, and it takes no parameters" {
	start_server
	run -0 get /metrics --output /dev/null --write-out '%{http_code} %{content_type}'
	assert_output '200 text/plain; version=0.0.4; charset=utf-8'
	run -0 get '/metrics?name=x' --output /dev/null --write-out '%{http_code} %{content_type}'
	assert_output '400 application/problem+json'
	stop_server
}

@test "each framing, each size and each request is counted where it belongs" {
	start_server --max-message 15MiB
	send_bytes '["%028d"]{"a":2}' 0
	send_bytes '\x1e["%060d"]\n\x1e["%061d"]\n' 0 0
	send_bytes '\0\0\0\002[]'
	talk <<<'BIO/1 {}
1234' >/dev/null
	head -c 15728638 /dev/zero | tr '\0' x | sed 's/.*/"&"/' | send_bytes
	expect_messages 7 0
	run -0 get /nowhere
	run -0 get /messages/99/raw
	run -0 get /messages/7 --head
	run -0 get '/messages?limit=x'
	run -0 get /stats --request POST
	expect_samples <<-'END'
		bio_messages_received_total{framing="stream"} 3
		bio_messages_received_total{framing="lines"} 1
		bio_messages_received_total{framing="rs"} 2
		bio_messages_received_total{framing="length"} 1
		bio_message_size_bytes_bucket{le="32"} 4
		bio_message_size_bytes_bucket{le="64"} 5
		bio_message_size_bytes_bucket{le="128"} 6
		bio_message_size_bytes_bucket{le="8388608"} 6
		bio_message_size_bytes_bucket{le="16777216"} 7
		bio_message_size_bytes_bucket{le="+Inf"} 7
		bio_message_size_bytes_count 7
		bio_message_size_bytes_sum 15728814
		bio_http_requests_total{path="other",code="404"} 1
		bio_http_requests_total{path="other",code="200"} 0
		bio_http_requests_total{path="/messages/{id}",code="404"} 1
		bio_http_requests_total{path="/messages/{id}",code="200"} 1
		bio_http_requests_total{path="/messages",code="400"} 1
		bio_http_requests_total{path="/stats",code="405"} 1
	END
	expect_idle
	stop_server
}

@test "what is not taken is in no count of messages" {
	start_server --max-message 100
	send_bytes '"%0200d"\n17\n' 0
	send_bytes '[1, 2'
	expect_messages 1 2
	expect_samples <<-'END'
		bio_messages_rejected_total{reason="too_large"} 1
		bio_messages_rejected_total{reason="incomplete"} 1
		bio_messages_received_total{framing="stream"} 1
		bio_message_size_bytes_sum 2
	END
	expect_idle
	stop_server
}

@test "in a storm no scrape contradicts itself or falls behind the one before" {
	start_server --recent 100000 --max-message 2k --max-depth 8 --store "$BATS_TEST_TMPDIR/bio.db"
	run -0 --separate-stderr python - "$BATS_TEST_DIRNAME/helpers/storm.py" "$BATS_TEST_TMPDIR/good" <<-'END'
		import subprocess, sys, exposition
		before, scrapes = exposition.scrape(), 1
		with subprocess.Popen([sys.executable, sys.argv[1], "7", sys.argv[2]]) as storm:
		    while storm.poll() is None:
		        now = exposition.scrape()
		        exposition.check_growth(before, now)
		        before, scrapes = now, scrapes + 1
		assert storm.returncode == 0 and scrapes > 10, (storm.returncode, scrapes)
	END
	assert_equal "$(jq -c .complaints <<<"$output")" '[]'
	expect_messages "$(jq .good <<<"$output")" "$(jq .bad <<<"$output")"
	expect_idle
	assert_equal "$(sample bio_received_bytes_total)" "$(jq .bytes <<<"$output")"
	assert_equal "$(sample bio_message_size_bytes_sum)" "$(tr -d '\n' <"$BATS_TEST_TMPDIR/good" | wc -c)"
	stop_server
}

@test "every value is that of /stats" {
	start_server --max-message 2k --max-depth 8 --store "$BATS_TEST_TMPDIR/bio.db"
	run -0 python "$BATS_TEST_DIRNAME/helpers/storm.py" 8 "$BATS_TEST_TMPDIR/good"
	expect_messages "$(jq .good <<<"$output")" "$(jq .bad <<<"$output")"
	talk <<<'BIO/1 {"session":"x","ack":"store"}
17' >/dev/null
	expect_idle
	start events curl --silent --no-buffer "http://$HTTP/events"
	expect_counter http.event_readers 1
	exec {open}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	python - "$SERVER_PID" <<-'END'
		import datetime, os, sys
		from exposition import by_label, scrape, total
		from words import check, stats, wait_for
		proc = f"/proc/{sys.argv[1]}"
		first, now, stats = stats(), scrape(), stats()
		messages, connections = stats["messages"], stats["connections"]
		check(messages["received_total"], total(now, "bio_messages_received_total"))
		check(messages["rejected_total"], by_label(now, "bio_messages_rejected_total"))
		check(messages["stored_total"], now["bio_messages_stored_total"])
		check(messages["queued"], now["bio_store_queue_messages"])
		check(connections["current"], now["bio_connections"])
		check(connections["accepted_total"], now["bio_connections_accepted_total"])
		check(connections["closed_total"], by_label(now, "bio_connections_closed_total"))
		check(stats["bytes"]["received_total"], now["bio_received_bytes_total"])
		check(stats["bytes"]["sent_total"], now["bio_sent_bytes_total"])
		assert stats["bytes"]["sent_total"] > 0
		# The scrape itself was counted behind it.
		check(stats["http"]["requests_total"] - 1, total(now, "bio_http_requests_total"))
		check(stats["http"]["event_readers"], now["bio_event_readers"])
		check(stats["version"], *by_label(now, "bio_build_info"))
		commits, name = stats["store"]["commit_seconds"], "bio_store_commit_duration_seconds"
		assert 0 < commits["max"] <= now[name + "_sum"] + 1e-6, (commits, now[name + "_sum"])
		assert now[name + "_sum"] <= commits["max"] * now[name + "_count"], commits
		start = datetime.datetime.fromtimestamp(now["process_start_time_seconds"], datetime.timezone.utc)
		check(stats["start_time"], start.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
		assert first["process"]["cpu_seconds"] <= now["process_cpu_seconds_total"] <= stats["process"]["cpu_seconds"]
		limits = [line for line in open(proc + "/limits") if line.startswith("Max open files")]
		check(int(limits[0].split()[3]), now["process_max_fds"])
		assert 0.5 < now["process_resident_memory_bytes"] / stats["process"]["rss_bytes"] < 2
		assert now["process_virtual_memory_bytes"] > now["process_resident_memory_bytes"]
		# The connection of a scrape that is over closes a little later.
		wait_for(lambda: scrape()["process_open_fds"] == len(os.listdir(proc + "/fd")) + 1, "process_open_fds")
	END
	exec {open}>&-
	expect_idle
	stop_server
}

@test "nothing that a peer can choose becomes a label" {
	start_server
	talk <<<'BIO/1 {"name":"pump-7","session":"one","framing":"rs"}' >/dev/null
	local before
	before=$(get /metrics --fail | sed 's/ [^ ]*$//')
	for path in /pump-7 '/messages/%22%0Apump-7%22' '/stats?pump-7' /messages/77777777777777777; do
		run -0 get "$path"
	done
	run -0 get /stats --request PUMP-7
	assert_equal "$(get /metrics | sed 's/ [^ ]*$//')" "$before"
	run -1 grep -e pump -e 127 <<<"$before"
	expect_idle
	stop_server
}

# ask_prometheus QUERY: its answer, as JSON.
ask_prometheus() {
	curl --disable --noproxy '*' --silent --show-error --max-time 10 --get --data-urlencode "query=$1" \
		"http://$PROMETHEUS/api/v1/query"
}

# prometheus_says QUERY VALUE: the one value that it has for it.
prometheus_says() {
	[[ $(ask_prometheus "$1" | jq -r '.data.result[]?.value[1]') == "$2" ]]
}

prometheus_has() {
	[[ $(ask_prometheus "count($1) > 0" | jq '.data.result | length') == 1 ]]
}

# readme_queries: those that README.md begins with.
readme_queries() {
	sed -n '/^```promql$/,/^```$/{/^```/!p}' "$BATS_TEST_DIRNAME/../README.md"
}

@test "Prometheus reads it, and answers what was sent" {
	need prometheus
	start_server
	send_bytes '{"i":1}\n{"i":2}\n'
	send_bytes '\x1e1\n\x1e2\n\x1e3\n'
	expect_messages 5 0
	cat >"$BATS_TEST_TMPDIR/prometheus.yml" <<-END
		scrape_configs:
		  - job_name: bio
		    scrape_interval: 1s
		    scrape_timeout: 1s
		    static_configs:
		      - targets: ["$HTTP"]
	END
	start prometheus prometheus --config.file "$BATS_TEST_TMPDIR/prometheus.yml" \
		--storage.tsdb.path "$BATS_TEST_TMPDIR/series" --web.listen-address 127.0.0.1:0
	local prometheus=$STARTED
	wait_until 30 grep -q 'msg="Listening on"' "$BATS_TEST_TMPDIR/prometheus.err"
	PROMETHEUS=$(sed -n 's/.*msg="Listening on" address=//p' "$BATS_TEST_TMPDIR/prometheus.err")
	wait_until 30 prometheus_says 'sum(bio_messages_received_total)' 5
	wait_until 20 prometheus_says 'bio_messages_received_total{framing="rs"}' 3
	send_bytes '{"i":6}\n'
	wait_until 30 prometheus_says 'bio_messages_received_total{framing="stream"}' 3
	wait_until 30 prometheus_says 'bio_message_size_bytes_count' 6
	wait_until 20 prometheus_says 'up{job="bio"}' 1
	local query name
	while IFS= read -r query; do
		assert_equal "$query: $(ask_prometheus "$query" | jq -r .status)" "$query: success"
		name=$(grep -o 'bio_[a-z_]*' <<<"$query")
		wait_until 20 prometheus_has "$name"
	done < <(readme_queries)
	kill -TERM "$prometheus"
	expect_exit "$prometheus" 0
	expect_idle
	stop_server
}

@test "the README's table has each metric, with its type and labels" {
	start_server
	get /metrics | sed -n 's/^# TYPE //p; s/^\([a-z_]*\){\([a-z]*\)="[^"]*"\(,\([a-z]*\)=\)\?.*/\1 \2 \4/p' |
		awk '$2 ~ /^(counter|gauge|histogram)$/ { type[$1] = $2; next }
			{ sub(/_bucket$/, "", $1); label[$1] = $2 ($3 ? ", " $3 : "") }
			END { for (name in type) print name, type[name], label[name] == "le" ? "" : label[name] }' |
		sed 's/ *$//' | sort >"$BATS_TEST_TMPDIR/shown"
	sed -n 's/^| `\([a-z_]*\)\({\([a-z, ]*\)}\)\?` | \([a-z]*\) |.*/\1 \4 \3/p' \
		"$BATS_TEST_DIRNAME/../README.md" | sed 's/ *$//' | sort >"$BATS_TEST_TMPDIR/table"
	assert [ -s "$BATS_TEST_TMPDIR/table" ]
	run -0 diff "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/table"
	stop_server
}
