package openid

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// logInAndOut is all that one user does.
func logInAndOut(t *testing.T, c *Client) {
	location, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	back := url.Values{"code": {u.Query().Get("nonce")}, "state": {u.Query().Get("state")}}
	tokens, err := c.Callback(t.Context(), httptest.NewRequest("GET", "https://app.example/cb?"+back.Encode(), nil), tx)
	if err != nil {
		t.Fatal(err)
	}
	location, tx, err = c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, _ = url.Parse(location)
	if err := c.LogoutCallback(t.Context(), httptest.NewRequest("GET", "https://app.example/bye?state="+u.Query().Get("state"), nil), tx); err != nil {
		t.Fatal(err)
	}
}

// TestHostileMemoryIsFlat: what a client keeps does not grow with the users it has seen. One comes every ten seconds, for two days.
func TestHostileMemoryIsFlat(t *testing.T) {
	t.Run("S09 20,000 logins", func(t *testing.T) {
		hostile.Watch(t, "", hostile.Bytes(2<<30), hostile.Within(10*time.Minute))
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{Issuer: hostile.ForgetfulIssuer, ClientID: "client", Auth: None(), RedirectURI: "https://app.example/cb",
				HTTPClient: &http.Client{Transport: hostile.Forgetful{Key: hostile.NewKey(t, "ES256", "k")}}})
			if err != nil {
				t.Fatal(err)
			}
			cycles := func(n int) (heap uint64, running int) {
				for range n {
					logInAndOut(t, c)
					time.Sleep(10 * time.Second)
				}
				runtime.GC() // twice: a sync.Pool gives up its content at the second
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc, goroutines()
			}
			hostile.Hear(c)
			early, few := cycles(5_000)
			late, many := cycles(15_000)
			runtime.KeepAlive(c) // until here, or it would be part of the garbage
			if growth := int64(late) - int64(early); growth > 64<<10 {
				t.Errorf("15,000 cycles left %d bytes", growth)
			}
			if many > few {
				t.Errorf("%d goroutines grew to %d", few, many)
			}
		})
	})
}
