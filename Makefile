# bio: `make` builds both programs, `make test` tests them, `make help` lists the rest.

VERSION ?= 0.1.0
PREFIX ?= /usr/local
CC ?= cc
CFLAGS ?= -O2 -g
SANITIZE ?=
comma := ,
VARIANT := $(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),release)
BUILD := build/$(VARIANT)

# The modules, bottom to top: a file includes only what stands before it.
BASE := attr clock lock log reason histogram counter rate uuid utf8 text buffer address option
WIRE := scan_block scan_proof scan_proof_lanes scan_proof_avx2 scan_proof_avx512 scan_loop scan frame hello stream
MESSAGES := batch filter recent store_sql store_file store_writer store_reader store_queue store
SERVER := host cors options endpoint print ingest reply claim ledger greeting roster rejections session listener \
	query envelope history process report metrics exchange asset turn archive census pulse live route http main
CLIENT := options answer reply dial framed link input message source window tally \
	backoff outage progress refusal identity talk acked sender status page pretty output question history \
	events outlet tail main
MODULES := $(BASE:%=base/%) $(WIRE:%=wire/%) $(MESSAGES:%=messages/%) \
	$(SERVER:%=server/%) $(CLIENT:%=client/%)

PKG_CONFIG ?= pkg-config
# Optional: the sender of a peer, which is left out without it.
HAS_NATS := $(shell $(PKG_CONFIG) --exists libnats && echo yes)
LIBRARIES := libcjson libmicrohttpd libcurl sqlite3
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
HARDENING := -fstack-protector-strong -fPIE
ifeq ($(SANITIZE),)
HARDENING += -D_FORTIFY_SOURCE=2
endif
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DBIO_VERSION='"$(VERSION)"' -Isrc $(WARNINGS) $(HARDENING) \
	$(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) \
	-pthread -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -pthread $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))
SERVER_LIBS = $(shell $(PKG_CONFIG) --libs libcjson libmicrohttpd sqlite3) -lm
CLIENT_LIBS = $(shell $(PKG_CONFIG) --libs libcjson libcurl) -lm

