package openid

import (
	"fmt"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

// TestHeadersAreJudgedEachTime: a header that was seen before is remembered, its verdict is not.
func TestHeadersAreJudgedEachTime(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	if m := c.headers.seen.Load(); m == nil || len(*m) != 1 {
		t.Fatal("the header of a verified token is not remembered")
	}
	p.IDToken = func(tok *hostile.Token) { tok.Compact = hostile.BreakSignature }
	if _, err := logIn(t, c, p); refusedBy(err) != "signature" {
		t.Errorf("a bad signature under a known header: %v", err)
	}
	p.IDToken = header("crit", `["x"]`)
	for range 2 {
		if _, err := logIn(t, c, p); refusedBy(err) != "crit" {
			t.Errorf("crit: %v", err)
		}
	}
	if m := c.headers.seen.Load(); len(*m) != 1 {
		t.Error("the header of a refused token is remembered")
	}
	for i := range 10 * maxHeaders {
		c.headers.keep(fmt.Sprint(i), jose.Header{})
	}
	if m := c.headers.seen.Load(); len(*m) > maxHeaders {
		t.Errorf("%d headers are remembered", len(*m))
	}
}
