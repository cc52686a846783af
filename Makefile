# sonde: build/sonde (the program), build/libsonde.a (the core, without Lua and Readline).
#   make            release build            make test     all tests
#   make check      format, include order, headers, warnings as errors, tests
#   make asan tsan  the tests under sanitizers            make fuzz  the decoders under libFuzzer
#   make check-memory  memory fails at hundreds of places of a session, under AddressSanitizer
#   make bench      speed                                 make bench-peers  beside Keras and PyTorch
#   make docs       the manual: build/docs/index.html, Markdown, sonde.1
#   make install PREFIX=/usr/local

VERSION := 0.1.0
PREFIX  ?= /usr/local
VARIANT ?= release
BUILD   ?= $(if $(filter release,$(VARIANT)),build,build/$(VARIANT))
CC      := $(if $(filter fuzz,$(VARIANT)),clang,$(if $(filter default,$(origin CC)),gcc,$(CC)))
WERROR  ?=

LUA_CFLAGS := $(shell pkg-config --cflags lua5.4 2>/dev/null)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wcast-qual -Wimplicit-fallthrough \
  -Wno-missing-field-initializers $(if $(WERROR),-Werror)
SAN_release :=
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
OPT := $(if $(filter release,$(VARIANT)),-O2,-O1)
# No contraction: bits must not depend on where a compiler sees a*b+c. FMA only where it is written.
BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -g $(OPT) -fno-common -ffp-contract=off -fno-math-errno -pthread \
  $(SAN_$(VARIANT)) $(WARN) -Isrc -I$(BUILD)/gen $(LUA_CFLAGS) -DSN_VERSION='"$(VERSION)"'
CFLAGS ?=
LDLIBS := $(shell pkg-config --libs lua5.4 readline libzip zlib openblas 2>/dev/null) -lm -pthread
CORE_LIBS := $(shell pkg-config --libs libzip zlib openblas 2>/dev/null) -lm -pthread

FOLDERS := base num nn data train io
core_src = $(shell find src/$(1) -name '*.c' ! -name '*.inc.c' 2>/dev/null | sort)
obj = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(1))
# Sources that do arithmetic on `real` (num/real.h) are compiled a second time for double.
TWIN_MARK := SN_R(
twin_src = $(if $(1),$(shell grep -l "$(TWIN_MARK)" $(1) 2>/dev/null))
obj64 = $(patsubst src/%.c,$(BUILD)/obj/%.f64.o,$(call twin_src,$(1)))

ifeq ($(shell uname -m),x86_64)
ISAS := base v3 v4
endif
ISAS ?= base
MARCH_base :=
MARCH_v3 := -march=x86-64-v3
MARCH_v4 := -march=x86-64-v4 -mprefer-vector-width=512
KERN_OBJ := $(foreach i,$(ISAS),$(BUILD)/obj/num/kern.$(i).f32.o $(BUILD)/obj/num/kern.$(i).f64.o \
  $(BUILD)/obj/num/conv_kern.$(i).o $(BUILD)/obj/num/gemm_kern.$(i).o $(BUILD)/obj/num/peak.$(i).o)

OBJ_base  := $(call obj,$(call core_src,base)) $(call obj64,$(call core_src,base))
OBJ_num   := $(call obj,$(call core_src,num)) $(call obj64,$(call core_src,num)) $(KERN_OBJ)
OBJ_nn    := $(call obj,$(call core_src,nn)) $(call obj64,$(call core_src,nn))
OBJ_data  := $(call obj,$(call core_src,data))
OBJ_train := $(call obj,$(call core_src,train))
OBJ_io    := $(call obj,$(call core_src,io))
CORE_OBJ  := $(foreach f,$(FOLDERS),$(OBJ_$(f)))
APP_OBJ   := $(call obj,$(call core_src,bind)) $(call obj,$(call core_src,app)) $(BUILD)/gen/embedded.o

.PHONY: all docs test unit lua-tests check check-memory bench bench-peers asan tsan fuzz install clean
all: $(BUILD)/sonde $(BUILD)/libsonde.a

$(BUILD)/libsonde.a: $(CORE_OBJ)
	@rm -f $@; ar rcs $@ $^
define folder_archive
$(BUILD)/lib/$(1).a: $(OBJ_$(1)); @mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_archive,$(f))))

$(BUILD)/sonde: $(APP_OBJ) $(BUILD)/libsonde.a
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $^ $(LDLIBS) $(LDFLAGS)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.f64.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -DSN_F64 -MMD -MP -c -o $@ $<
# stb_image's JPEG arithmetic wraps around on hostile data (src/data/image.c says where).
$(BUILD)/obj/data/image.o: BASE_CFLAGS += -fwrapv
# Short loops over arrays, which -O2 leaves scalar.
$(BUILD)/obj/num/ops.o $(BUILD)/obj/num/block.o $(BUILD)/obj/num/reduce.o: BASE_CFLAGS += $(if $(filter release,$(VARIANT)),-O3)
define kern_rule
$(BUILD)/obj/num/kern.$(1).f32.o: src/num/kern.inc.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) -O3 $$(MARCH_$(1)) $$(CFLAGS) -DSN_ISA=$(1) -MMD -MP -c -o $$@ $$<
$(BUILD)/obj/num/kern.$(1).f64.o: src/num/kern.inc.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) -O3 $$(MARCH_$(1)) $$(CFLAGS) -DSN_ISA=$(1) -DSN_F64 -MMD -MP -c -o $$@ $$<
# Fused on purpose: no other table is to give the same bits as this one.
$(BUILD)/obj/num/conv_kern.$(1).o: src/num/conv_kern.inc.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) -O3 -ffp-contract=fast $$(MARCH_$(1)) $$(CFLAGS) -DSN_ISA=$(1) -MMD -MP -c -o $$@ $$<
$(BUILD)/obj/num/gemm_kern.$(1).o: src/num/gemm_kern.inc.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) -O3 -ffp-contract=fast $$(MARCH_$(1)) $$(CFLAGS) -DSN_ISA=$(1) -MMD -MP -c -o $$@ $$<
$(BUILD)/obj/num/peak.$(1).o: src/num/peak.inc.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) -O3 -ffp-contract=fast $$(MARCH_$(1)) $$(CFLAGS) -DSN_ISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call kern_rule,$(i))))

