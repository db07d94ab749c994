package login

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// signedIn is a protected handler and a request of somebody who is signed in.
func signedIn(t testing.TB, tune ...func(*Config)) (http.Handler, *http.Request) {
	a, b := newApp(t, hostile.New(t), tune...)
	b.mustLogIn("/")
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-session", Value: b.session()})
	return a.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if UserFrom(r.Context()) == nil {
			t.Error("nobody")
		}
	})), r
}

// BenchmarkRequire: what a request of a signed-in user costs; beside it the bare handler.
func BenchmarkRequire(b *testing.B) {
	stored, r := signedIn(b)
	sealed, s := signedIn(b, func(c *Config) { c.Stateless = true })
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, one := range []struct {
		name string
		h    http.Handler
		r    *http.Request
	}{{"bare", bare, r}, {"store", stored, r}, {"stateless", sealed, s}} {
		b.Run(one.name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				one.h.ServeHTTP(w, one.r)
			}
		})
	}
}
