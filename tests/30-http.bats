#!/usr/bin/env bats
# The status side: every path, what /messages selects and how it pages, mistakes, bounds.

load helpers/bio

PATHS=(/ /page.js /page.css /icon.svg /stats /metrics /messages '/messages?format=ndjson' /messages/1 /messages/1/raw
	/messages/latest /messages/latest/raw /connections '/rejected?limit=1' /livez /readyz '/readyz?verbose'
	/openapi.json /nowhere)

# ask METHOD PATH: the whole answer, as it comes over the wire, in the file METHOD.
ask() {
	exec {connection}<>"/dev/tcp/${HTTP%:*}/${HTTP##*:}"
	printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$2" "$HTTP" >&"$connection"
	cat <&"$connection" >"$BATS_TEST_TMPDIR/$1"
	exec {connection}>&-
}

# code PATH [CURL OPTION...]: the status code alone.
code() {
	get "$@" --output /dev/null --write-out '%{http_code}'
}

counter_is_above() {
	(($(counter "$1") > $2))
}

# ids QUERY: the ids of one page, as it orders them.
ids() {
	get "/messages?$1" | jq -r '[.messages[].id] | join(" ")'
}

# expect_problem CODE PATH: an answer that says what is wrong.
expect_problem() {
	run -0 get "$2" --write-out '%{http_code} %{content_type}'
	assert_equal "$2 ${lines[1]}" "$2 $1 application/problem+json"
	assert_equal "$(jq -c '[.status, (.type, .title, .detail | type)]' <<<"${lines[0]}")" \
		"[$1,\"string\",\"string\",\"string\"]"
}

