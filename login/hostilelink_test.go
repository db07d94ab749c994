package login

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// links has the application link accounts, and notes which belongs to whom. meanwhile runs before it says yes.
func (a *app) links(b *browser, meanwhile func()) map[string]string {
	links := map[string]string{}
	a.cfg.OnLogin = func(_ context.Context, r *Result) error {
		if r.LinkTo != nil {
			_, to := r.LinkTo.Subject()
			_, subject := r.User.Subject()
			links[subject] = to
			meanwhile()
		}
		return nil
	}
	b.h.(*http.ServeMux).HandleFunc("/link", func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{Link: true, ReturnTo: "/x"}) })
	return links
}

// TestHostileLinkChangesHands: S13, alice begins to link an account, and bob is signed in when the answer comes: it would be his.
func TestHostileLinkChangesHands(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+ discovery token jwks token+")
	both(t, func(t *testing.T, a *app, b *browser) {
		links := a.links(b, func() {})
		b.mustLogIn("/")
		back := b.answer(b.post("/link").Header.Get("Location"))
		b.post("/auth/logout")
		a.p.Subject = "bob-sub"
		b.mustLogIn("/")
		wants(t, b.do(back), 400, "expired")
		if err := a.lastFailure(); !errors.Is(err, errOther) || len(links) != 0 {
			t.Errorf("links %v, reported %v", links, err)
		}
		wants(t, b.get("/open"), 200, "bob-sub")

		b.post("/auth/logout")
		a.p.Subject = "alice-sub"
		b.mustLogIn("/")
		back = b.answer(b.post("/link").Header.Get("Location"))
		b.post("/auth/logout")
		b.mustLogIn("/") // alice is who she was
		if res := b.do(back); res.Header.Get("Location") != "/x" || links["alice-sub"] != "alice-sub" {
			t.Errorf("%d, links %v", res.StatusCode, links)
		}
	})
}

// TestHostileLinkAfterLogout: S05, a link that was under way does not bring back who has logged out meanwhile.
func TestHostileLinkAfterLogout(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token")
	counted := &countedStore{Backend: newMemory()}
	play(t, func(t *testing.T, a *app, b *browser) {
		tab := b.also()
		a.links(b, func() { tab.post("/auth/logout") })
		b.mustLogIn("/")
		tab.cookies["__Host-session"] = b.cookies["__Host-session"]
		wants(t, b.do(b.answer(b.post("/link").Header.Get("Location"))), 400, "expired")
		if err := a.lastFailure(); !errors.Is(err, errEnded) {
			t.Errorf("reported %v", err)
		}
		wants(t, b.get("/open"), 200, "nobody")
		if n, m := counted.count("session:"), counted.count("tokens:"); n != 0 || m != 0 {
			t.Errorf("left: %d sessions, %d token records", n, m)
		}
	}, counted.use, offline)
}
