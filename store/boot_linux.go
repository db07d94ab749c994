package store

import (
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// bootID names this boot; empty where /proc is hidden.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// sinceBoot is CLOCK_BOOTTIME: nobody sets it, and it goes on while the machine sleeps. The standard library has no call for it. /proc/uptime
// would do without unsafe, but counts in hundredths, and LXC containers are shown one of their own: two that share a directory would
// believe each other's leases lapsed.
func sinceBoot() (time.Duration, bool) {
	const clockBoottime = 7
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}
