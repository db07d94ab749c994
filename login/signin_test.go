package login

import (
	"errors"
	"net/http"
	"testing"
)

// passwords is a strategy of the application's own.
var passwords = strategyFunc(func(_ http.ResponseWriter, r *http.Request) (Outcome, error) {
	switch r.PostForm.Get("password") {
	case "secret":
		return Success(Identity{Issuer: "https://app.example", Subject: r.PostForm.Get("name")}), nil
	case "away":
		return Outcome{}, errAway
	case "elsewhere":
		return Redirect("/passkey"), nil
	case "whatever":
		return Pass(), nil
	}
	return Fail(0, ""), nil
})

// TestSignIn: a form of the application's own begins the same kind of session.
func TestSignIn(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		mux := b.h.(*http.ServeMux)
		mux.Handle("/password", a.SignIn(passwords))
		b.get("/set?cart=apple")
		planted := b.session()
		if got := b.start("/x?y"); got != "/enter?return_to=%2Fx%3Fy" {
			t.Errorf("sent to %s", got)
		}
		for _, l := range []struct {
			password, returnTo string
			status             int
			location, body     string
		}{
			{"wrong", "/x", 403, "", "/enter?return_to=%2Fx"},
			{"away", "/x", 503, "", ""},
			{"elsewhere", "/x", 303, "/passkey", ""},
			{"whatever", "/x", 303, "/x", ""},
			{"secret", "https://evil.example/", 303, "/", ""},
		} {
			res := b.post("/password", "name", "dave", "password", l.password, "return_to", l.returnTo)
			wants(t, res, l.status, l.body)
			if got := res.Header.Get("Location"); got != l.location {
				t.Errorf("%s: sent to %q", l.password, got)
			}
			want := map[bool]string{true: "dave apple", false: "nobody apple"}[l.password == "secret"]
			wants(t, b.get("/open"), 200, want)
		}
		if b.session() == planted {
			t.Error("the id is the same")
		}
		r := page("POST", "/password", "name", "mallory", "password", "secret")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		wants(t, b.do(r), 403)
		wants(t, b.get("/password"), 405)
		wants(t, b.get("/open"), 200, "dave")
		b.post("/password", "name", "erin", "password", "secret")
		if got := text(b.get("/open")); got != "erin " {
			t.Errorf("erin has dave's cart: %q", got)
		}
		if got := b.start("/vault"); got != "/enter?return_to=%2Fvault" {
			t.Errorf("for a better login: %s", got)
		}
		if res := b.post("/auth/logout"); res.Header.Get("Location") != "/" { // no provider knows dave
			t.Errorf("logged out to %q", res.Header.Get("Location"))
		}
		wants(t, b.get("/open"), 200, "nobody")
	}, func(c *Config) { c.LoginPage = "/enter" })
}

func TestLogIn(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := b.h.(*http.ServeMux)
		mux.HandleFunc("/invitation", func(w http.ResponseWriter, r *http.Request) {
			if err := a.LogIn(w, r, Identity{Issuer: "https://app.example"}); !errors.Is(err, errIdentity) {
				t.Error(err)
			}
			if err := a.LogIn(w, r, Identity{Issuer: "https://app.example", Subject: "erin", ACR: "gold", Scope: []string{"mail"}}); err != nil {
				t.Error(err)
			}
		})
		b.mustLogIn("/")
		before := b.session()
		wants(t, b.get("/invitation"), 200)
		for _, target := range []string{"/open", "/vault", "/mail", "/pay"} {
			wants(t, b.get(target), 200, "erin")
		}
		wants(t, b.with(before).get("/open"), 200, "nobody")
	})
}
