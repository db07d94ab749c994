package openid

import (
	"runtime"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestHostileSizes: what nobody signed costs next to nothing, however much of it there is.
func TestHostileSizes(t *testing.T) {
	p := hostile.Pipe(t)
	c := newTestClient(t, p)
	good := longLived(p, p.SigningKey())
	verify(t, c, good.String())
	long := func(change func(*hostile.Token)) string {
		tok := longLived(p, p.SigningKey())
		change(tok)
		return hostile.BreakSignature(tok.String())
	}
	for _, l := range []struct{ name, raw, check string }{
		{"I31 8 MB that nobody signed", long(func(tok *hostile.Token) { tok.Claims["x"] = strings.Repeat("x", 6<<20) }), "compact"},
		{"I31 60 KB that nobody signed", long(func(tok *hostile.Token) { tok.Claims["x"] = strings.Repeat("x", 40<<10) }), "signature"},
		{"I43 5 million dots", strings.Repeat(".", 5_000_000), "compact"},
		{"I43 5 million parts", strings.Repeat("a.", 5_000_000), "compact"},
		{"J25 a kid of 1 MB", long(func(tok *hostile.Token) { tok.Header["kid"] = strings.Repeat("k", 1<<20) }), "compact"},
		{"I32 depth that nobody signed", hostile.Compact([]byte(`{"alg":"ES256","x":`+strings.Repeat("[", 10_000)), []byte("{}"), make([]byte, 64)), "header"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			refuse(t, c, l.raw, l.check)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 4*64<<10 {
				t.Errorf("%d bytes were allocated for %d", n, len(l.raw))
			}
			if n := p.Count("jwks"); n != 1 {
				t.Errorf("%d fetches of the keys", n)
			}
		})
	}
}