SHARED_SOURCES := $(wildcard src/base/*.c src/wire/*.c)
SERVER_SOURCES := $(SHARED_SOURCES) $(wildcard src/messages/*.c src/server/*.c)
# A filter means the same on both sides.
CLIENT_SOURCES := $(SHARED_SOURCES) $(wildcard src/messages/filter.c src/client/*.c)
TEST_SOURCES := $(wildcard tests/unit/*_test.c)
TEST_HELPERS := $(filter-out $(TEST_SOURCES),$(wildcard tests/unit/*.c))
BENCH_NAMES := load idle probe events receiver scan roundtrip store $(if $(HAS_NATS),publish)
# What tests/helpers/failing_malloc.c puts itself in front of.
WRAPPED := malloc calloc realloc free fopen opendir pthread_create recv \
	MHD_create_response_from_callback MHD_add_response_header \
	MHD_create_response_from_buffer_with_free_callback_cls
FUZZ_SOURCES := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_REFERENCE := tests/fuzz/reference.c tests/fuzz/reference_frame.c
FUZZED_SOURCES := src/base/reason.c src/messages/filter.c $(wildcard src/wire/scan*.c \
	src/wire/frame.c src/wire/hello.c)
# Of the client what is pure; names of the rest are the server's as well.
TESTED_CLIENT := answer framed window backoff outage page events pretty
TESTED_SOURCES := $(filter-out src/server/main.c,$(SERVER_SOURCES)) \
	$(TESTED_CLIENT:%=src/client/%.c)

PROGRAMS := $(BUILD)/bio-server $(BUILD)/bio-client
BENCHES := $(BENCH_NAMES:%=$(BUILD)/bench/%)
TESTS := $(TEST_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
FAILING := $(BUILD)/helpers/bio-server-failing
object = $(1:%.c=$(BUILD)/%.o)
# Files that are part of the server, each as a text that is named after it, such as
# schema_sql, with its length, schema_sql_len, and an entity tag, schema_sql_etag.
EMBEDDED_FILES := src/messages/schema.sql src/server/openapi.json \
	$(wildcard $(addprefix src/server/page/*,.html .css .js .svg))
EMBEDDED := $(EMBEDDED_FILES:%=$(BUILD)/%.o)

# The fuzz targets; one needs two libraries that nothing else here does.
FUZZ_PACKAGES := jansson yajl
HAS_FUZZ_PACKAGES := $(shell $(PKG_CONFIG) --exists $(FUZZ_PACKAGES) && echo yes)
FUZZ_TARGETS := $(filter-out $(if $(HAS_FUZZ_PACKAGES),,differential), \
	$(FUZZ_SOURCES:tests/fuzz/%_fuzz.c=%))
TESTS += $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_replay)
FUZZ_TARGET ?= $(FUZZ_TARGETS)
FUZZ_CC ?= clang
FUZZ_SANITIZE := fuzzer-no-link,address,undefined

.PHONY: all run deps deps-all test test-programs test-unit test-bats bench fuzz fuzz-programs lint \
	check-layers format install clean help

all: $(PROGRAMS) ## build both programs (SANITIZE=address,undefined or thread: a build of its own)

$(BUILD)/bio-server: $(call object,$(SERVER_SOURCES)) $(EMBEDDED)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SERVER_LIBS)

$(BUILD)/bio-client: $(call object,$(CLIENT_SOURCES))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# It says what goes wrong to its user, whom the test stands in for.
$(BUILD)/unit/output_test: $(call object,src/client/output.c)

$(BUILD)/unit/%_test: $(BUILD)/tests/unit/%_test.o $(call object,$(TESTED_SOURCES) $(TEST_HELPERS)) $(EMBEDDED)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SERVER_LIBS)

$(EMBEDDED): $(BUILD)/%.o: % Makefile
	@mkdir -p $(@D)
	printf '%s\n' '.global NAME, NAME_len, NAME_etag' '.section .rodata' \
		'NAME: .incbin "$<"' 'NAME_end: .byte 0' \
		'.balign 8' 'NAME_len: .dc.a NAME_end - NAME' \
		"NAME_etag: .asciz \"\\\"$$(sha256sum $< | cut -c 1-32)\\\"\"" \
		'.section .note.GNU-stack,"",%progbits' | \
		sed 's/NAME/$(subst .,_,$(<F))/g' | $(CC) -c -x assembler -o $@ -

$(BENCHES:$(BUILD)/bench/receiver=): $(call object,tests/bench/tool.c tests/bench/payload.c)
$(addprefix $(BUILD)/bench/,load idle probe events roundtrip): $(call object,tests/bench/sender.c)
$(BUILD)/bench/scan: $(call object,$(wildcard src/wire/scan*.c))
$(BUILD)/bench/scan: BENCH_LIBS = $(shell $(PKG_CONFIG) --libs libcjson)

$(BUILD)/bench/store: $(call object,$(TESTED_SOURCES)) $(EMBEDDED)
$(BUILD)/bench/store: BENCH_LIBS = $(SERVER_LIBS)
$(BUILD)/bench/publish: BENCH_LIBS = $(shell $(PKG_CONFIG) --libs libnats)

# The server whose allocations a test can make fail.
$(FAILING): $(call object,$(SERVER_SOURCES) tests/helpers/failing_malloc.c) $(EMBEDDED)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(SERVER_LIBS)

# A fuzz target twice: before a kept corpus, and before libFuzzer.
fuzzed_objects = $(BUILD)/tests/fuzz/$(1)_fuzz.o $(call object,$(FUZZ_REFERENCE) $(FUZZED_SOURCES))
FUZZ_LIBS = $(shell $(PKG_CONFIG) --libs libcjson) -lm
$(BUILD)/fuzz/differential_%: FUZZ_LIBS += $(shell $(PKG_CONFIG) --libs $(FUZZ_PACKAGES))

# libFuzzer is to follow the program's ways, not those of the targets.
$(BUILD)/tests/fuzz/%.o: override SANITIZE := $(SANITIZE:fuzzer-no-link$(comma)%=%)

$(BUILD)/fuzz/%_replay: $(BUILD)/tests/fuzz/replay.o $(call fuzzed_objects,%)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FUZZ_LIBS)

$(BUILD)/fuzz/%_fuzz: $(call fuzzed_objects,%)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BENCH_LIBS)

run: all ## build and start the server natively
	$(BUILD)/bio-server $(ARGS)

deps: ## install what the build and the tests need (Debian, Ubuntu)
	tests/deps

deps-all: ## install the optional tools of the tests as well
	tests/deps --all

test: ## install what is missing, build, run the unit tests and the bats suite
	@tests/deps
	@$(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j $(shell nproc)) test-programs
	@$(MAKE) --no-print-directory test-unit test-bats

test-programs: $(TESTS) $(PROGRAMS) $(BENCHES) $(FAILING)

test-unit: $(TESTS)
	@$(if $(HAS_FUZZ_PACKAGES),,echo "# differential_replay: skipped, libjansson-dev or libyajl-dev is missing")
	@tests/run-unit $(TESTS)

test-bats: $(PROGRAMS) $(BENCHES) $(FAILING)
	BUILD=$(CURDIR)/$(BUILD) bats --print-output-on-failure $(BATS_FLAGS) tests

bench: $(PROGRAMS) $(BENCHES) ## measure against the yardsticks (BENCH_FLAGS=--quick: a minute or two)
	tests/bench/run --build $(BUILD) $(BENCH_FLAGS)

fuzz: ## fuzz (FUZZ_TARGET="scan frame", FUZZ_SECONDS=60 or FUZZ_RUNS=1000000 each, FUZZ_SEED=1)
	@$(MAKE) --no-print-directory CC=$(FUZZ_CC) SANITIZE=$(FUZZ_SANITIZE) fuzz-programs

fuzz-programs: $(FUZZ_TARGET:%=$(BUILD)/fuzz/%_fuzz)
	@tests/fuzz/run $(BUILD)/fuzz $(FUZZ_TARGET)

lint: check-layers ## clang-format, clang-tidy, cppcheck, shellcheck, both compilers with -Werror
	tests/lint/run

check-layers: ## fail on an include that goes upwards and on a second user of a wrapped library
	@tests/lint/check-layers $(MODULES)

format: ## format all C files
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all ## install both programs into DESTDIR and PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)

clean: ## remove everything built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

.SECONDARY:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
