package jwks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The soft age: how long a set serves before it is fetched again in the
// background. The server's word counts between minFresh and maxFresh.
const (
	minFresh     = time.Minute
	defaultFresh = time.Hour
	maxFresh     = HardAge / 2 // leaves half a day for a server that is down
)

// freshness reads Cache-Control and Age (RFC 9111 §4.2.1, §5.1, §5.2.2). The
// shortest of several answers counts; what cannot be read is ignored.
func freshness(h http.Header) time.Duration {
	fresh, found := maxFresh, false
	for directive := range strings.SplitSeq(strings.Join(h["Cache-Control"], ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			if d, ok := seconds(strings.Trim(value, `"`)); ok {
				fresh, found = min(fresh, d), true
			}
		}
	}
	if !found {
		return defaultFresh
	}
	age, _ := seconds(h.Get("Age"))
	return max(fresh-age, minFresh)
}

// seconds reads a delta-seconds; what is too large to count is a day.
func seconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseUint(s, 10, 32) // beyond its range the end of it
	return min(time.Duration(n)*time.Second, HardAge), true
}
