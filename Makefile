# The front door. Meson builds; this file says in which order things happen.
#
#   make            build what is here: build/caisson, build/caisson-guest (installs nothing)
#   make guest      build the guest: build/guest/{vmlinux,bzImage,initrd,cmdline,manifest.json}
#   make demo       install what it needs, build, and run a real image confidentially
#   make check      install what it needs, build, and run every test
#   make bench      install what it needs, build, and measure: docs/performance.md
#   make lint       install what it needs, and read the sources with tools
#   make install    build, and install below PREFIX (DESTDIR is honoured)
#   make clean      remove what was built

BUILD := build
PREFIX ?= /usr/local

all: build

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "make: meson is missing; scripts/deps build installs what is needed" >&2; exit 3; }
	meson setup $(BUILD) --prefix=$(PREFIX)

guest: build
	scripts/build-guest
	@scripts/get-firmware || echo "make: without OVMF.amdsev.fd there is no --tee sev-snp here" >&2
	$(BUILD)/caisson measure guest $(BUILD)/guest

demo:
	scripts/deps build run demo
	$(MAKE) guest
	scripts/demo

check:
	scripts/deps build run check lint
	$(MAKE) guest
	scripts/check

bench:
	scripts/deps build run bench
	$(MAKE) guest
	bench/run

lint:
	scripts/deps build lint
	$(MAKE) build
	scripts/lint

install: build
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) build-asan build-fuzz build-clang

.PHONY: all build guest demo check bench lint install clean
