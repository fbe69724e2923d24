# Checks once, before the first test, that the tools are there and says how to get them.

setup_suite() {
	local tool missing=()
	for tool in curl jq python3; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[[ -x ${BUILD:?run the tests through make test}/bio-server ]] || missing+=("$BUILD/bio-server")
	if ((${#missing[@]} > 0)); then
		echo "missing: ${missing[*]}; make deps and make get them" >&2
		return 1
	fi
	# The interpreter itself: what a version manager puts in its place starts ten times as
	# slowly, and the cases start it hundreds of times.
	mkdir "$BATS_SUITE_TMPDIR/bin"
	ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$BATS_SUITE_TMPDIR/bin/python3"
	export PATH=$BATS_SUITE_TMPDIR/bin:$PATH
	export ASAN_OPTIONS=exitcode=99:detect_leaks=1
	export TSAN_OPTIONS=exitcode=99:halt_on_error=1
	export UBSAN_OPTIONS=exitcode=99:halt_on_error=1:print_stacktrace=1
	# Nothing of the caller's environment reaches the programs under test.
	local name
	for name in ${!BIO_*}; do
		unset "$name"
	done
	# Where no test says other: the default is a file in the folder that make runs in.
	export BIO_STORE=none
}
