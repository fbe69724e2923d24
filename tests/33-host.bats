#!/usr/bin/env bats
# Which names the status side answers to, and whose pages may read it.

load helpers/bio

# said BYTES: what the status side answers to them, headers and body, without CR.
said() {
	local status_side
	exec {status_side}<>"/dev/tcp/${HTTP%:*}/${HTTP##*:}"
	printf '%b' "$1" >&"$status_side"
	timeout 20 tr -d '\r' <&"$status_side"
	exec {status_side}>&-
}

# expect_status CODE BYTES: and a problem, unless all is well.
expect_status() {
	run -0 said "$2"
	assert_equal "$2 $(awk 'NR == 1 { print $2 }' <<<"$output")" "$2 $1"
	(($1 < 400)) || assert_line 'Content-Type: application/problem+json'
}

# expect_host CODE HOST
expect_host() {
	expect_status "$1" "GET /stats HTTP/1.1\r\nHost: $2\r\nConnection: close\r\n\r\n"
}

# header NAME METHOD PATH [CURL OPTION...]: its value.
header() {
	get "$3" --request "$2" --output /dev/null --dump-header - "${@:4}" |
		awk -v name="$1:" 'tolower($1) == tolower(name) { sub(/^[^ ]* /, ""); sub(/\r$/, ""); print }'
}

@test "an address, localhost and a name without a dot are answered" {
	start_server
	local host
	for host in "$HTTP" 127.0.0.1 localhost localhost:1 LOCALHOST. '[::1]:8889' '[2001:db8::1]' \
		192.0.2.7:80 server:8889 bio_server_1 '  localhost \t'; do
		expect_host 200 "$host"
	done
	expect_idle
	stop_server
}

@test "a name that may be a stranger's is a 421, on every path and for every method" {
	start_server
	local host path method
	for host in rebound.example bio.example.org:8889 127.0.0.1.example. localhost.example; do
		expect_host 421 "$host"
		assert_output --partial --http-host
		refute_output --partial connections
	done
	for path in / /messages /messages/latest/raw /livez /readyz /nowhere '/stats?x=1'; do
		for method in GET POST OPTIONS; do
			expect_status 421 "$method $path HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"
		done
	done
	expect_status 421 'GET /stats HTTP/1.0\r\nHost: rebound.example\r\n\r\n'
	expect_messages 0 0
	stop_server
}

@test "--http-host adds names, as often as it is given" {
	start_server --http-host bio.example.org,other.example --http-host third.example.
	local host
	for host in bio.example.org BIO.example.org:443 bio.example.org. other.example third.example; do
		expect_host 200 "$host"
	done
	for host in example.org a.bio.example.org fourth.example; do
		expect_host 421 "$host"
	done
	stop_server
	BIO_HTTP_HOST=a.example,b.example start_server
	expect_host 200 b.example
	expect_host 421 bio.example.org
	stop_server
}

@test "no Host, several and what is none are a 400" {
	start_server
	local host
	expect_status 400 'GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n'
	expect_status 400 'GET /stats HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n'
	expect_status 400 'GET /stats HTTP/1.0\r\nHost: localhost\r\nhost: rebound.example\r\n\r\n'
	expect_status 400 'POST /stats HTTP/1.1\r\nhost: a\r\nHOST: b\r\nConnection: close\r\n\r\n'
	for host in '' . :80 localhost:x 'a b' a,b ::1 '[::1' '[127.0.0.1]' user@localhost a/b 'b\xfc' \
		"localhost$(printf '%02000d' 0)"; do
		expect_host 400 "$host"
	done
	expect_messages 0 0
	stop_server
}

@test "HTTP/1.0 needs no Host" {
	start_server
	expect_status 200 'GET /livez HTTP/1.0\r\n\r\n'
	run -0 get /stats --fail --http1.0 --header Host:
	expect_messages 0 0
	stop_server
}

@test "--http-host and --http-cors take no nonsense" {
	local option
	for option in http-host=a:80 http-host='*' http-host=http://a.example http-cors=example.org \
		http-cors=https://a.example/ http-cors=null http-cors=https://a.example:443 http-cors=http://a.example:80; do
		run -2 "$BUILD/bio-server" "--$option"
		assert_output --partial "--${option%%=*} '${option#*=}': expected "
	done
}

@test "a field of the head is what stands on its lines, without white space at its ends" {
	start_server
	local field
	for field in Origin Last-Event-ID If-None-Match; do
		expect_status 400 "GET /livez HTTP/1.1\r\nHost: a\r\n$field: $(printf '%02000d' 0)\r\nConnection: close\r\n\r\n"
	done
	for field in 'If-None-Match: \t* \t' "If-None-Match: \"x\"\r\nif-none-match:  $(header ETag GET /page.js) "; do
		expect_status 304 "GET /page.js HTTP/1.1\r\nHost: a\r\n$field\r\nConnection: close\r\n\r\n"
	done
	python - <<-'END'
		import socket, words
		for lines, status in ((b"Last-Event-ID: \t5 \t", b"200"), (b"Last-Event-ID: 5\r\nlast-event-id: 5", b"400")):
		    with socket.create_connection(words.address("HTTP"), words.PATIENCE_SECONDS) as sock:
		        sock.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n" % lines)
		        words.check(b"HTTP/1.1 " + status, sock.recv(12, socket.MSG_WAITALL))
	END
	stop_server
}

