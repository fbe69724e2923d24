#!/usr/bin/env bats
# bats file_tags=docker
# The images and compose.yaml on a real engine: a project, images and ports of its own,
# all gone at the end.  Every case begins with the server and three clients connected.

load helpers/bio

setup_file() {
	export NO_DOCKER=''
	docker info >/dev/null 2>&1 || NO_DOCKER='docker info: no engine answers'
	docker compose version >/dev/null 2>&1 || NO_DOCKER='docker compose version: not there'
	if [[ -n $NO_DOCKER ]]; then
		[[ ${CI:-} == true ]] || return 0
		echo "$NO_DOCKER, and CI is true" >&2
		return 1
	fi
	export COMPOSE_PROJECT_NAME=bio-test-$$ BIO_IMAGE=bio-test:$$
	export BIO_PROMETHEUS_IMAGE=bio-test-prometheus:$$
	export COMPOSE_FILE=$BATS_TEST_DIRNAME/../compose.yaml
	export BIO_PORT=0 BIO_HTTP_PORT=0 BIO_PROMETHEUS_PORT=0
	docker compose up --build --detach --wait
}

teardown_file() {
	[[ -z $NO_DOCKER ]] || return 0
	# In a session of its own, so that an impatient Ctrl-C does not leave half of it.
	setsid --wait docker compose --profile monitoring down --volumes --rmi all --timeout 20
}

setup() {
	[[ -z $NO_DOCKER ]] || skip "$NO_DOCKER"
	compose_up
}

teardown() {
	[[ -n ${BATS_TEST_COMPLETED:-} || -n $NO_DOCKER ]] || docker compose logs --tail 20
}

# Also brings back what a case has stopped or added.
compose_up() {
	docker compose up --detach --no-build
	find_status_port
	expect_clients 3
}

# Each start of the server takes another free port.
find_status_port() {
	HTTP=$(docker compose port server 8889)
}

expect_clients() {
	wait_until 60 counter_is connections.current "$1"
}

closed() {
	counter 'connections.closed_total|add'
}

closed_is() {
	[[ $(closed) == "$1" ]]
}

# expect_more_messages N: so many arrive from now on.
expect_more_messages() {
	wait_until 60 has_received $(($(counter messages.received_total) + $1))
}

has_received() {
	[[ $(counter messages.received_total) -ge $1 ]]
}

containers() {
	docker compose ps --all --quiet "$1"
}

# text_of ID: a message's exact bytes.
text_of() {
	get "/messages/$1/raw" --fail
}

# stop_clients: nothing is sent any more, and all of it is stored.
stop_clients() {
	docker compose stop client
	expect_idle
	expect_counter messages.queued 0
}

# expect_kept NEWEST TEXT: the messages up to this one are there, and ids go on behind it.
expect_kept() {
	assert_equal "$(text_of "$1")" "$2"
	expect_counter 'store | .oldest_id == 1 and .messages == .newest_id' true
	expect_more_messages 1
	assert_equal "$(get "/messages?after=$1&order=asc&limit=1" | jq '.messages[].id')" $(($1 + 1))
}

# run_server_in FOLDER [OPTION...]: a server of the image, with the folder as its /data,
# takes one message and ends.
run_server_in() {
	local folder=$1
	shift
	# shellcheck disable=SC2016 # the container's own variable
	docker run --rm --network none --volume "$folder:/data" "$@" --entrypoint sh "$BIO_IMAGE" -c \
		'bio-server --mode once & bio-client health --wait 5 && bio-client send 17; wait $!'
}

# inspect SERVICE TEMPLATE: of each of its containers, a line each.
inspect() {
	containers "$1" | xargs docker inspect --format "$2"
}

# log_of SERVICE: all that its containers wrote, one after the other.
log_of() {
	containers "$1" | xargs -n 1 docker logs 2>&1
}

# inside SERVICE COMMAND...: runs it in the service's first container.
inside() {
	docker compose exec -T "$@" </dev/null
}

@test "one command starts a healthy server and three clients that send" {
	run -0 inspect server '{{.State.Health.Status}}'
	assert_output healthy
	expect_more_messages 6
	assert_equal "$(counter 'messages.rejected_total|add')" 0
	assert_equal "$(counter 'connections.accepted_total')" 3
}

