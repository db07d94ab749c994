//go:build darwin || dragonfly || freebsd || illumos || netbsd || openbsd

package store

import "time"

// Without a clock that counts from boot, leases go by the wall clock: a step of it is borne as the Grace of a Store bears a holder's pause.
func bootID() string { return "" }

func sinceBoot() (time.Duration, bool) { return 0, false }
