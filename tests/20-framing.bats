#!/usr/bin/env bats
# Bytes to messages over TCP: how first bytes decide, what harms only itself, what ends a
# connection. One case each; the unit tests have every cut and corner.

load helpers/bio

# expect_latest FILE: the newest message is the file, byte for byte.
expect_latest() {
	get /messages/latest/raw >"$BATS_TEST_TMPDIR/latest"
	cmp "$1" "$BATS_TEST_TMPDIR/latest"
}

# framings: how each message was framed, oldest first.
framings() {
	get '/messages?order=asc' | jq -r '[.messages[].framing] | join(" ")'
}

@test "the classic client: connect, send one object once, close" {
	start_server
	python3 - "${BIO%:*}" "${BIO##*:}" "$BATS_TEST_TMPDIR/sent" <<-'END'
		import datetime, json, socket, sys
		sock = socket.socket()
		sock.connect((sys.argv[1], int(sys.argv[2])))
		data = {'send_user': 'Lyon',
		        'send_time': datetime.datetime.now().strftime('%Y-%m-%d %H:%M:%S'),
		        'send_msg': 'BIO test...'}
		sock.send(json.dumps(data).encode('utf-8'))
		sock.close()
		open(sys.argv[3], 'wb').write(json.dumps(data).encode('utf-8'))
	END
	expect_messages 1 0
	expect_idle
	expect_latest "$BATS_TEST_TMPDIR/sent"
	stop_server
}

@test "the classic client with a message just under --max-message" {
	start_server
	python3 - "${BIO%:*}" "${BIO##*:}" "$BATS_TEST_TMPDIR/sent" <<-'END'
		import json, socket, sys
		sock = socket.socket()
		sock.connect((sys.argv[1], int(sys.argv[2])))
		data = {'send_user': 'Lyon', 'send_time': '2026-01-01 00:00:00', 'send_msg': ''}
		data['send_msg'] = 'BIO test...é'.ljust(2**20 - 6 - len(json.dumps(data)), '.')
		text = json.dumps(data).encode('utf-8')
		sock.sendall(text)
		sock.close()
		open(sys.argv[3], 'wb').write(text)
	END
	assert_equal "$(wc -c <"$BATS_TEST_TMPDIR/sent")" 1048575
	expect_messages 1 0
	expect_idle
	expect_latest "$BATS_TEST_TMPDIR/sent"
	stop_server
}

@test "a bad message harms only itself, not its neighbours in the segment" {
	start_server --print
	send_bytes '{"i":1}\njunk\n{"i":2}\n{"i":3}\n'
	expect_messages 3 1
	expect_counter messages.rejected_total.syntax 1
	assert_equal "$(newest 3)" $'{"i":1}\n{"i":2}\n{"i":3}'
	run -0 server_output
	assert_output --partial ' # rejected syntax at offset 0: expected a value'
	expect_idle
	stop_server
}

@test "the next message is looked for from the offending byte on" {
	start_server --print
	send_bytes '{"i":}\n{"i":2}\n{"i":"\xff"}\n{"i":3} {"i":4}\n'
	expect_messages 3 2
	expect_counter messages.rejected_total.utf8 1
	run -0 server_output
	assert_output --partial ' # rejected syntax at offset 5: expected a value'
	assert_output --partial ' # rejected utf8 at offset 6: a character that is not valid UTF-8'
	expect_idle
	stop_server
}

@test "a number alone is a message when the input ends in order" {
	start_server
	send_bytes 42
	expect_messages 1 0
	assert_equal "$(get /messages/latest/raw)" 42
	expect_idle
	stop_server
}

@test "a number alone is incomplete when the connection breaks" {
	start_server
	python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b'42')
		wait_for_counter("bytes.received_total", 2)
		reset(sock)
	END
	expect_messages 0 1
	expect_counter messages.rejected_total.incomplete 1
	expect_counter connections.closed_total.reset 1
	stop_server
}