@test "every message of a client has the three members" {
	expect_more_messages 3
	local messages
	messages=$(get '/messages?limit=3')
	run -0 jq -c '.messages[].data | keys_unsorted' <<<"$messages"
	assert_equal "${#lines[@]}" 3
	for line in "${lines[@]}"; do
		assert_equal "$line" '["send_user","send_time","send_msg"]'
	done
}

@test "more clients on demand: --scale client=10" {
	docker compose up --detach --no-build --scale client=10
	expect_clients 10
	expect_more_messages 20
	assert_equal "$(counter 'messages.rejected_total|add')" 0
}

@test "a killed client is one connection less and one closed" {
	local victim closed_before
	closed_before=$(closed)
	victim=$(containers client | head -n 1)
	docker kill "$victim"
	expect_clients 2
	wait_until 20 closed_is $((closed_before + 1))
	expect_more_messages 4
	run -0 docker inspect --format '{{.State.Status}}' "$victim"
	assert_output exited
	assert_equal "$(counter connections.current)" 2
}

@test "the ports are open on the host's loopback address only" {
	run -0 inspect server \
		'{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}'
	assert_output '127.0.0.1 127.0.0.1 '
	run -0 client health --http "$HTTP"
	assert_output ready
}

@test "both services are without rights, and their programs are process 1" {
	local service
	for service in server client; do
		run -0 inside "$service" cat /proc/1/status
		assert_line --regexp "^Name:[[:space:]]bio-$service\$"
		assert_line --regexp '^Uid:([[:space:]]10001){4}$'
		assert_line --regexp '^CapEff:[[:space:]]0+$'
		assert_line --regexp '^CapBnd:[[:space:]]0+$'
		assert_line --regexp '^NoNewPrivs:[[:space:]]1$'
		run -2 inside "$service" sh -c 'echo >/tmp/file'
		assert_output --partial 'Read-only file system'
	done
	run -0 inspect server '{{with .HostConfig}}{{.CapDrop}} {{.ReadonlyRootfs}}{{end}}'
	assert_output '[ALL] true'
}

@test "there is room for 10,000 connections" {
	assert_equal "$(counter connections.limit)" 10000
	run -0 inspect server '{{.HostConfig.PidsLimit}}'
	assert [ "$output" -gt 10000 ]
}

@test "the image's label and program say the Makefile's version" {
	local version
	version=$(sed -n 's/^VERSION ?= //p' "$BATS_TEST_DIRNAME/../Makefile")
	run -0 inside server bio-server --version
	assert_output "bio-server $version"
	run -0 inspect server '{{index .Config.Labels "org.opencontainers.image.version"}}'
	assert_output "$version"
}

@test "a server that is stopped ends in good order, and its clients come back to it" {
	local before=$SECONDS
	docker compose stop server
	assert [ $((SECONDS - before)) -lt 15 ]
	run -0 inspect server '{{.State.ExitCode}}'
	assert_output 0
	run -0 log_of server
	assert_line --index -1 --regexp \
		'stopped: [1-9][0-9]* messages accepted and 0 rejected on [0-9]+ connections$'
	docker compose start server
	find_status_port
	expect_clients 3
	expect_more_messages 3
}

@test "down and up again: the messages are still there, and ids go on" {
	expect_more_messages 6
	stop_clients
	local instance newest text
	instance=$(counter instance)
	newest=$(counter store.newest_id)
	text=$(text_of "$newest")
	docker compose down
	compose_up
	assert_equal "$(counter instance)" "$instance"
	expect_kept "$newest" "$text"
}

@test "a server that is killed has kept every message that was seen" {
	expect_more_messages 6
	local newest text
	newest=$(get /messages/latest | jq .id)
	text=$(text_of "$newest")
	docker compose kill server
	compose_up
	expect_kept "$newest" "$text"
}

@test "the commands of README.md copy the messages out" {
	expect_more_messages 3
	local newest readme=$BATS_TEST_DIRNAME/../README.md
	newest=$(counter store.newest_id)
	cd "$BATS_TEST_TMPDIR" || return
	run -0 bash -e -c "$(sed -n '/^## In containers$/,/^## /{/^```sh$/,/^```$/{/^```/!p}}' "$readme")"
	run -0 sqlite3 backup/bio.db "select count(*) >= $newest and count(*) = max(id) from message"
	assert_output 1
	find_status_port
	expect_clients 3
}

