package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// guestKernel is where .ci/packages keeps Debian's cloud kernel for guests:
// boot/vmlinuz-* and lib/modules. It is unpacked, never installed.
const guestKernel = "/var/cache/weir-lab/kernel"

// busybox is the whole userland of a guest.
const busybox = "/usr/bin/busybox"

// guestModules are loaded in this order.
var guestModules = []string{
	"drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev",
	"drivers/virtio/virtio_pci", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
	"drivers/block/virtio_blk", "drivers/virtio/virtio_balloon",
}

// guestInit configures the address of the kernel's command line, then reads and
// writes every disk for ever. A line from the console is a command.
const guestInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in $(cat /modules); do insmod /$m; done
for x in $(cat /proc/cmdline); do case $x in lab.ip=*) ip=${x#lab.ip=};; lab.idle) idle=y;; esac; done
ip link set lo up; ip addr add $ip dev eth0; ip link set eth0 up
echo "guest is up"
while [ "$idle" ]; do sleep 1000; done
while :; do
	for d in /dev/vd?; do
		dd if=$d of=/dev/null bs=4k count=64 2>/dev/null
		dd if=/dev/zero of=$d bs=4k count=16 2>/dev/null
	done
	sync; sleep 2
done
`

// guestImage writes kernel and initrd of a guest into a folder.
func guestImage(dir string) (kernel, initrd string, err error) {
	kernels, err := filepath.Glob(filepath.Join(guestKernel, "boot", "vmlinuz-*"))
	if err != nil || len(kernels) == 0 {
		return "", "", fmt.Errorf("no kernel for guests in %s/boot: run .ci/packages", guestKernel)
	}
	kernel = kernels[len(kernels)-1]
	modules := filepath.Join(guestKernel, "lib/modules", strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-"), "kernel")
	var a archive
	for _, d := range []string{"bin", "proc", "sys", "dev"} {
		a.add(d, 0o40755, nil)
	}
	b, err := os.ReadFile(busybox)
	if err != nil {
		return "", "", err
	}
	a.add("bin/busybox", 0o100755, b)
	a.add("init", 0o100755, []byte(guestInit))
	var names strings.Builder
	for _, m := range guestModules {
		if b, err = os.ReadFile(filepath.Join(modules, m+".ko")); err != nil {
			return "", "", err
		}
		name := filepath.Base(m) + ".ko"
		a.add(name, 0o100644, b)
		fmt.Fprintln(&names, name)
	}
	a.add("modules", 0o100644, []byte(names.String()))
	initrd = filepath.Join(dir, "initrd")
	return kernel, initrd, os.WriteFile(initrd, a.bytes(), 0o600)
}

// archive is a cpio archive in the "newc" format, which the kernel unpacks.
type archive struct {
	b     bytes.Buffer
	inode uint32
}

// add appends a file with its mode, whose upper bits are its kind.
func (a *archive) add(name string, mode uint32, content []byte) {
	a.inode++
	// magic; inode, mode, uid, gid, links, mtime, size, dev 2, rdev 2, name size, check: 8 hexadecimal digits each.
	fmt.Fprintf(&a.b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.b.WriteString(name + "\x00")
	a.pad()
	a.b.Write(content)
	a.pad()
}

func (a *archive) pad() { a.b.Write(make([]byte, -a.b.Len()&3)) }

func (a *archive) bytes() []byte {
	a.add("TRAILER!!!", 0, nil)
	return a.b.Bytes()
}
