# The front door. Meson builds; this file says in which order things happen.
#
#   make            build what is here: build/caisson, build/caisson-guest (installs nothing)
#   make guest      build the guest: build/guest/{vmlinux,bzImage,initrd,parts,cmdline,manifest.json}
#   make demo       install what it needs, build, and run a real image confidentially
#   make check      install what it needs, build, and run every test
#   make bench      install what it needs, build, and measure: docs/performance.md
#   make lint       install what it needs, and read the sources with tools
#   make install    build, and install caisson, its manual, libcaisson and the guest below PREFIX (DESTDIR is honoured)
#   make clean      remove what was built

BUILD := build
PREFIX ?= /usr/local

all: build

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "make: meson is missing; scripts/deps build installs what is needed" >&2; exit 3; }
	meson setup $(BUILD)

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

# Below PREFIX as it is now, whatever it was when the build was set up. The guest comes along where it is built:
# caisson looks for it in ../share/caisson/guest.
install: build
	@umask 022 && root="$(DESTDIR)$(PREFIX)" && \
	install -d "$$root/bin" "$$root/share/man/man1" && \
	install -m 755 $(BUILD)/caisson $(BUILD)/caisson-attestd "$$root/bin/" && \
	install -d "$$root/lib/systemd/system" && \
	sed -e 's,@PREFIX@,$(PREFIX),' deploy/caisson-attestd.service >"$$root/lib/systemd/system/caisson-attestd.service" && \
	install -m 644 $(BUILD)/man/man1/*.1 "$$root/share/man/man1/" && \
	install -d "$$root/lib/pkgconfig" "$$root/include/caisson" && \
	install -m 644 include/caisson/*.h "$$root/include/caisson/" && \
	install -m 644 $(BUILD)/src/api/libcaisson.a "$$root/lib/" && \
	install -m 755 $(BUILD)/src/api/libcaisson.so.?.?.? "$$root/lib/" && \
	cp -P $(BUILD)/src/api/libcaisson.so $(BUILD)/src/api/libcaisson.so.? "$$root/lib/" && \
	sed -e 's,^prefix=.*,prefix=$(PREFIX),' -e 's,^libdir=.*,libdir=$${prefix}/lib,' \
		$(BUILD)/meson-private/caisson.pc >"$$root/lib/pkgconfig/caisson.pc" && \
	if [ -e $(BUILD)/guest/manifest.json ]; then \
		install -d "$$root/share/caisson/guest" && \
		install -m 644 $(BUILD)/guest/* "$$root/share/caisson/guest/"; \
	else \
		echo "make: no guest is built, none is installed; make guest builds one" >&2; \
	fi && \
	if [ -e $(BUILD)/caisson-enclave.sig ]; then \
		install -d "$$root/share/caisson/enclave" && \
		install -m 755 $(BUILD)/caisson-enclave-host "$$root/share/caisson/enclave/" && \
		install -m 644 $(BUILD)/caisson-enclave $(BUILD)/caisson-enclave.sig $(BUILD)/caisson-enclave.mrenclave \
			$(wildcard $(BUILD)/caisson-enclave-agent) \
			"$$root/share/caisson/enclave/"; \
	fi && \
	echo "make: installed below $$root"

clean:
	rm -rf $(BUILD) build-sanitized

.PHONY: all build guest demo check bench lint install clean
