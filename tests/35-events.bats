#!/usr/bin/env bats
# /events: what readers see live, how they go on, what they miss, and how many there are.

load helpers/bio
load helpers/store

# events: a Python program with the reader of helpers/events.py and the other words.
events() {
	{
		echo 'from events import *; from words import *'
		cat
	} | python -
}

# start_readers COUNT: readers of /events, from now on, that check every id.
start_readers() {
	READERS_INPUT=$(mktemp -u -p "$BATS_TEST_TMPDIR")
	mkfifo "$READERS_INPUT"
	# shellcheck disable=SC2016 # words of the inner shell
	start readers bash -c 'exec "${@:2}" <>"$1"' _ "$READERS_INPUT" \
		"$BUILD/bench/events" --from "$HTTP" --readers "$1"
	READERS=$STARTED
	wait_until 30 readers_are_ready_or_dead
	run -0 grep ready "$BATS_TEST_TMPDIR/readers.out"
}

readers_are_ready_or_dead() {
	grep -q ready "$BATS_TEST_TMPDIR/readers.out" || process_has_ended "$READERS"
}

# end_readers: when they have come to the newest message.
end_readers() {
	echo end 1<>"$READERS_INPUT"
	expect_exit "$READERS" 0
}

# readers_had EXPRESSION: of what all of them together had.
readers_had() {
	tail -n 1 "$BATS_TEST_TMPDIR/readers.out" | jq -c "$1"
}

@test "the stream begins with a hello and behind the newest message" {
	start_server
	events <<-'END'
		with Events() as first:
		    check({"instance": counter("instance"), "newest_id": None}, first.hello)
		    send(b'1 2 3 ')
		    first.read_to(3)
		    with Events() as second:
		        check({"instance": counter("instance"), "newest_id": 3}, second.hello)
		        send(b'{"i": 4}')
		        check([4], second.read_to(4).ids())
		    check([1, 2, 3, 4], first.read_to(4).ids())
	END
	expect_messages 4 0
	expect_counter http.event_readers 0
	stop_server
}

@test "an event has the object of /messages, on one line" {
	start_server
	start reader curl --no-buffer --silent "http://$HTTP/events"
	expect_counter http.event_readers 1
	send_bytes '{"a":\r\n 1}\n"x\\ny"\n'
	expect_messages 2 0
	wait_until 20 grep -q '^id: 2$' "$BATS_TEST_TMPDIR/reader.out"
	wait_until 20 grep -q '"id":2,' "$BATS_TEST_TMPDIR/reader.out"
	run -0 grep -A 2 '^id: [12]$' "$BATS_TEST_TMPDIR/reader.out"
	assert_equal "${lines[1]}" "data: $(get /messages/1 | tr '\r\n' '  ' | sed 's/ $//')"
	assert_equal "${lines[4]:-${lines[3]}}" "data: $(get /messages/2)"
	stop_server
}

@test "stats come each second, with or without messages, as /stats has them" {
	start_server
	events <<-'END'
		with Events() as reader:
		    while len(reader.stats) < 3:
		        reader.read()
		    check(stats().keys(), reader.stats[0].keys())
		    check(1, reader.stats[0]["http"]["event_readers"])
		    uptimes = [event["uptime_seconds"] for event in reader.stats]
		    assert 0.5 < uptimes[2] - uptimes[1] < 5, uptimes
		    send(b'1')
		    while reader.stats[-1]["messages"]["stored_total"] < 1:
		        reader.read()
	END
	expect_messages 1 0
	stop_server
}

@test "a reader goes on behind an id, by parameter or header field, and the field wins" {
	start_kept
	events <<-'END'
		send(b'1 2 3 4 5 ')
		wait_for_counter("messages.stored_total", 5)
		check([3, 4, 5], Events("/events?after=2").read_to(5).ids())
		check([2, 3, 4, 5], Events(Last_Event_ID="1").read_to(5).ids())
		check([5], Events("/events?after=1", Last_Event_ID="4").read_to(5).ids())
		check([1, 2, 3, 4, 5], Events("/events?after=0").read_to(5).ids())
		with Events("/events?after=5") as reader:
		    send(b'6')
		    check([6], reader.read_to(6).ids())
	END
	expect_messages 6 0
	stop_server
}