# The Lua half of sonde travels inside the program.
LUA_SRC := $(shell find lua -name '*.lua' | sort)
$(BUILD)/gen/embedded.c: $(LUA_SRC) scripts/embed.sh
	@mkdir -p $(@D)
	sh scripts/embed.sh $(LUA_SRC) > $@.tmp && mv $@.tmp $@
$(BUILD)/gen/embedded.o: $(BUILD)/gen/embedded.c src/bind/embedded.h
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

# Unit tests: tests/unit/FOLDER_what.c links FOLDER and all below it.
DEPS_base := base
DEPS_num := num base
DEPS_nn := nn num base
DEPS_data := data num base
DEPS_train := train nn data num base
DEPS_io := io train nn data num base
UNIT_SRC := $(sort $(wildcard tests/unit/*_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
define unit_rule
$(BUILD)/tests/$(1): tests/unit/$(1).c $(foreach d,$(DEPS_$(firstword $(subst _, ,$(1)))),$(BUILD)/lib/$(d).a)
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) $$(CFLAGS) -Itests/unit -MMD -MP -o $$@ $$(filter %.c %.a,$$^) -lcmocka $$(CORE_LIBS) $$(LDFLAGS)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(patsubst tests/unit/%.c,%,$(t)))))
# Plays tests/repl/*.t on a pseudo-terminal.
DRIVE := $(BUILD)/tests/drive
$(DRIVE): tests/repl/drive.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $< $(LDFLAGS)
unit: $(UNIT_BIN) $(DRIVE)
# Benchmarks: tests/bench/run says what is measured. Nothing else should run on the machine.
$(BUILD)/tests/bench_%: tests/bench/%.c $(BUILD)/lib/num.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $^ $(CORE_LIBS) $(LDFLAGS)
BENCH_BIN := $(BUILD)/tests/bench_machine $(BUILD)/tests/bench_conv
bench: all $(BENCH_BIN)
	@BUILD=$(BUILD) sh tests/bench/run
PEERS_PYTHON ?= build/peers-venv/bin/python
build/peers-venv/bin/python:
	python3 -m venv build/peers-venv
	build/peers-venv/bin/pip install tensorflow-cpu torch
bench-peers: all $(BENCH_BIN) $(PEERS_PYTHON)
	@BUILD=$(BUILD) PEERS_PYTHON=$(PEERS_PYTHON) sh tests/bench/peers

test: all unit
	BUILD=$(BUILD) sh scripts/run-tests
TESTED ?=
check:
	TESTED=$(TESTED) sh scripts/check
asan tsan:
	$(MAKE) VARIANT=$@ BUILD=build/$@ all unit
	BUILD=build/$@ SANITIZER=$@ sh scripts/run-tests

# 100 places of Lua's allocations and 100 of the core's in each tenth of the session.
check-memory:
	$(MAKE) VARIANT=asan BUILD=build/asan all
	@for part in 0 1 2 3 4 5 6 7 8 9; do \
	  MEMORY_PLACES=100 MEMORY_FROM=0.$$part MEMORY_TO=$$(echo $$part | awk '{ print ($$1 + 1) / 10 }') \
	  BUILD=build/asan SANITIZER=asan sh scripts/run-tests lua/failing || exit 1; done

FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
build/fuzz/%: tests/fuzz/%.c build/fuzz/libsonde.a
	clang $(BASE_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(CORE_LIBS)
fuzz-bins: $(FUZZ_BIN)
fuzz:
	$(MAKE) VARIANT=fuzz BUILD=build/fuzz build/fuzz/libsonde.a fuzz-bins
	sh scripts/fuzz

# The manual is made of what help() shows, by sonde itself.
docs: all
	@mkdir -p $(BUILD)/docs
	$(BUILD)/sonde --no-rc scripts/manual/main.lua $(BUILD)/docs

DEST = $(DESTDIR)$(PREFIX)
install: docs
	install -d "$(DEST)/bin" "$(DEST)/lib" "$(DEST)/share/sonde/examples" "$(DEST)/share/doc/sonde" \
	  "$(DEST)/share/man/man1"
	install -m 755 $(BUILD)/sonde "$(DEST)/bin/sonde"
	install -m 644 $(BUILD)/libsonde.a "$(DEST)/lib/libsonde.a"
	install -m 644 scripts/*.lua "$(DEST)/share/sonde/"
	install -m 644 scripts/examples/*.lua "$(DEST)/share/sonde/examples/"
	install -m 644 $(BUILD)/docs/*.html $(BUILD)/docs/*.md "$(DEST)/share/doc/sonde/"
	install -m 644 $(BUILD)/docs/sonde.1 "$(DEST)/share/man/man1/sonde.1"
	for h in $(wildcard $(FOLDERS:%=src/%/*.h)); do \
	  install -D -m 644 $$h "$(DEST)/include/sonde/$${h#src/}" || exit 1; done

clean:
	rm -rf build

-include $(patsubst %.o,%.d,$(CORE_OBJ) $(APP_OBJ)) $(UNIT_BIN:%=%.d)
