# GNU make, not recursive: one Makefile, one dependency graph, one build tree.
#
#   make                 the programs, in build/bin
#   make golden          build a golden image, boot it, configure it, show it
#   make check           every test (T="word..." picks some by name)
#   make check-heat      deployments seen by a real Heat, started on loopback
#   make check-disks     machines that boot from verity and a logical volume
#   make check-update    a machine that gets its next image, and bad ones
#   make check-crash     its power cut at each write of an update
#   make SAN=1 check     the same under the address and undefined sanitizers
#   make lint            formatting, static analysis, manual pages, house rules
#   make format          lay out the C sources
#   make coverage        every test, counted by line (build-cov/coverage.html)
#   make fuzz            the fuzz targets with an engine, in build/fuzz
#   make bench           what this costs, beside what others cost
#   make same            one image 20 times under other conditions: same bytes?
#   make deps            install the packages named in packages.txt
#   make install         below DESTDIR, in PREFIX (/usr/local)
#   make uninstall dist clean help
#
#   Flavours, each in a tree of its own: SAN=1, COV=1; CC=clang WERROR=1 work.

VERSION    := 0.1.0
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share/ingot
LIBEXECDIR ?= $(PREFIX)/libexec/ingot
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g

# A tool is a folder with a main.c.
TOOLS := $(patsubst %/main.c,%,$(wildcard */main.c))

# A tool that hooks start again and again must not spend its time on being
# linked.  (A sanitizer has to be in a shared library.)
LDFLAGS_apply-config := $(if $(SAN),,-static)

# What unpacks is linked into the program that works while a machine has other
# things to do: libarchive as a shared library loads ICU and C++ with it, which
# is as much memory as a list of 20,000 files.
LDFLAGS_image-update := $(if $(SAN),,-Wl,-Bstatic -lext2fs -lcom_err -lyaml \
                        -larchive -lnettle -lacl -llzma -lzstd -llz4 -lbz2 \
                        -lz -Wl,-Bdynamic)

# The names by which others know a tool; they are links to it.
NAMES_image-build    := disk-image-create ramdisk-image-create element-info \
                        diskimage-builder
NAMES_apply-config   := os-apply-config os-config-applier
NAMES_collect-config := os-collect-config
NAMES_refresh-config := os-refresh-config dib-run-parts heat-config-notify

# What each part needs from outside; only lib/ and the named tool see it.
# (One part of lib/ is only linked where it is used.)
PKGS_lib          := yaml-0.1 libcurl libarchive libcrypto zlib libdeflate libzstd
PKGS_lib/ext4     := ext2fs com_err
PKGS_image-build  := $(PKGS_lib/ext4)
PKGS_image-update := $(PKGS_lib/ext4)
PKGS_image-run    := libmicrohttpd

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
ALL_CPPFLAGS := -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
                -DSYSCONFDIR='"$(SYSCONFDIR)"' -DDATADIR='"$(DATADIR)"' \
                -DLIBEXECDIR='"$(LIBEXECDIR)"'
ALL_CFLAGS = -std=gnu11 $(WARN) $(if $(WERROR),-Werror)

ifdef SAN
INSTR := -fsanitize=address,undefined -fno-sanitize-recover=all \
         -fno-omit-frame-pointer -DFAULTS
endif
ifdef COV
INSTR := --coverage -O0
endif
B := build$(if $(SAN),-san)$(if $(COV),-cov)

# ---- what there is -------------------------------------------------------