@test "texts may follow each other closely, in many lines, or behind NULs" {
	start_server
	send_bytes '{"a":1}{"b":2}[3]"four" 5 true\n{\n  "six": [\n    6\n  ]\n}\n7\0{"h":8}\0\0null\0'
	expect_messages 10 0
	assert_equal "$(get /messages/7/raw)" $'{\n  "six": [\n    6\n  ]\n}'
	assert_equal "$(newest 10 | tr '\n' ' ')" \
		'{"a":1} {"b":2} [3] "four" 5 true {"six":[6]} 7 {"h":8} null '
	expect_idle
	stop_server
}

@test "a byte order mark is skipped" {
	start_server
	send_bytes '\xef\xbb\xbf{"i":1}\n{"i":2}'
	expect_messages 2 0
	assert_equal "$(newest 2)" $'{"i":1}\n{"i":2}'
	expect_idle
	stop_server
}

@test "records behind RS: a number needs its white space, two values are one bad record" {
	start_server
	send_bytes '\x1e{"i":1}\n\x1e\x1e2\n\x1e{"i":\x1e[3] 3\n\x1e{"i":\n4}\n\x1e5'
	expect_messages 3 3
	expect_counter messages.rejected_total.syntax 2
	expect_counter messages.rejected_total.incomplete 1
	assert_equal "$(framings)" 'rs rs rs'
	assert_equal "$(get /messages/3/raw)" $'{"i":\n4}'
	expect_idle
	stop_server
}

@test "messages behind their lengths, with keep-alives between them" {
	start_server
	send_bytes '\0\0\0\7{"i":1}\0\0\0\0\0\0\0\0\0\0\0\11 {"i":2}\n\0\0\0\4{"i"\0\0\0\0013'
	expect_messages 3 1
	expect_counter messages.rejected_total.syntax 1
	assert_equal "$(framings)" 'length length length'
	assert_equal "$(newest 3)" $'{"i":1}\n{"i":2}\n3'
	expect_idle
	stop_server
}

@test "a length that no message can have ends the connection" {
	start_server
	run -0 talk < <(printf '\0\0\0\7{"i":1}\0\0\0\0\1\0\0\0\0\0\0\7{"i":2}')
	assert_equal "$(jq -c '.error | [.code, .offset]' <<<"$output")" '["bad_frame",15]'
	expect_messages 1 1
	expect_counter messages.rejected_total.bad_frame 1
	expect_counter connections.closed_total.wrong_protocol 1
	stop_server
}

@test "a connection ends for one reason, told and counted" {
	local code
	local -A counted=([bad_frame]=wrong_protocol [max_errors]=max_errors)
	start_server --max-errors 0
	run -0 talk < <(printf '\0\0\0\0\1\0\0\0')
	code=$(jq -r .error.code <<<"$output")
	expect_messages 0 1
	expect_counter "connections.closed_total.${counted[$code]}" 1
	expect_idle
	stop_server
}

@test "a character may be cut in two" {
	start_server
	exec {connection}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	printf '{"a":"\xc3' >&"$connection"
	expect_counter bytes.received_total 7
	printf '\xa9"}' >&"$connection"
	expect_messages 1 0
	exec {connection}>&-
	assert_equal "$(get /messages/latest/raw)" '{"a":"é"}'
	expect_idle
	stop_server
}

@test "messages come whole out of single bytes" {
	local texts=('{"send_user": "Lyon", "send_msg": "BIO test..."}' '{"a":{"a":1,"a":[ ]}, "b":{}}'
		'[-0, 1.50e+05, 12345678901234567890, -1E-2, 0.1]' '"\"\\\/\b\f\n\r\t\u00e9\ud800"'
		'["é€😀", "", [[[null]]], true,false ]' '-17' 'false')
	start_server
	python - "${texts[@]}" <<-'END'
		import sys
		from words import *
		for number, text in enumerate(sys.argv[1:], 1):
		    send(*(bytes([byte]) for byte in text.encode()))
		    wait_for_counter("messages.received_total", number)
	END
	expect_messages "${#texts[@]}" 0
	for i in "${!texts[@]}"; do
		assert_equal "$(get "/messages/$((i + 1))/raw")" "${texts[i]}"
	done
	expect_idle
	stop_server
}

