#!/usr/bin/env bash
# guest.sh: the tests of ./kernels in a Linux guest whose processor has AVX-512 and AMX, emulated by
# Bochs, for machines that have neither. Nothing here is fast, and no time that it prints means
# anything; results do, and so does the storm: the guest's kernel saves tiles at every switch. The
# environment sets it (make amx-guest passes on what it is given):
#
#   ISA      instruction set of the kernels (KERNELS_ISA, default amx; lethe isa names them)
#   RUN      pattern for the tests (default: those on tiles, short)
#   ARGS     other flags of the test binary (default: -test.short)
#   CPUS     processors of the guest (default 2, as the storm wants; one is faster)
#   GUEST    a folder for Bochs, the guest's kernel and its image (default: build, beside this
#            script; 80 MB, and three times that while Bochs is built)
#   BOCHS    the source of Bochs 3.0, a tar archive (default: what apt-get source brings)
#   PEER     a command that runs another one on Debian 13, and sees GUEST under the same path
#            (default: here)
#
# The first call builds Bochs with bochs.patch, which says what it mends: minutes of one core.
# A short run of the tests on tiles takes about nine minutes, the storm
#
#   make amx-guest RUN=TileStorm ARGS='-storm 10m'
#
# ten minutes of the guest's time and about fifteen of ours.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
isa=${ISA:-amx} cpus=${CPUS:-2} guest=${GUEST:-$here/build}
run=${RUN:-Tile|BF16} args=${ARGS:--test.short}
read -ra peer <<<"${PEER:-}"
khz=40000 # the guest's clock: so many instructions a millisecond of its time, about what Bochs manages

there() { "${peer[@]}" "$@"; }
fail() { echo "amx-guest: $1" >&2; exit 2; }