@test "what is no percent-encoding of UTF-8 is a 400" {
	start_server
	local target
	for target in '/messages?q=%' '/messages?q=%4' '/messages?q=%zz' '/messages?q=%4g' '/messages?q=%ff' '/messages?q=%c3' \
		'/messages?q=%c3%28' '/messages?q=%ed%a0%80' '/messages?q=\xff' '/messages?.a%zz=1' '/messages?.%ff=1' \
		'/stats?%' /stats%zz /%ff /messages/latest%; do
		expect_status 400 "GET $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	done
	for target in '/messages?q=%25' '/messages?q=%C3%a9' '/messages?q=\xc3\xa9' '/messages?.%2541=%20' /l%69vez; do
		expect_status 200 "GET $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	done
	expect_messages 0 0
	stop_server
}

@test "a NUL in the path is a 400, and the next request on the connection is none the worse" {
	start_server
	local path
	for path in /stats%00 /stats%00x /%00 /messages/latest%00/raw '/messages%00?limit=1'; do
		expect_status 400 "GET $path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	done
	run -0 said 'GET /livez%00 HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
	assert_equal "$(grep '^HTTP' <<<"$output")" $'HTTP/1.1 400 Bad Request\nHTTP/1.1 200 OK'
	expect_status 404 'GET /stats%2500 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
	expect_status 400 'GET /messages?q=%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
	stop_server
}

@test "without --http-cors no page of another origin may read, nor ask whether it may" {
	start_server
	local method
	for method in GET HEAD OPTIONS; do
		run -0 get /stats --request "$method" --head --header 'Origin: https://a.example' \
			--header 'Access-Control-Request-Method: GET'
		refute_output --regexp 'Access-Control|Vary'
	done
	assert_line --index 0 $'HTTP/1.1 405 Method Not Allowed\r'
	stop_server
}

@test "--http-cors: pages of this origin may read all, also what is refused" {
	start_server --http-cors https://a.example,http://localhost:3000
	local path origin
	for path in /stats /livez /messages '/messages?format=ndjson' /nowhere '/messages?x=1' /messages/1; do
		for origin in https://a.example http://localhost:3000; do
			assert_equal "$path $(header Access-Control-Allow-Origin GET "$path" --header "Origin: $origin")" \
				"$path $origin"
		done
		assert_equal "$(header Access-Control-Allow-Origin GET "$path" --header 'Origin: https://b.example')" ''
		assert_equal "$(header Access-Control-Allow-Origin GET "$path")" ''
		assert_equal "$(header Vary GET "$path") $(header Vary GET "$path" --header "Origin: $origin")" 'Origin Origin'
	done
	assert_equal "$(get /page.js --header 'If-None-Match: *' --header "Origin: $origin" --head |
		tr -d '\r' | grep -cE "^(HTTP/1.1 304 |Access-Control-Allow-Origin: $origin\$|Vary: Origin\$)")" 3
	assert_equal "$(header Access-Control-Allow-Origin POST /stats --header "Origin: $origin")" "$origin"
	assert_equal "$(header Access-Control-Allow-Origin GET /stats --header 'Host: a.b' --header "Origin: $origin")" "$origin"
	stop_server
}

@test "--http-cors: a preflight of this origin is answered, another OPTIONS is not" {
	start_server --http-cors https://a.example
	local asks=(--header 'Access-Control-Request-Method: GET' --header 'Access-Control-Request-Headers: last-event-id')
	run -0 get /events --request OPTIONS --include --header 'Origin: https://a.example' "${asks[@]}"
	assert_line --index 0 $'HTTP/1.1 204 No Content\r'
	assert_line $'Access-Control-Allow-Origin: https://a.example\r'
	assert_line $'Access-Control-Allow-Methods: GET, HEAD\r'
	assert_line $'Access-Control-Allow-Headers: Last-Event-ID\r'
	assert_line $'Access-Control-Max-Age: 3600\r'
	assert_line $'Vary: Origin\r'
	refute_line --regexp '^(Content-Type|Transfer-Encoding):'
	assert_equal "$(get /stats --request OPTIONS --header 'Origin: https://a.example' --write-out '%{http_code}' --output /dev/null)" 405
	assert_equal "$(get /stats --request OPTIONS "${asks[@]}" --write-out '%{http_code}' --output /dev/null)" 405
	assert_equal "$(get /stats --request OPTIONS --header 'Origin: https://b.example' "${asks[@]}" \
		--write-out '%{http_code}' --output /dev/null)" 405
	stop_server
}

@test "--http-cors '*': everybody's pages may read" {
	start_server --http-cors '*'
	assert_equal "$(header Access-Control-Allow-Origin GET /stats --header 'Origin: https://b.example')" '*'
	assert_equal "$(header Access-Control-Allow-Origin GET /nowhere)" '*'
	assert_equal "$(header Vary GET /stats)" ''
	assert_equal "$(header Access-Control-Allow-Methods OPTIONS /stats --header 'Origin: null' \
		--header 'Access-Control-Request-Method: GET')" 'GET, HEAD'
	stop_server
}