@test "a message that is too large is skipped, and the connection goes on" {
	start_server --max-message 1k --message-timeout 1h
	send_bytes '{"i":1}\n{"a":"%01016d"}{"a":"%01017d"}{"a":"%04000000d"} {"i":2}\n' 0 0 0
	expect_messages 3 2
	expect_counter messages.rejected_total.too_large 2
	assert_equal "$(get '/messages?order=asc' | jq -c '[.messages[].size_bytes]')" '[7,1024,7]'
	expect_idle
	stop_server
}

@test "what is too large is skipped by its length, too" {
	start_server --max-message 16
	send_bytes '\0\0\0\7{"i":1}\0\17\102\100"%0999998d"\0\0\0\7{"i":2}' 0
	expect_messages 2 1
	expect_counter messages.rejected_total.too_large 1
	assert_equal "$(newest 2)" $'{"i":1}\n{"i":2}'
	expect_idle
	stop_server
}

@test "--max-depth: one level more is too deep" {
	start_server --max-depth 3
	send_bytes '[[{"a":1}]]\n[[[[1]]]]\n{"a":[[1]]}\n'
	expect_messages 2 1
	expect_counter messages.rejected_total.too_deep 1
	expect_idle
	stop_server
}

@test "--max-errors: so many bad messages in a row are borne" {
	start_server --max-errors 3
	run -0 talk <<<$'{]\n{]\n{]\n{"i":1}\n{]\n{]\n{]\n{"i":2}'
	assert_output ''
	expect_messages 2 6
	expect_counter connections.closed_total.eof 1
	expect_idle
	stop_server
}

@test "--max-errors: one more ends the connection, and what follows is not read" {
	start_server --max-errors 3
	run -0 talk <<<$'{"i":1}\n{]\n{]\n{]\n{]\n{"i":2}'
	assert_equal "$(jq -c '.error | [.code, .offset]' <<<"$output")" '["max_errors",18]'
	expect_messages 1 4
	expect_counter connections.closed_total.max_errors 1
	expect_idle
	stop_server
}

@test "a sender that is still busy can read why its connection ends" {
	start_server
	printf '\0\0\0\0\1%0600000d' 0 >"$BATS_TEST_TMPDIR/sent"
	run -0 talk <"$BATS_TEST_TMPDIR/sent"
	assert_equal "$(jq -r .error.code <<<"$output")" bad_frame
	expect_messages 0 1
	expect_idle
	stop_server
}

@test "an HTTP request is told where the status is, and its body is not read" {
	start_server
	run -0 talk < <(printf 'POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n{"i":1}\n')
	assert_line --index 0 $'HTTP/1.1 400 Bad Request\r'
	assert_output --partial "http://$HTTP/"
	run -0 curl --silent --output /dev/null --write-out '%{http_code}' "http://$BIO/"
	assert_output 400
	expect_messages 0 0
	expect_counter connections.closed_total.wrong_protocol 2
	stop_server
}

@test "an HTTP request is told the port of a status side that is on every address" {
	local every port
	for every in 0.0.0.0 '*'; do
		start_server --http-listen "$every:0"
		port=${HTTP##*:}
		HTTP=127.0.0.1:$port
		run -0 talk < <(printf 'GET / HTTP/1.1\r\n\r\n')
		assert_output --partial "The status pages are on port $port of this machine"
		expect_messages 0 0
		stop_server
	done
}

@test "a TLS client gets an alert that it understands" {
	start_server
	printf '\x16\x03\x01\0\x05\x01\0\0\x01\x03{"i":1}\n' | talk >"$BATS_TEST_TMPDIR/answer"
	run -0 od -An -tx1 "$BATS_TEST_TMPDIR/answer"
	assert_output ' 15 03 01 00 02 02 46'
	expect_messages 0 0
	expect_counter connections.closed_total.wrong_protocol 1
	stop_server
}

@test "a hello of another version is told which there are" {
	start_server
	run -0 talk <<<$'BIO/2 {"name":"pump-7"}\n{"i":1}'
	assert_equal "$(jq -c '[.ok, .code, .versions]' <<<"${output#BIO/1 }")" '[false,"unsupported_version",[1]]'
	expect_messages 0 0
	expect_counter connections.closed_total.wrong_protocol 1
	stop_server
}

@test "a beginning that does not decide is closed after --hello-timeout without a word" {
	start_server --hello-timeout 200ms
	run -0 python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b'BI')
		print(receive_all(sock))
	END
	assert_output "b''"
	expect_messages 0 1
	expect_idle
	stop_server
}

@test "a beginning that never decides is a stream with a bad message" {
	start_server
	run -0 talk < <(printf BI)
	assert_output ''
	expect_messages 0 1
	expect_counter messages.rejected_total.syntax 1
	expect_counter connections.closed_total.eof 1
	stop_server
}

@test "half a message and an orderly end: incomplete" {
	start_server --print
	send_bytes '{"i":1}\n{"half'
	expect_messages 1 1
	expect_counter messages.rejected_total.incomplete 1
	expect_counter connections.closed_total.eof 1
	run -0 server_output
	assert_output --partial ' # rejected incomplete at offset 6: '
	stop_server
}

@test "half a message and a broken connection: incomplete, and counted as reset" {
	start_server
	python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b'{"i":1}\n{"half')
		wait_for_counter("bytes.received_total", 14)
		reset(sock)
	END
	expect_messages 1 1
	expect_counter messages.rejected_total.incomplete 1
	expect_counter connections.closed_total.reset 1
	stop_server
}

