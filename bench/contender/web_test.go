package contender

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/openid-client/openid/bench/browser"
	"github.com/openid-client/openid/bench/provider"
)

func TestMain(m *testing.M) {
	provider.ServeIfChild()
	os.Exit(m.Run())
}

// TestWebsKeepOthersOut: nobody is measured for letting everybody in.
func TestWebsKeepOthersOut(t *testing.T) {
	p, err := provider.Spawn()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	for _, c := range All {
		for offer, web := range map[string]Web{"session": c.Session, "sealed session": c.SealedSession, "login": c.WebLogin} {
			if web == nil {
				continue
			}
			t.Run(c.Name+"/"+offer, func(t *testing.T) {
				app, err := web(p.URL, new(http.Client))
				if err != nil {
					t.Fatal(err)
				}
				b := browser.New(app)
				if status, _, body, err := b.Get(PageURL); err != nil || status == http.StatusOK {
					t.Errorf("the page without a login: %d %s %v", status, body, err)
				}
				to, err := b.Follow(StartURL)
				if err != nil {
					t.Fatal(err)
				}
				if to == PageURL { // this one asks no provider
					return
				}
				back, err := provider.Authorize(to)
				if err != nil {
					t.Fatal(err)
				}
				if status, _, body, err := b.Get(strings.Replace(back, "state=", "state=x", 1)); err != nil || status < 400 {
					t.Errorf("another state: %d %s %v", status, body, err)
				}
				if status, _, body, err := browser.New(app).Get(back); err != nil || status < 400 {
					t.Errorf("another browser: %d %s %v", status, body, err)
				}
			})
		}
	}
}
