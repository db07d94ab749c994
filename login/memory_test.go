package login

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

var cycles = flag.Int("cycles", 5_000, "logins and logouts of TestHostileMemoryIsFlat")

// TestHostileMemoryIsFlat: S09, what logins and logouts leave behind does not grow with them. One comes every five seconds, for hours or, with more
// -cycles, for days.
func TestHostileMemoryIsFlat(t *testing.T) {
	hostile.Watch(t, "", hostile.Bytes(uint64(*cycles)*400<<10), hostile.Within(10*time.Minute))
	synctest.Test(t, func(t *testing.T) {
		h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, openid.Config{Issuer: hostile.ForgetfulIssuer, ClientID: "client", Auth: openid.None(),
			HTTPClient: &http.Client{Transport: hostile.Forgetful{Key: hostile.NewKey(t, "ES256", "k")}}})
		if err != nil {
			t.Fatal(err)
		}
		const early = 1_000
		var first, last int64
		for n := 1; n <= *cycles; n++ {
			logInAndOut(t, h)
			time.Sleep(5 * time.Second)
			if n == early || n == 10*early || n == *cycles {
				last = heap()
				t.Logf("%d bytes after %d cycles", last, n)
			}
			if n == early {
				first = last
			}
		}
		hostile.Hear(h)
		runtime.KeepAlive(h)
		// Maps keep the room of their fullest moment, which comes late in some: less than a byte for each of many cycles.
		if growth := last - first; growth > 64<<10+int64(*cycles) {
			t.Errorf("%d bytes more after %d cycles than after %d", growth, *cycles, early)
		}
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// logInAndOut is all that one user does.
func logInAndOut(t testing.TB, h *Handler) {
	cookies := map[string]string{}
	do := func(method, target string) *url.URL {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept", "text/html")
		for name, value := range cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if cookies[c.Name] = c.Value; c.MaxAge < 0 {
				delete(cookies, c.Name)
			}
		}
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther {
			t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		return u
	}
	q := do("GET", "/auth/login?return_to=/x").Query()
	do("GET", "/auth/callback?"+url.Values{"code": {q.Get("nonce")}, "state": {q.Get("state")}}.Encode())
	q = do("POST", "/auth/logout").Query()
	do("GET", "/auth/logged-out?state="+q.Get("state"))
	if len(cookies) != 0 {
		t.Fatalf("left in the browser: %v", cookies)
	}
}
