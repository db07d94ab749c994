package hostile

import (
	"net/http"
	"time"
)

// Fault is a way in which an endpoint can fail, for tests that try each fault at
// each endpoint.
type Fault struct {
	Name string

	// Handler makes the failing endpoint out of the honest one.
	Handler func(honest http.HandlerFunc) http.HandlerFunc

	// Waits says that no answer comes before the client's own deadline: such a
	// test belongs in a synctest bubble.
	Waits bool
}

// Elsewhere is where the redirecting fault points: Count(Elsewhere) tells
// whether a client followed.
const Elsewhere = "/elsewhere"

// Faults are the faults of a server; what else can fail is in the client's
// hands: metadata that names Refused or BadTLS, a cancelled context, the clock.
func Faults() []Fault {
	fixed := func(h http.HandlerFunc) func(http.HandlerFunc) http.HandlerFunc {
		return func(http.HandlerFunc) http.HandlerFunc { return h }
	}
	return []Fault{
		{"hang", fixed(Hang()), true},
		{"stall", fixed(Stall()), true},
		{"drip", fixed(Drip(time.Second, 600)), true},
		{"reset", fixed(Reset()), false},
		{"truncate", Truncate, false},
		{"oversize", fixed(Oversize(5 << 20)), false},
		{"gzip bomb", fixed(GzipBomb(128)), false},
		{"redirect", fixed(Redirect(Elsewhere)), false},
		{"500", fixed(Status(http.StatusInternalServerError, "text/plain", "out of order")), false},
		{"429", fixed(Status(http.StatusTooManyRequests, "text/plain", "slow down")), false},
		{"204", fixed(Status(http.StatusNoContent, "application/json", "")), false},
		{"HTML", fixed(HTML()), false},
		{"no body", fixed(JSON("")), false},
		{"not JSON", fixed(JSON("{not json}")), false},
		{"JSON array", fixed(JSON("[]")), false},
		{"deep", fixed(Deep(10_000)), false},
		{"invalid UTF-8", fixed(JSON("{\"a\":\"\xff\"}")), false},
		{"trailing bytes", func(h http.HandlerFunc) http.HandlerFunc { return TrailingBytes(h, "{}") }, false},
	}
}