@test "a bad, repeated or unknown parameter is a 400, and so is a bad Last-Event-ID" {
	start_server
	local query
	for query in after= after=x after=-1 after=1.5 after=99999999999999999999 'after=1&after=1' \
		'after=%00' limit=5 x; do
		run -0 get "/events?$query" --write-out ' %{http_code} %{content_type}'
		assert_output --partial ' 400 application/problem+json'
	done
	run -0 get '/events?after=1' --header 'Last-Event-ID: x' --write-out ' %{http_code}'
	assert_output --partial ' 400'
	expect_counter http.event_readers 0
	stop_server
}

@test "HEAD and every other method but GET are refused" {
	start_server
	run -0 get /events --head
	assert_line --index 0 $'HTTP/1.1 405 Method Not Allowed\r'
	assert_line $'Allow: GET\r'
	run -0 get /events --request POST --data 1 --include
	assert_line --index 0 $'HTTP/1.1 405 Method Not Allowed\r'
	assert_line $'Allow: GET\r'
	expect_counter http.event_readers 0
	stop_server
}

@test "what retention has let leave is one exact gap, from memory and from the file" {
	local recent
	for recent in 1 1000; do
		start_server --store "$BATS_TEST_TMPDIR/$recent.db" --retain-messages 10 --recent "$recent"
		events <<-'END'
			for i in range(6):
			    send(b'1 2 3 4 5 ')
			    wait_for_counter("messages.stored_total", 5 * (i + 1))
			wait_for_counter("store.oldest_id", 21)
			with Events("/events?after=7") as reader:
			    check([*range(21, 31)], reader.read_to(30).ids())
			    check([(8, 20)], reader.gaps)
		END
		expect_messages 30 0
		stop_server
	done
	start_server --recent 10
	events <<-'END'
		send(b'1 ' * 25)
		wait_for_counter("messages.stored_total", 25)
		with Events("/events?after=7") as reader:
		    check([*range(16, 26)], reader.read_to(25).ids())
		    check([(8, 15)], reader.gaps)
	END
	stop_server
}

@test "an id above the newest is a reset, and the messages from there on follow" {
	start_server
	events <<-'END'
		with Events("/events?after=1") as reader:
		    send(b'1')
		    check([1], reader.read_to(1).ids())
		    check([{"newest_id": None}], reader.resets)
		with Events(Last_Event_ID="9") as reader:
		    send(b'2')
		    check([2], reader.read_to(2).ids())
		    check([{"newest_id": 1}], reader.resets)
	END
	expect_messages 2 0
	stop_server
}

@test "a long history comes whole, through file and memory, and goes over into what is live" {
	make_store 700 50
	start_kept --recent 1000
	events <<-'END'
		with Events("/events?after=0") as reader:
		    reader.read_to(100)
		    send(*(b'{"n":%d}\n' % n for n in range(900)))
		    wait_for_counter("messages.stored_total", 900)
		    check([], reader.read_to(35900).gaps)
		    send(b'1')
		    check([], reader.read_to(35901).gaps)
		    check(35901, len(reader.messages))
	END
	expect_messages 901 0
	expect_counter store.messages 35901
	stop_server
}

@test "after a restart with the store a reader goes on where it was" {
	start_kept
	send_bytes '{"i":%d} ' 1 2 3 4 5
	expect_messages 5 0
	local instance
	instance=$(counter instance)
	restart_kept
	send_bytes '6 7 '
	expect_messages 2 0
	INSTANCE=$instance events <<-'END'
		with Events(Last_Event_ID="3") as reader:
		    check({"instance": os.environ["INSTANCE"], "newest_id": 7}, reader.hello)
		    check([4, 5, 6, 7], reader.read_to(7).ids())
		    check([], reader.gaps + reader.resets)
	END
	stop_server
}