objs   = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $1/*.c))
parts  = $(filter-out %/main.o,$(call objs,$1))
pkg    = $(if $(strip $2),$(shell $(PKG_CONFIG) $1 $2))

LIB    := $(B)/lib.a
BINS   := $(TOOLS:%=$(B)/bin/%)
NAMES  := $(foreach t,$(TOOLS),$(NAMES_$t))
LINKS  := $(NAMES:%=$(B)/bin/%)
UNITS  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/*.c))
FUZZ   := $(patsubst fuzz/%.c,$(B)/fuzz/%,$(wildcard fuzz/*/*.c))
MAN    := $(wildcard */*.[1578])
page    = $(notdir $(wildcard $1/$1.[1578]))
UNITFILES := $(wildcard */*.service */*.path)
C_FILES := $(wildcard */*.[ch] tests/unit/*.h tests/unit/*/*.c fuzz/*/*.c)
SH_FILES = $(shell git ls-files -co --exclude-standard | xargs -r awk \
             'FNR == 1 && /^\#!\/bin\/(ba)?sh/ { print FILENAME } { nextfile }')

ifneq ($(shell command -v $(PKG_CONFIG)),)
EXT_CFLAGS := $(call pkg,--cflags,$(sort $(foreach p,lib $(TOOLS),$(PKGS_$p))))
EXT_LIBS   := $(call pkg,--libs,$(PKGS_lib))
endif

all: $(BINS) $(LINKS)
.PHONY: all
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SECONDARY:

# ---- how it is built -----------------------------------------------------

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(CPPFLAGS) $(EXT_CFLAGS) $(ALL_CFLAGS) $(CFLAGS) $(INSTR) -MMD -MP -c -o $@ $<

$(LIB): $(call objs,lib)
	rm -f $@ && $(AR) rcs $@ $^

LINK = @mkdir -p $(@D) && echo "$(CC) -o $@" && \
       $(CC) $(INSTR) $(CFLAGS) -Wl,--as-needed $(LDFLAGS) -o $@ $(filter %.o %.a,$^)

$(BINS): $(B)/bin/%: $$(call objs,$$*) $(LIB)
	$(LINK) $(LDFLAGS_$*) $(call pkg,--libs,$(PKGS_$*)) $(EXT_LIBS) -lm

define link_rule
$(B)/bin/$1: $(B)/bin/$2
	ln -sf $2 $$@
endef
$(foreach t,$(TOOLS),$(foreach n,$(NAMES_$t),$(eval $(call link_rule,$n,$t))))

dirof = $(patsubst %/,%,$(dir $1))
tool  = $(filter $(TOOLS),$(call dirof,$1))

$(UNITS): $(B)/unit/%: $(B)/obj/tests/unit/%.o $$(if $$(call tool,$$*),$$(call parts,$$(call tool,$$*))) $(LIB)
	$(LINK) $(call pkg,--libs,$(PKGS_$(call dirof,$*)) $(PKGS_$*)) $(EXT_LIBS) -lm

# A fuzz target is an ordinary program that replays its arguments, unless
# FUZZ_ENGINE (say -fsanitize=fuzzer) brings a main of its own.
$(FUZZ): $(B)/fuzz/%: $(B)/obj/fuzz/%.o $(if $(FUZZ_ENGINE),,$(B)/obj/fuzz/replay.o) $$(if $$(call tool,$$*),$$(call parts,$$(call tool,$$*))) $(LIB)
	$(LINK) $(FUZZ_ENGINE) $(call pkg,--libs,$(PKGS_$(call dirof,$*))) $(EXT_LIBS) -lm

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- what it needs -------------------------------------------------------

# Goals that install first run make anew, since the packages change what
# pkg-config says.
FRESH = $(MAKE) --no-print-directory -j$(shell nproc)

.PHONY: deps
deps: build/deps
build/deps: packages.txt
	@missing=; for p in $$(sed 's/#.*//' packages.txt); do \
	  dpkg-query -W -f='$${db:Status-Abbrev}' $$p 2>/dev/null | \
	    grep -q '^ii' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" != 0 ]; then \
	  echo "missing; as root: apt-get install$$missing" >&2; exit 1; fi; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -q -y --no-install-recommends $$missing; fi
	@mkdir -p build && touch $@

# ---- checks --------------------------------------------------------------

.PHONY: golden golden-run check check-run fuzz lint lint-run man-lint format coverage bench same
golden: deps
	@$(FRESH) golden-run
golden-run: all
	@tests/vm/golden --bin $(B)/bin --dir $(B)/golden

check: deps
	@$(FRESH) check-run
check-run: all $(UNITS) $(FUZZ)
	@tests/run --build $(B) $(T)

# It builds images and boots them, which takes minutes.  77: cannot run.
.PHONY: check-disks
check-disks: all
	@tests/vm/disks --bin $(B)/bin || [ $$? -eq 77 ]

# It installs Keystone and Heat, so it is asked for by name.  77: cannot run.
.PHONY: check-heat check-heat-run
check-heat: deps
	@$(FRESH) check-heat-run
check-heat-run: all
	@tests/heat/scenario --bin $(B)/bin || [ $$? -eq 77 ]

# Two images are built, and a machine boots a dozen times: it takes an hour.
.PHONY: check-update
check-update: all
	@tests/vm/update --bin $(B)/bin --dir $(B)/update $(T)

# An update's writes, and what each power cut leaves of them: of slots that are
# trees and of small partitions, without a machine; then of a machine, with the
# images of check-update.  77: cannot run.
.PHONY: check-crash check-crash-small
check-crash: check-crash-small
	@tests/vm/update --bin $(B)/bin --dir $(B)/update images
	@tests/vm/crash --bin $(B)/bin --dir $(B)/update || [ $$? -eq 77 ]
check-crash-small: all
	@tests/vm/crash-trees --bin $(B)/bin || [ $$? -eq 77 ]
	@tests/vm/crash --small --bin $(B)/bin || [ $$? -eq 77 ]

fuzz:
	$(MAKE) CC=clang B=build/fuzzing FUZZ_ENGINE=-fsanitize=fuzzer \
	  INSTR='-fsanitize=fuzzer-no-link,address,undefined' fuzz-targets
fuzz-targets: $(FUZZ)
.PHONY: fuzz-targets

same: all
	@bench/same --bin $(B)/bin

bench: all
	@for b in bench/*; do [ ! -x "$$b" ] || "$$b" --bin $(B)/bin || exit 1; done

lint: deps
	@$(FRESH) lint-run
lint-run: man-lint
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability \
	  --inline-suppr --suppress=missingInclude -I. \
	  -DVERSION='"0"' $(TOOLS) lib
	shellcheck $(SH_FILES)
	tests/check-house

man-lint:
	$(if $(MAN),mandoc -Tlint -Wwarning $(MAN))

format:
	clang-format -i $(C_FILES)

coverage:
	$(MAKE) COV=1 check
	gcovr --root . --exclude 'tests/|fuzz/' --html-details build-cov/coverage.html build-cov

# ---- delivery ------------------------------------------------------------

.PHONY: install uninstall dist clean help
install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(DATADIR)/elements $(LIBEXECDIR)/hooks $(UNITDIR))
	install -m 755 $(BINS) $(DESTDIR)$(BINDIR)
	$(foreach t,$(TOOLS),$(foreach n,$(NAMES_$t),ln -sf $t $(DESTDIR)$(BINDIR)/$n;))
	cp -R elements/. $(DESTDIR)$(DATADIR)/elements
	install -d $(DESTDIR)$(DATADIR)/image-build
	cp -R image-build/shell image-build/builtin $(DESTDIR)$(DATADIR)/image-build
	cp -R hooks/. $(DESTDIR)$(LIBEXECDIR)/hooks
	for u in $(UNITFILES); do install -m 644 $$u $(DESTDIR)$(UNITDIR); done
	for m in $(MAN); do s=$${m##*.}; \
	  install -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$$s/$${m##*/}; done
	cd $(DESTDIR)$(MANDIR); \
	$(foreach t,$(TOOLS),$(foreach n,$(NAMES_$t),$(if $(wildcard $t/$n.[1578]),, \
	  ln -sf $(call page,$t) man$(subst .,,$(suffix $(call page,$t)))/$n$(suffix $(call page,$t));)))

uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(TOOLS) $(NAMES))
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITFILES)))
	for m in $(MAN); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	rm -f $(NAMES:%=$(DESTDIR)$(MANDIR)/man?/%.?)
	rm -rf $(DESTDIR)$(DATADIR) $(DESTDIR)$(LIBEXECDIR)

dist:
	git archive --prefix=ingot-$(VERSION)/ -o ingot-$(VERSION).tar.gz HEAD

clean:
	rm -rf build build-san build-cov

help:
	@sed -n 's/^#   //p' Makefile