# files_of_page: the paths of all that the page consists of, as its files name each other.
files_of_page() {
	local path todo=(/) found=''
	while ((${#todo[@]} > 0)); do
		path=${todo[0]} todo=("${todo[@]:1}")
		[[ $found != *"$path "* ]] || continue
		found+="$path "
		[[ $path == *.svg ]] || mapfile -t -O "${#todo[@]}" todo < <(get "$path" |
			sed -nE 's/.*(src|href)="(\/[a-z]+\.[a-z]+)".*/\2/p; s/.* from "\.(\/.*)";/\1/p' | grep -v openapi)
	done
	tr ' ' '\n' <<<"${found% }" | sort
}

@test "every path has its status and type" {
	start_server
	send_line '{"i":1}'
	expect_messages 1 0
	local path wanted
	while read -r path wanted; do
		run -0 get "$path" --output /dev/null --write-out '%{http_code} %{content_type}'
		assert_equal "$path $output" "$path $wanted"
	done <<-'END'
		/                        200 text/html; charset=utf-8
		/page.css                200 text/css; charset=utf-8
		/page.js                 200 text/javascript; charset=utf-8
		/icon.svg                200 image/svg+xml
		/stats                   200 application/json
		/metrics                 200 text/plain; version=0.0.4; charset=utf-8
		/messages                200 application/json
		/messages?format=ndjson  200 application/x-ndjson
		/messages/1              200 application/json
		/messages/1/raw          200 application/json
		/messages/latest         200 application/json
		/messages/latest/raw     200 application/json
		/connections             200 application/json
		/rejected                200 application/json
		/livez                   200 application/json
		/readyz                  200 application/json
		/readyz?verbose          200 application/json
		/openapi.json            200 application/json
		/nowhere                 404 application/problem+json
	END
	expect_idle
	stop_server
}

@test "every answer says nosniff, no-referrer and what a page may load" {
	start_server
	send_line '{"i":1}'
	expect_messages 1 0
	local path policy="default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for path in "${PATHS[@]}" '/messages?limit=0'; do
		run -0 get "$path" --dump-header - --output /dev/null
		assert_line $'X-Content-Type-Options: nosniff\r'
		assert_line $'Referrer-Policy: no-referrer\r'
		assert_line "Content-Security-Policy: $policy"$'\r'
	done
	stop_server
}

@test "HEAD has the headers of GET and no body" {
	start_server
	send_line '{"i":1}'
	expect_messages 1 0
	expect_idle
	local path varying
	for path in "${PATHS[@]}"; do
		ask GET "$path"
		ask HEAD "$path"
		varying=Date
		# The numbers of /stats and /metrics vary, and the length of a stream is unknown.
		[[ $path == /stats || $path == /metrics || $path == *ndjson ]] && varying='Date|Content-Length|Transfer-Encoding'
		assert_equal "$path$(sed -E "/^($varying):/d" "$BATS_TEST_TMPDIR/HEAD")" \
			"$path$(sed -E "/^($varying):/d; /^\r$/q" "$BATS_TEST_TMPDIR/GET")"
	done
	stop_server
}

@test "a file of the page is kept by who has it, and asked for again" {
	start_server
	local path tag
	while read -r path; do
		run -0 get "$path" --dump-header - --output "$BATS_TEST_TMPDIR/body"
		assert_line $'Cache-Control: no-cache\r'
		tag=$(sed -n 's/^ETag: \("[0-9a-f]\{32\}"\)\r$/\1/p' <<<"$output")
		assert_equal "$path \"$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -c 1-32)\"" "$path $tag"
		run -0 get "$path" --header "If-None-Match: \"x\", W/$tag" --include
		assert_line --index 0 $'HTTP/1.1 304 Not Modified\r'
		assert_line "ETag: $tag"$'\r'
		assert_line $'Cache-Control: no-cache\r'
		refute_line --partial 'Content-Type:'
		assert_equal "${lines[-1]}" $'\r'
		assert_equal "$path $(code "$path" --header 'If-None-Match: *') $(code "$path" --header 'If-None-Match: "x"')" \
			"$path 304 200"
	done < <(files_of_page)
	assert_equal "$(get /stats --head | grep -c '^Cache-Control: no-store')" 1
	expect_messages 0 0
	stop_server
}

@test "every file of the page is named, and every one that is named is there" {
	start_server
	run -0 diff <(files_of_page) <(find "$BATS_TEST_DIRNAME/../src/server/page" -type f -printf '/%f\n' |
		sed 's/^.index.html$/\//' | sort)
	expect_messages 0 0
	stop_server
}

@test "other methods are refused on every path, and the allowed ones named" {
	start_server
	local path method
	for path in "${PATHS[@]}"; do
		for method in POST PUT DELETE; do
			run -0 get "$path" --request "$method" --data '{"i":1}' --include
			assert_line --index 0 $'HTTP/1.1 405 Method Not Allowed\r'
			assert_line $'Allow: GET, HEAD\r'
			assert_line $'Content-Type: application/problem+json\r'
		done
	done
	expect_messages 0 0
	expect_idle
	stop_server
}

@test "a path that is not there is a 404 with a problem" {
	start_server
	send_line '{"i":1}'
	expect_messages 1 0
	local path
	for path in /nowhere /stats/ /Stats //stats /messages/ /messages/0 /messages/01 /messages/2 \
		/messages/abc /messages/-1 /messages/1x /messages/99999999999999999999 /messages/1/ \
		/messages/1/raw/x /messages/1/rawx /messages/latest/ /messages/newest; do
		expect_problem 404 "$path"
	done
	expect_idle
	stop_server
}

@test "a bad parameter is a 400 with a problem, never a default" {
	start_server
	local query
	for query in limit=0 limit=1001 limit=abc limit= limit limit=-1 limit=1.5 limit=%2B1 limit=%201 \
		limit=99999999999999999999 before= before=x after=-1 after=1.0 since=yesterday \
		since=2026-02-30T00:00:00Z until=2026-01-01 until=1767225600 q= order=up order= \
		format=xml format= nonsense=1 LIMIT=5 . ..a=1 .a.=1 .a '.a&.b=1' q format; do
		expect_problem 400 "/messages?$query"
	done
	expect_messages 0 0
	stop_server
}

@test "a repeated parameter, one with NUL, one too many is a 400" {
	start_server
	local query
	for query in 'limit=5&limit=5' 'q=a&order=asc&q=b' 'before=1&before=2' 'after=1&after=1' \
		'since=2026-01-01T00:00:00Z&since=2026-01-01T00:00:00Z' 'format=json&format=ndjson' \
		'.a=1&.a=2' 'q=%00' 'q=a%00b' 'limit=5%00' 'limit%00=5' '%00' \
		"$(printf '&.a%d=1' {1..100})"; do
		expect_problem 400 "/messages?$query"
	done
	expect_messages 0 0
	stop_server
}

@test "the other paths take no parameters" {
	start_server
	send_line 1
	expect_messages 1 0
	local path
	for path in '/?x' '/stats?x=1' '/livez?verbose' '/readyz?verbose=1' '/readyz?verbose&verbose' \
		'/messages/1?x' '/messages/latest/raw?limit=5'; do
		expect_problem 400 "$path"
	done
	stop_server
}

@test "/messages: the newest first, 50 of them, or as many as limit says" {
	start_server
	send_bytes '%d ' {1..60}
	expect_messages 60 0
	assert_equal "$(ids '')" "$(seq -s ' ' 60 -1 11)"
	assert_equal "$(ids limit=1)" 60
	assert_equal "$(ids limit=1000)" "$(seq -s ' ' 60 -1 1)"
	assert_equal "$(ids 'limit=3&order=asc')" '1 2 3'
	assert_equal "$(ids 'limit=3&order=desc')" '60 59 58'
	expect_idle
	stop_server
}

@test "before and after are exclusive" {
	start_server
	send_bytes '%d ' {1..9}
	expect_messages 9 0
	assert_equal "$(ids before=5)" '4 3 2 1'
	assert_equal "$(ids after=5)" '9 8 7 6'
	assert_equal "$(ids 'after=2&before=6&order=asc')" '3 4 5'
	assert_equal "$(ids 'after=0&before=1')$(ids before=0)$(ids after=9)$(ids 'after=5&before=6')" ''
	assert_equal "$(ids before=9223372036854775807)" "$(ids after=0)"
	stop_server
}

@test "pages follow each other down and up without gap or repeat" {
	start_server
	local batch
	for batch in {1..5}; do
		send_bytes '{"i":%d} ' 1 2 3 4 5
		expect_messages "$((batch * 5))" 0
	done
	local limit
	for limit in 2 7 25; do
		assert_equal "$(page_through "limit=$limit")" "$(seq 25 -1 1)"
		assert_equal "$(page_through "limit=$limit&order=asc")" "$(seq 1 25)"
	done
	assert_equal "$(page_through 'limit=1&.i=4')" $'24\n19\n14\n9\n4'
	stop_server
}

@test "next_before and next_after are null at the end" {
	start_server
	send_bytes '%d ' {1..9}
	expect_messages 9 0
	assert_equal "$(get '/messages?limit=4' | jq -c 'del(.messages)')" '{"next_before":6}'
	assert_equal "$(get '/messages?limit=4&order=asc' | jq -c 'del(.messages)')" '{"next_after":4}'
	assert_equal "$(get '/messages?limit=9' | jq -c 'del(.messages)')" '{"next_before":null}'
	assert_equal "$(get '/messages?after=8&order=asc' | jq -c 'del(.messages)')" '{"next_after":null}'
	assert_equal "$(get '/messages?after=9')" '{"messages":[],"next_before":null}'
	stop_server
}

@test "since is inclusive, until is exclusive, both to the microsecond" {
	start_server
	local i at
	for i in 1 2 3; do
		send_line "$i"
		expect_messages "$i" 0
	done
	mapfile -t at < <(get '/messages?order=asc' | jq -r '.messages[].received_at')
	assert_regex "${at[0]}" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$'
	assert_equal "$(ids "since=${at[1]}")" '3 2'
	assert_equal "$(ids "until=${at[1]}")" 1
	assert_equal "$(ids "since=${at[0]}&until=${at[2]}&order=asc")" '1 2'
	assert_equal "$(ids "since=${at[1]%Z}%2B00:00&limit=1&order=asc")" 2
	stop_server
}

@test "q finds a piece of the text as it was sent" {
	start_server
	send_bytes '{"send_user": "Lyon"}\n{"send_user":"lyon"}\n{"text":"caf\\u00e9 100%%"}\n"café"\n'
	expect_messages 4 0
	assert_equal "$(ids q=Lyon)" 1
	assert_equal "$(ids q=yon)" '2 1'
	assert_equal "$(ids 'q=%22send_user%22:%20')" 1
	assert_equal "$(ids q=caf%C3%A9) $(ids 'q=%5Cu00e9') $(ids q=100%25)" '4 3 3'
	assert_equal "$(ids 'q=send_user&order=asc&limit=1')$(ids q=nowhere)" 1
	stop_server
}

@test "a field is found by its path, its name and its text case-sensitively" {
	start_server
	send_bytes '%s\n' '{"user":{"name":"Lyon"}}' '{"user":{"name":"lyon"}}' '{"User":{"name":"Lyon"}}' \
		'{"user":{"Name":"Lyon"}}' '{"items":["a","b"]}' '{"items":{"0":"a"}}' '["a"]' '"a"'
	expect_messages 8 0
	assert_equal "$(ids .user.name=Lyon)" 1
	assert_equal "$(ids .items.0=a)" '6 5'
	assert_equal "$(ids .items.1=b) $(ids .0=a)" '5 7'
	assert_equal "$(ids .items.2=c)$(ids .user=Lyon)$(ids .user.name.first=Lyon)$(ids .items=a)" ''
	stop_server
}

@test "a number is equal by its value, a string and a literal by its text" {
	start_server
	send_bytes '%s\n' '{"n":1}' '{"n":1.0}' '{"n":10e-1}' '{"n":"1"}' '{"n":true}' '{"n":null}' \
		'{"n":"true"}' '{"n":false}' '{"n":""}' '{"n":[1]}'
	expect_messages 10 0
	assert_equal "$(ids '.n=1&order=asc')" '1 2 3 4'
	assert_equal "$(ids '.n=1.0&order=asc')" '1 2 3'
	assert_equal "$(ids '.n=true&order=asc')" '5 7'
	assert_equal "$(ids .n=null) $(ids .n=false) $(ids .n=)" '6 8 9'
	stop_server
}

@test "several fields are joined by and; names are compared unescaped" {
	start_server
	send_bytes '%s\n' '{"a":1,"b":2}' '{"a":1,"b":3}' '{"a":2,"b":2}' '{"caf\u00e9":"\u00e9\/"}'
	expect_messages 4 0
	assert_equal "$(ids '.a=1&.b=2')" 1
	assert_equal "$(ids '.a=1&q=3')" 2
	assert_equal "$(ids '.b=2&before=3')" 1
	assert_equal "$(ids '.caf%C3%A9=%C3%A9/')" 4
	assert_equal "$(get '/messages?.b=2&format=ndjson&order=asc' | jq -c .id)" $'1\n3'
	stop_server
}

@test "a message shows whence, when and how it came" {
	start_server
	send_bytes '\0\0\0\1 \0\0\0\11 {"i": 1}'
	expect_messages 1 1
	run -0 get /messages/1
	assert_output --regexp '^\{"id":1,"received_at":"[^"]*","connection":1,"peer":"127\.0\.0\.1:[0-9]+",'
	assert_output --partial '"name":null,"framing":"length","size_bytes":8,"data":{"i": 1}}'
	assert_equal "$(get /messages | jq -c '.messages[0]')" "$(jq -c . <<<"$output")"
	assert_equal "$(get '/messages?format=ndjson')" "$output"
	assert_equal "$(get /messages/latest)" "$output"
	stop_server
}

@test "what was sent is what is shown, byte for byte" {
	start_server
	local text
	text=$'{ "b" : 1.0e5,\t"a":12345678901234567890,\r\n  "a":-0,'
	text+=$'"\\u0041\\/":"\\ud83d\\ude00 \\ud800\\u0000" , "é":[ ]\n}'
	send_bytes '  \r\n%s\n%s ' "$text" 7
	expect_messages 2 0
	printf '%s' "$text" >"$BATS_TEST_TMPDIR/sent"
	run -0 cmp "$BATS_TEST_TMPDIR/sent" <(get /messages/1/raw)
	assert_equal "$(get /messages/latest/raw)" 7
	run -0 get /messages/1
	assert_output --partial ",\"size_bytes\":$(wc -c <"$BATS_TEST_TMPDIR/sent"),\"data\":$text}"
	run -0 get /messages
	assert_output --partial "\"data\":$text}],\"next_before\":null}"
	stop_server
}

@test "format=ndjson has one line a message, where CR and LF become spaces" {
	start_server
	send_bytes '{"a":\r\n  1.0e5,\n"a" :[]}\n["x\\n"\n]'
	expect_messages 2 0
	run -0 get '/messages?format=ndjson&order=asc'
	assert_equal "${#lines[@]}" 2
	assert_line --index 0 --partial ',"data":{"a":    1.0e5, "a" :[]}}'
	assert_line --index 1 --partial ',"data":["x\n" ]}'
	assert_equal "$(get '/messages?format=ndjson&limit=1' | jq .id)" 2
	stop_server
}

@test "format=ndjson without a limit streams everything" {
	start_server --recent 5000
	seq -f '{"i":%g}' 5000 >"$BATS_TEST_TMPDIR/sent"
	send_bytes <"$BATS_TEST_TMPDIR/sent"
	expect_messages 5000 0
	run -0 diff <(seq 5000 -1 1) <(get '/messages?format=ndjson' | jq .id)
	run -0 diff "$BATS_TEST_TMPDIR/sent" <(get '/messages?format=ndjson&order=asc' | jq -c .data)
	assert_equal "$(get '/messages?format=ndjson&limit=1000' | wc -l)" 1000
	assert_equal "$(get '/messages?format=ndjson&after=10&before=4000&.i=17' | jq -c .data)" '{"i":17}'
	stop_server
}

@test "format=ndjson has no pages: it goes on to its limit" {
	start_server --recent 100
	python3 -c 'print(("\"" + "x" * 1000000 + "\"\n") * 12)' | send_bytes
	expect_messages 12 0
	assert_equal "$(get '/messages?format=ndjson&limit=11' | jq .id)" "$(seq 12 -1 2)"
	assert_equal "$(get '/messages?format=ndjson&limit=11&order=asc' | jq .id)" "$(seq 11)"
	assert_equal "$(get '/messages?format=ndjson&limit=100&after=1&before=12' | jq .id)" "$(seq 11 -1 2)"
	assert_equal "$(get '/messages?format=ndjson&limit=5&q=nothing')" ''
	stop_server
}

@test "without messages there is no latest one" {
	start_server
	expect_problem 404 /messages/latest
	expect_problem 404 /messages/latest/raw
	assert_equal "$(get /messages)" '{"messages":[],"next_before":null}'
	assert_equal "$(get '/messages?format=ndjson')" ''
	expect_messages 0 0
	stop_server
}

@test "--recent: no older messages are shown, though they came in one batch" {
	start_server --recent 10
	seq 1000 >"$BATS_TEST_TMPDIR/sent"
	send_bytes <"$BATS_TEST_TMPDIR/sent"
	expect_messages 1000 0
	assert_equal "$(ids limit=1000)" "$(seq -s ' ' 1000 -1 991)"
	assert_equal "$(get '/messages?format=ndjson&order=asc' | jq .data)" "$(seq 991 1000)"
	assert_equal "$(get /messages/991/raw) $(code /messages/990) $(code /messages/1/raw)" '991 404 404'
	expect_idle
	stop_server
}

@test "--recent: messages leave one by one" {
	start_server --recent 3
	local i
	for i in {1..5}; do
		send_line "$i"
		expect_messages "$i" 0
	done
	assert_equal "$(ids '')" '5 4 3'
	assert_equal "$(page_through 'limit=2&order=asc') $(ids before=3)" $'3\n4\n5 '
	assert_equal "$(code /messages/3) $(code /messages/2)" '200 404'
	stop_server
}

@test "what is shown takes at most 16 MiB, and the newest is there" {
	start_server --recent 100000
	python3 -c 'for i in range(64): print("\"%02d%s\"" % (i, "x" * 1048572))' | send_bytes
	expect_messages 64 0
	get '/messages?format=ndjson' | cut -d , -f 1 >"$BATS_TEST_TMPDIR/shown"
	run -0 head -n 1 "$BATS_TEST_TMPDIR/shown"
	assert_output '{"id":64'
	assert [ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -lt 17 ]
	assert [ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -gt 13 ]
	stop_server
}

@test "a page is short rather than large, and goes on without a seam" {
	start_server --recent 100
	python3 -c 'print(("\"" + "x" * 1000000 + "\"\n") * 12)' | send_bytes
	expect_messages 12 0
	assert_equal "$(get '/messages?limit=12' | jq '.messages | length')" 9
	assert_equal "$(page_through limit=12)" "$(seq 12 -1 1)"
	assert_equal "$(page_through 'limit=12&order=asc')" "$(seq 1 12)"
	stop_server
}

@test "/stats has every field, of its type, and no other" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	send_line 1
	expect_messages 1 0
	get /stats | jq -r 'paths(scalars) as $p | "\($p | join(".")) \(getpath($p) | type)"' \
		>"$BATS_TEST_TMPDIR/fields"
	local name
	for name in name version instance state start_time now mode store.{path,state}; do
		echo "$name string"
	done >"$BATS_TEST_TMPDIR/wanted"
	for name in uptime_seconds connections.{current,peak,limit,accepted_total} \
		connections.closed_total.{eof,reset,idle,message_timeout,write_timeout,max_errors} \
		connections.closed_total.{bad_hello,wrong_protocol,max_connections,session_taken} \
		connections.closed_total.{store_unavailable,no_memory,draining} \
		messages.{received_total,stored_total,queued} messages.rate_per_second.{1,10,60}s \
		messages.rejected_total.{syntax,utf8,too_large,too_deep,incomplete,bad_frame} \
		store.{messages,size_bytes,oldest_id,newest_id,evicted_total} \
		store.commit_seconds.{p50,p99,max} bytes.{received,sent}_total http.{requests_total,event_readers} \
		process.{rss_bytes,threads,open_fds,cpu_seconds}; do
		echo "$name number"
	done >>"$BATS_TEST_TMPDIR/wanted"
	run -0 diff <(sort "$BATS_TEST_TMPDIR/wanted") <(sort "$BATS_TEST_TMPDIR/fields")
	stop_server
}

@test "/stats says what the store holds, also after a restart" {
	local file=$BATS_TEST_TMPDIR/bio.db instance
	start_server --store "$file"
	assert_equal "$(counter 'store | [.messages, .oldest_id, .newest_id] | tostring')" '[0,null,null]'
	send_bytes '1 2 3'
	expect_messages 3 0
	expect_counter 'store | [.path, .state, .messages, .oldest_id, .newest_id, .evicted_total] | tostring' \
		"[\"$file\",\"ok\",3,1,3,0]"
	assert_equal "$(counter 'store.commit_seconds | 0 < .p50 and .p50 <= .p99 and .p99 <= .max')" true
	assert [ "$(counter store.size_bytes)" -gt 0 ]
	instance=$(counter instance)
	stop_server
	start_server --store "$file"
	assert_equal "$(counter instance)" "$instance"
	assert_equal "$(counter 'store | [.messages, .oldest_id, .newest_id] | tostring')" '[3,1,3]'
	expect_messages 0 0
	stop_server
}

@test "/stats is JSON whatever the store's file is called" {
	start_server --store "$BATS_TEST_TMPDIR/"$'\xff\xfe"\\\n\xc3\xa9.db'
	get /stats >"$BATS_TEST_TMPDIR/stats"
	run -0 iconv --from-code UTF-8 --to-code UTF-8 "$BATS_TEST_TMPDIR/stats"
	assert_equal "$(jq -r .store.path "$BATS_TEST_TMPDIR/stats")" \
		"$BATS_TEST_TMPDIR/"$'\xef\xbf\xbd\xef\xbf\xbd"\\\n\xc3\xa9.db'
	expect_messages 0 0
	stop_server
}

@test "/stats counts what has left the store" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db" --retain-messages 2
	local i
	for i in {1..5}; do
		send_line "$i"
		expect_messages "$i" 0
	done
	expect_counter store.evicted_total 3
	assert_equal "$(counter 'store | [.messages, .oldest_id, .newest_id] | tostring')" '[2,4,5]'
	stop_server
}

@test "without a store /stats has null for it, and /readyz is ready" {
	start_server --store none
	send_line 1
	expect_messages 1 0
	expect_counter '|[has("store"), .store] | tostring' '[true,null]'
	expect_counter messages.queued 0
	assert_equal "$(get '/readyz?verbose' | jq -c .checks)" '{"running":"ok","accepting":"ok","store":"ok"}'
	stop_server
}

# store_fails: what the status side says while the store cannot write.
store_fails() {
	[[ $(code /readyz) == 503 ]]
}

store_works() {
	[[ $(code /readyz) == 200 ]]
}

@test "/readyz says 503 while the store cannot write, and what was queued is not lost" {
	local file=$BATS_TEST_TMPDIR/bio.db
	start_server --store "$file"
	send_line 1
	expect_messages 1 0
	mv "$file" "$file.away"
	send_line 2
	wait_until 20 store_fails
	expect_problem 503 /readyz
	assert_equal "$(get /readyz | jq -c '[.detail, has("checks")]')" \
		"[\"the store cannot write; the server's log says why\",false]"
	expect_problem 503 '/readyz?verbose'
	assert_equal "$(get '/readyz?verbose' | jq -c .checks)" '{"running":"ok","accepting":"ok","store":"failing"}'
	assert_equal "$(get '/readyz?verbose' --head | grep -ci '^Retry-After: 1')" 1
	assert_equal "$(counter 'messages | [.received_total, .stored_total, .queued] | tostring')" '[2,1,1]'
	expect_counter store.state failing
	assert_equal "$(code /livez) $(newest 9)" '200 1'
	mv "$file.away" "$file"
	wait_until 20 store_works
	expect_counter store.state ok
	expect_messages 2 0
	assert_equal "$(newest 9)" $'1\n2'
	stop_server
	run -0 server_log
	assert_output --partial "the store fails, and tries again: $file was moved or deleted"
	assert_output --partial "the store works again: $file"
}

@test "/stats says who and how it is" {
	start_server --mode serial --max-connections 77
	run -0 get /stats
	assert_equal "$(jq -c '[.name, .state, .mode, .connections.limit]' <<<"$output")" \
		'["bio","running","serial",77]'
	assert_regex "$(jq -r .instance <<<"$output")" \
		'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
	assert_equal "$(jq '.start_time <= .now and .uptime_seconds > 0' <<<"$output")" true
	assert_equal "$(jq '.process | .rss_bytes > 1000000 and .threads > 2 and .open_fds > 4' <<<"$output")" true
	assert_equal "bio-server $(jq -r .version <<<"$output")" "$("$BUILD/bio-server" --version)"
	expect_messages 0 0
	stop_server
}

@test "/stats counts bytes, requests, peaks and rates" {
	start_server
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	send_line '{"i":1}'
	printf '[]' >&"$first"
	expect_counter bytes.received_total 10
	exec {first}>&-
	expect_messages 2 0
	expect_idle
	expect_counter connections.peak 2
	expect_counter bytes.sent_total 0
	expect_counter 'messages.rate_per_second | .["60s"] > 0' true
	assert_equal "$(($(counter http.requests_total) + 1))" "$(counter http.requests_total)"
	stop_server
}

@test "/livez and /readyz say 200" {
	start_server
	assert_equal "$(get /livez)" '{"status":"alive"}'
	assert_equal "$(get /readyz)" '{"status":"ready"}'
	run -0 get '/readyz?verbose'
	assert_equal "$(jq -c . <<<"$output")" '{"status":"ready","checks":{"running":"ok","accepting":"ok","store":"ok"}}'
	expect_messages 0 0
	stop_server
}

@test "a request that is too large gets an error and harms nobody" {
	start_server
	local long
	long=$(printf '%0100000d' 0)
	run -0 code /stats --header "X-Long: $long"
	assert_output --regexp '^4[0-9][0-9]$'
	run -0 code "/messages?q=$long"
	assert_output --regexp '^4[0-9][0-9]$'
	send_line "{\"long\":$(printf '1%080000d' 0)}"
	expect_messages 1 0
	stop_server
}

@test "what is no HTTP on the status port harms nobody" {
	start_server
	HTTP_PORT=${HTTP##*:}
	for junk in '{"i":1}\n' '\x16\x03\x01\0\5hello' 'GET\r\n\r\n' 'GET /stats HTTP/9.9\r\n\r\n' '\0\0\0'; do
		# shellcheck disable=SC2059 # the format is the point
		printf "$junk" >"/dev/tcp/127.0.0.1/$HTTP_PORT"
	done
	assert_equal "$(code /livez)" 200
	expect_messages 0 0
	expect_counter connections.accepted_total 0
	stop_server
}

@test "readers during a flood get whole answers" {
	start_server
	start flood "$BUILD/bench/load" flood --to "$BIO" --connections 2 --seconds 300
	local flood=$STARTED page
	wait_until 20 counter_is_above messages.stored_total 1000
	run -0 curl --silent --show-error --fail --max-time 60 --parallel --parallel-immediate \
		--parallel-max 20 --output "$BATS_TEST_TMPDIR/page#1" \
		"http://$HTTP/messages?limit=1000&after=[1-19]" --output "$BATS_TEST_TMPDIR/page0" "http://$HTTP/stats"
	for page in "$BATS_TEST_TMPDIR"/page*; do
		run -0 jq --exit-status '(.messages | length > 0) or .state == "running"' "$page"
	done
	kill "$flood"
	expect_exit "$flood" 143
	expect_idle
	expect_counter '|.messages.received_total == .messages.stored_total' true
	stop_server
}

@test "readers that do not read are bounded: the next is told to come again" {
	start_server --memory 128MiB
	for _ in {1..9}; do
		send_bytes '"%01000000d"' 0
	done
	expect_messages 9 0
	python - <<-'END'
		import os, socket, urllib.request
		from words import *
		host = os.environ["HTTP"]
		socks = [socket.create_connection(address("HTTP"), PATIENCE_SECONDS) for _ in range(90)]
		for sock in socks:
		    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		    sock.sendall(b"GET /messages?limit=9 HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
		busy = [sock for sock in socks if sock.recv(20).startswith(b"HTTP/1.1 503")]
		# 64 MiB, and each page has nine megabytes.
		assert 0 < len(busy) <= 90 - 8, len(busy)
		assert b"\r\nRetry-After: 1\r\n" in busy[0].recv(4096)
		# What is small is answered all the same.
		for path in ("/connections?state=all", "/rejected", "/stats", "/metrics", "/readyz"):
		    urllib.request.urlopen("http://" + host + path, timeout=PATIENCE_SECONDS).close()
	END
	wait_until 20 get '/messages?limit=9' --fail --output /dev/null
	expect_messages 9 0
	stop_server
}