@test "--message-timeout: half a message is waited for so long and no longer" {
	start_server --message-timeout 200ms
	run -0 python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b'{"i":1}\n{"half')
		print(receive_all(sock).decode())
	END
	assert_equal "$(jq -c '.error | [.code, .offset]' <<<"$output")" '["message_timeout",14]'
	expect_messages 1 1
	expect_counter messages.rejected_total.incomplete 1
	expect_counter connections.closed_total.message_timeout 1
	stop_server
}

@test "--message-timeout is one message's, however its bytes trickle" {
	start_server --message-timeout 300ms
	run -0 python - <<-'END'
		import select
		from words import *
		with connect() as sock:
		    sock.sendall(b'["')
		    for _ in range(1000):
		        if select.select([sock], [], [], 0.02)[0]:
		            print(receive_all(sock).decode())
		            break
		        sock.sendall(b'x')
	END
	assert_equal "$(jq -r .error.code <<<"$output")" message_timeout
	expect_messages 0 1
	expect_counter connections.closed_total.message_timeout 1
	stop_server
}

@test "--idle-timeout: a connection between messages is closed" {
	start_server --idle-timeout 200ms
	run -0 python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b'{"i":1}\n')
		print(receive_all(sock).decode())
	END
	assert_equal "$(jq -c '.error | [.code, .offset]' <<<"$output")" '["idle",8]'
	expect_messages 1 0
	expect_counter connections.closed_total.idle 1
	stop_server
}

@test "a byte order mark in two parts begins the message's time" {
	start_server --hello-timeout 2s
	python - <<-'END'
		from words import *
		sock = connect()
		sock.sendall(b"\xef\xbb")
		wait_for_counter("bytes.received_total", 2)
		sock.sendall(b"\xbf[1")
		wait_for_counter("bytes.received_total", 5)
		until = time.monotonic() + 2.5
		wait_for(lambda: time.monotonic() > until, "more than --hello-timeout")
		sock.sendall(b"]")
	END
	expect_messages 1 0
	expect_counter connections.closed_total.eof 1
	stop_server
}

@test "--max-connections: who is being refused takes nobody's place" {
	start_server --max-connections 1
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 1
	exec {refused}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.closed_total.max_connections 1
	exec {first}>&-
	expect_counter connections.current 0
	send_line '{"i":1}'
	expect_messages 1 0
	expect_counter connections.peak 1
	exec {refused}>&-
	expect_idle
	stop_server
}

@test "--max-connections: one too many is told so, and makes no harm" {
	start_server --max-connections 2
	exec {first}<>"/dev/tcp/${BIO%:*}/${BIO##*:}" {second}<>"/dev/tcp/${BIO%:*}/${BIO##*:}"
	expect_counter connections.current 2
	run -0 talk <<<'{"i":"third"}'
	assert_equal "$(jq -r .error.code <<<"$output")" max_connections
	printf '{"i":"first"}' >&"$first"
	exec {first}>&- {second}>&-
	expect_messages 1 0
	expect_counter connections.closed_total.max_connections 1
	expect_idle
	stop_server
}