@test "the server has the options that are set where compose runs, those that README.md names" {
	local readme=$BATS_TEST_DIRNAME/../README.md
	expect_more_messages 5
	BIO_RETAIN_MESSAGES=3 compose_up
	expect_counter 'store.messages <= 3 and .store.evicted_total > 0' true
	run -0 bash -c "sed -n '/options it passes on/,/: .BIO_RETAIN_AGE=7d/p' '$readme' | grep -o 'BIO_[A-Z_]*' | sort -u"
	assert_output "$(sed -n '/environment:/,/volumes:/s/^ *- \(BIO_.*\)/\1/p' "$COMPOSE_FILE")"
}

@test "only the server has a volume, and it belongs to the user of the image" {
	run -0 inspect server '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{end}}'
	assert_output "volume ${COMPOSE_PROJECT_NAME}_messages /data "
	run -0 inspect client '{{len .Mounts}}'
	assert_output $'0\n0\n0'
	run -0 inside server stat --format '%u:%g %a' /data
	assert_output '10001:10001 750'
	expect_counter store.path /data/bio.db
	run -2 inside client sh -c 'echo >/data/file'
	assert_output --partial 'Permission denied'
}

@test "a folder of the host belongs to the container's user, or the server says why not" {
	local folder=$BATS_TEST_TMPDIR/messages
	mkdir --mode 755 "$folder"
	run -1 run_server_in "$folder"
	assert_output --regexp '/data/bio\.db cannot be opened: user 10001 .*: Permission denied'
	run -1 run_server_in "$folder" --read-only --user "$(id -u):$(id -g)" --env BIO_STORE=/bio.db
	assert_output --regexp '/bio\.db cannot be opened: user [0-9]+ .*: Read-only file system'
	assert [ ! -e "$folder/bio.db" ]
	run -0 run_server_in "$folder" --user "$(id -u):$(id -g)"
	assert_equal "$(sqlite3 "$folder/bio.db" 'select data from message')" 17
}

@test "what clients say at their end is what the server has counted" {
	docker compose down
	compose_up
	expect_more_messages 6
	docker compose stop client
	run -0 inspect client '{{.State.ExitCode}}'
	assert_output $'0\n0\n0'
	local sent
	sent=$(log_of client | awk '/^sent / { sum += $2 } END { print sum }')
	expect_messages "$sent" 0
	expect_idle
	docker compose stop server
	run -0 log_of server
	assert_line --index -1 --partial \
		"stopped: $sent messages accepted and 0 rejected on 3 connections"
}

# prometheus_value QUERY: what the Prometheus of the project has for it, a whole number.
prometheus_value() {
	curl --disable --noproxy '*' --silent --max-time 10 --get --data-urlencode "query=$1" \
		"http://$PROMETHEUS/api/v1/query" | jq -r '.data.result[]?.value[1]'
}

# has_read N: the scrapes have come to so many messages.
has_read() {
	[[ $(prometheus_value 'sum(bio_messages_received_total{job="bio"})') -ge $1 ]]
}

@test "the profile monitoring adds a Prometheus that reads the server, and only on demand" {
	assert_equal "$(containers prometheus)" ''
	docker compose --profile monitoring up --build --detach --wait prometheus
	find_status_port
	PROMETHEUS=$(docker compose port prometheus 9090)
	run -0 inspect prometheus '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}'
	assert_output '127.0.0.1 '
	run -0 inspect prometheus \
		'{{.Config.User}} {{with .HostConfig}}{{.CapDrop}} {{.ReadonlyRootfs}}{{end}}'
	assert_output '10001:10001 [ALL] true'
	local seen
	seen=$(counter messages.received_total)
	wait_until 60 has_read $((seen + 3))
	assert_equal "$(prometheus_value 'up{job="bio"}')" 1
	assert_equal "$(prometheus_value 'sum(bio_messages_rejected_total)')" 0
	assert_equal "$(prometheus_value bio_build_info)" 1
	docker compose stop client
	expect_idle
	wait_until 60 has_read "$(counter messages.received_total)"
	assert_equal "$(prometheus_value 'sum(bio_messages_received_total)')" \
		"$(counter messages.received_total)"
	docker compose --profile monitoring rm --stop --force prometheus
}