packages() { # what has to be installed
  local wants=() name path
  while read -r name path; do
    there test -e "$path" || wants+=("$name")
  done <<'F'
g++ /usr/bin/g++
make /usr/bin/make
patch /usr/bin/patch
cpio /usr/bin/cpio
xorriso /usr/bin/xorriso
busybox-static /usr/bin/busybox
bochsbios /usr/share/bochs/BIOS-bochs-latest
vgabios /usr/share/bochs/VGABIOS-lgpl-latest
isolinux /usr/lib/ISOLINUX/isolinux.bin
syslinux-common /usr/lib/syslinux/modules/bios/ldlinux.c32
F
  [ ${#wants[@]} = 0 ] || fail "missing: apt-get install ${wants[*]}"
}

build() { # Bochs, once for each patch
  local sum archive=${BOCHS:-}
  sum=$(sha256sum "$here/bochs.patch" | cut -c1-12)
  bochs=$guest/bochs-$sum
  [ ! -x "$bochs" ] || return 0
  if [ -z "$archive" ]; then
    # shellcheck disable=SC2016  # the inner shell expands it
    there sh -c 'cd "$1" && apt-get source --download-only bochs' - "$guest" >"$guest/build.log" 2>&1 || true
    archive=$(ls "$guest"/bochs_3.0*.orig.tar.* 2>/dev/null | head -1)
    [ -n "$archive" ] || fail "no source of Bochs 3.0 (see $guest/build.log): add a deb-src line, or name the archive with BOCHS=FILE"
  fi
  echo "amx-guest: building Bochs, which takes some minutes (log: $guest/build.log)" >&2
  rm -rf "$guest/source" && mkdir "$guest/source"
  tar xf "$archive" -C "$guest/source" --strip-components=1
  # shellcheck disable=SC2016
  there sh -c 'set -e; cd "$1/source"; patch -p1 <"$2"
    export CFLAGS="-O3 -march=native" CXXFLAGS="-O3 -march=native"
    ./configure --enable-x86-64 --enable-smp --enable-cpu-level=6 --enable-avx --enable-evex --enable-amx \
      --enable-all-optimizations --enable-long-phy-address --enable-protection-keys --enable-monitor-mwait \
      --enable-pci --enable-fpu --disable-debugger --disable-debugger-gui --disable-docbook --disable-vmx \
      --disable-plugins --with-nogui
    make' - "$guest" "$here/bochs.patch" >"$guest/build.log" 2>&1 || fail "Bochs does not build: see $guest/build.log"
  mv "$guest/source/bochs" "$bochs"
  rm -rf "$guest/source"
}

kernel() { # Linux, once
  [ ! -e "$guest/vmlinuz" ] || return 0
  # shellcheck disable=SC2016
  there sh -c 'set -e; cd "$1"; apt-get download "$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: //p" | head -1)"
    dpkg -x linux-image*.deb kernel' - "$guest" >"$guest/kernel.log" 2>&1 || fail "no kernel: see $guest/kernel.log"
  mv "$guest"/kernel/boot/vmlinuz-* "$guest/vmlinuz"
  rm -rf "$guest/kernel" "$guest"/linux-image*.deb
}

image() { # the test binary, its data and an init, on a CD
  local root=$guest/root cd=$guest/cd
  rm -rf "$root" "$cd"
  mkdir -p "$root"/{bin,proc,sys,dev,tmp,kernels} "$cd/isolinux"
  CGO_ENABLED=0 go test -c -o "$root/kernels/kernels.test" ./kernels
  cp -r kernels/testdata "$root/kernels/"
  there cp /usr/bin/busybox "$root/bin/"
  {
    printf '%s\n' '#!/bin/busybox sh' '/bin/busybox --install -s /bin' 'export PATH=/bin' \
      'mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp' \
      'ip link set lo up' 'cd /kernels' 'echo GUEST-START'
    printf 'export KERNELS_ISA=%q\n' "$isa"
    printf './kernels.test -test.v -test.timeout 0 -test.run %q %s | grep -v "^=== "\n' "$run" "$args"
    # shellcheck disable=SC2016
    printf '%s\n' 'read -r up rest </proc/uptime; echo "GUEST-END after $up s of its time"' 'sleep 1' 'poweroff -f'
  } >"$root/init"
  chmod +x "$root/init"
  cp "$guest/vmlinuz" "$cd/"
  there cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$cd/isolinux/"
  cat >"$cd/isolinux/isolinux.cfg" <<F
default l
prompt 0
timeout 1
label l
 kernel /vmlinuz
 initrd /initrd
 append console=ttyS0 quiet mitigations=off nokaslr no5lvl clearcpuid=aperfmperf tsc_early_khz=$khz tsc=reliable clocksource=tsc nowatchdog
F
  # shellcheck disable=SC2016
  there sh -c 'set -e; cd "$1/root"; find . | cpio -o -H newc --quiet >"$1/cd/initrd"
    xorriso -as mkisofs -quiet -o "$1/guest.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
      -no-emul-boot -boot-load-size 4 -boot-info-table "$1/cd" 2>"$1/image.log"' - "$guest" || fail "no image: see $guest/image.log"
}

boot() { # prints what the tests print, as they print it
  cat >"$guest/bochsrc" <<F
cpu: model=sapphire_rapids, count=$cpus, ips=${khz}000, reset_on_triple_fault=0
memory: guest=2048, host=2048
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$guest/guest.iso, status=inserted
com1: enabled=1, mode=file, dev=$guest/serial
clock: sync=none
display_library: nogui
log: $guest/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
F
  : >"$guest/serial"
  # SIGALRM: Bochs prints its rate in the handler, and may lock itself up there.
  there env --block-signal=ALRM "$bochs" -q -f "$guest/bochsrc" >"$guest/bochs.out" 2>&1 &
  local pid=$!
  trap 'kill "$pid" 2>/dev/null' EXIT
  tail -n +1 -f --pid="$pid" "$guest/serial" | sed -un 's/\r$//; /^GUEST-START/,/^GUEST-END/p'
  wait "$pid" || true # how it ends when the guest goes off
  trap - EXIT
  grep -q '^GUEST-END' "$guest/serial" || fail "the guest stopped: see $guest/serial and $guest/bochs.out"
  if ! tr -d '\r' <"$guest/serial" | grep -qx PASS; then
    echo "amx-guest: FAILED (all of it: $guest/serial)" >&2
    exit 1
  fi
}

mkdir -p "$guest"
packages
build
kernel
image
boot
