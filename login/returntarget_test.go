package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

func targets(t testing.TB) *core {
	h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}, ReturnTo: []string{"https://spa.example/done?x=1"}},
		openid.Config{Issuer: "https://op.example", ClientID: "web", Auth: openid.None()})
	if err != nil {
		t.Fatal(err)
	}
	return h.core
}

// TestHostileReturnTargets: C14 and C15, RFC 9700 section 4.11.
func TestHostileReturnTargets(t *testing.T) {
	hostile.Watch(t, "")
	c := targets(t)
	for raw, want := range map[string]string{
		"/":                                "/",
		"/orders?id=7&x=%2F%2F#part":       "/orders?id=7&x=%2F%2F#part",
		"/a%2Fb":                           "/a%2Fb",
		"/?next=//evil.example":            "/?next=//evil.example",
		"/%C3%A4":                          "/%C3%A4",
		"https://spa.example/done?x=1":     "https://spa.example/done?x=1",
		"/authors":                         "/authors",
		"/a//b":                            "/a//b",
		"/" + strings.Repeat("x", 1023):    "/" + strings.Repeat("x", 1023),
		"/@evil.example":                   "/@evil.example",
		"/:80/x":                           "/:80/x",
		"/path;param=1":                    "/path;param=1",
		"/search?q=a+b&redirect=https://x": "/search?q=a+b&redirect=https://x",
	} {
		if got, ok := c.returnTarget(raw); !ok || got != want {
			t.Errorf("%s: %q, %v", raw, got, ok)
		}
	}
	for _, lie := range []string{"", "x", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `/\/evil.example`, "https://evil.example", "https:evil.example",
		"https:/evil.example", "HTTPS://evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/ /x",
		"/x\r\nSet-Cookie: a=b", "/%2F/evil.example", "/%2Fevil.example", "/%2f%2fevil.example", "/%5Cevil.example", "/%5cevil.example", "/x%0d%0ay", "/x%00", "/./%2Fevil.example",
		"/.//evil.example", "/..//evil.example", "/a/..//evil.example", "/%2e%2e//evil.example", "/%2E/x", "@evil.example", "/x\x00", "/x\x7f", "/ä", "/%zz", "/" + strings.Repeat("x", 1024),
		"https://spa.example/done", "https://spa.example/done?x=1#", "https://spa.example/done?x=1&y", "https://spa.example@evil.example/done?x=1", "https://user@spa.example/done?x=1",
		"https://app.example/x", "/auth", "/auth/", "/auth/logout", "/auth/login?return_to=/auth/login", "/%61uth/logout", "?x", "#x", "/\u2028", "/\u00a0//x", "http:///x", "://x", "/\\"} {
		got, ok := c.returnTarget(lie)
		hostile.Hear(got)
		if ok {
			t.Errorf("%q: %q", lie, got)
		}
	}
}

// TestHostileReturnTargetsFromOutside: C14 and C15, a link of somebody else's leads into this site, whatever it says.
func TestHostileReturnTargetsFromOutside(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+")
	play(t, func(t *testing.T, a *app, b *browser) {
		for _, lie := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "https://app.example//evil.example", "https://app.example@evil.example", "https://app.example.evil.example/",
			"/%2Fevil.example", "/x\r\nSet-Cookie:a=b", "/" + strings.Repeat("<", maxReturnTarget-1)} {
			res := b.do(b.answer(b.start("/auth/login?return_to=" + url.QueryEscape(lie))))
			if got := res.Header.Get("Location"); got != "/" || res.StatusCode != http.StatusSeeOther {
				t.Errorf("%q: %d %q", lie, res.StatusCode, got)
			}
		}
	})
}

// TestHere: what a browser asked for is where it comes back to, whatever a router made of it.
func TestHere(t *testing.T) {
	c := targets(t)
	for asked, want := range map[string]string{
		"/x?y=1":                             "/x?y=1",
		"/a%2Fb?c":                           "/a%2Fb?c",
		"//evil.example/x":                   "/",
		"/%2Fevil.example":                   "/",
		"/auth/x":                            "/",
		"https://app.example/x?y":            "/x?y",
		"https://evil.example/x":             "/x",
		"/x?" + strings.Repeat("y", 2000):    "/x",
		"/" + strings.Repeat("y", 2000):      "/",
		"/x?" + url.QueryEscape("a b\r\n//"): "/x?" + url.QueryEscape("a b\r\n//"),
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = asked
		if got := c.here(r); got != want {
			t.Errorf("%.50s: %q, want %q", asked, got, want)
		}
	}
}

// FuzzReturnTarget: whatever is accepted stays on this site, as browsers read it, and is accepted again.
func FuzzReturnTarget(f *testing.F) {
	for _, seed := range []string{"/", "//x", `/\x`, "/a/../b", "/%2F", "/x?y#z", "https://spa.example/done?x=1", "/\tx", "/x%0a"} {
		f.Add(seed)
	}
	c := targets(f)
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := c.returnTarget(raw)
		if !ok || got == "https://spa.example/done?x=1" {
			return
		}
		// What browsers do: drop tabs and line breaks, take \ for /.
		read := strings.ReplaceAll(strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimSpace(got)), `\`, "/")
		site, _ := url.Parse("https://app.example/auth/callback")
		u, err := site.Parse(read)
		if err != nil || u.Host != "app.example" || u.Scheme != "https" || strings.HasPrefix(read, "//") || read != got {
			t.Errorf("%q: %q leads to %v, %v", raw, got, u, err)
		}
		if again, ok := c.returnTarget(got); !ok || again != got {
			t.Errorf("%q: %q becomes %q, %v", raw, got, again, ok)
		}
	})
}