@test "readers end in order with the server, which does not wait for them" {
	start_server
	start first curl --no-buffer --silent --show-error "http://$HTTP/events"
	local first=$STARTED
	expect_counter http.event_readers 1
	send_line 1
	expect_messages 1 0
	wait_until 20 grep -q '^id: 1$' "$BATS_TEST_TMPDIR/first.out"
	stop_server
	expect_exit "$first" 0
	run -0 grep -c '^id: 1$' "$BATS_TEST_TMPDIR/first.out"
}

@test "one reader too many is told to come again, and a place that is left is free" {
	start_server --max-event-readers 2
	events <<-'END'
		readers = [Events(), Events()]
		connection = http.client.HTTPConnection(*address("HTTP"))
		connection.request("GET", "/events")
		answer = connection.getresponse()
		check((503, "1"), (answer.status, answer.getheader("Retry-After")))
		check(503, json.loads(answer.read())["status"])
		check(2, counter("http.event_readers"))
		readers.pop().close()
		wait_for_counter("http.event_readers", 1)
		readers.append(Events())
		send(b'1')
		for reader in readers:
		    check([1], reader.read_to(1).ids())
	END
	stop_server
	start_server --max-event-readers 0
	assert_equal "$(get /events --output /dev/null --write-out '%{http_code}')" 503
	stop_server
}

@test "a thousand and more readers leave room for all others" {
	[[ $(ulimit -Hn) == unlimited || $(ulimit -Hn) -gt 5000 ]] || skip 'ulimit -Hn is too low'
	ulimit -n "$(ulimit -Hn)"
	start_server --max-event-readers 1000 --max-connections 100
	start_readers 1000
	expect_counter http.event_readers 1000
	send_bytes '1 2 3 '
	expect_messages 3 0
	end_readers
	assert_equal "$(readers_had '[.readers, .messages, .missing]')" '[1000,3000,0]'
	expect_counter http.event_readers 0
	stop_server
}

@test "64 readers of a flood: each id once or in a gap, for each of them" {
	local store total
	for store in none "$BATS_TEST_TMPDIR/bio.db"; do
		start_server --store "$store"
		start_readers 64
		run -0 "$BUILD/bench/load" flood --to "$BIO" --connections 2 --seconds 1
		total=$(jq .messages <<<"$output")
		expect_messages "$total" 0
		end_readers
		assert_equal "$(readers_had '.messages + .missing')" "$((64 * total))"
		assert_equal "$(readers_had '.least_messages > 0')" true
		expect_counter http.event_readers 0
		stop_server
	done
}

@test "a reader that does not read slows nobody and then gets one exact gap" {
	start_kept
	events <<-'END'
		line = b'"%s"\n' % (b"x" * 99990)
		with Events() as slow, Events() as quick:
		    # More than the sockets between us and the ring of pulses take together.
		    for sent in range(10, 401, 10):
		        send(line * 10)
		        quick.read_to(sent)
		    check((400, []), (len(quick.messages), quick.gaps))
		    slow.read_to(400)
		    (first, last), = slow.gaps
		    check(400, len(slow.messages) + last - first + 1)
	END
	expect_messages 400 0
	expect_counter http.event_readers 0
	stop_server
}

@test "readers may come and go while messages come, and none is missed" {
	start_kept
	start flood "$BUILD/bench/load" each --to "$BIO" --connections 1 --seconds 3
	local flood=$STARTED
	events <<-'END'
		after = 0
		for turn in range(40):
		    with Events(Last_Event_ID=str(after)) as reader:
		        for _ in range(50 * turn):
		            # Slow senders may be through before.
		            if reader.stats and reader.stats[-1]["messages"]["stored_total"] <= reader.id:
		                break
		            reader.read()
		        after = reader.id
	END
	expect_exit "$flood" 0
	expect_counter http.event_readers 0
	expect_kept
	stop_server
}
