package login

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

func stateless(c *Config) { c.Stateless = true }

// both plays with sessions in the store and in cookies.
func both(t *testing.T, f func(t *testing.T, a *app, b *browser), tune ...func(*Config)) {
	t.Helper()
	t.Run("store", func(t *testing.T) { play(t, f, tune...) })
	t.Run("stateless", func(t *testing.T) { play(t, f, append(tune, stateless)...) })
}

// with presents a session cookie of this value.
func (b *browser) with(value string) *browser {
	other := b.also()
	other.cookies["__Host-session"] = &http.Cookie{Name: "__Host-session", Value: value}
	return other
}

// flips are all texts that differ from s in one bit of one character, as far as a cookie can hold them; of a long one, in one bit of each.
func flips(s string) (list []string) {
	for i := range len(s) {
		for n := range 7 {
			c := s[i] ^ 1<<((i+n)%7)
			if c <= ' ' || c >= 0x7f || strings.ContainsRune("\",;\\", rune(c)) {
				continue
			}
			if list = append(list, s[:i]+string(rune(c))+s[i+1:]); len(s) > 100 {
				break
			}
		}
	}
	return list
}

// TestHostileLateAnswer: S05 for sessions in cookies, whose renewal comes from a request that was under way while the user logged out, or became somebody else.
func TestHostileLateAnswer(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+")
	play(t, func(t *testing.T, a *app, b *browser) {
		var meanwhile func()
		b.h.(*http.ServeMux).Handle("/slow", a.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			meanwhile()
			if err := a.SetValue(w, r, "cart", "apple"); err != nil {
				t.Error(err)
			}
		})))
		slow := func(during func()) {
			t.Helper()
			tab := b.also()
			tab.cookies = maps.Clone(b.cookies)
			meanwhile = during
			if tab.get("/slow"); len(tab.set) == 0 {
				t.Fatal("the late answer sets no cookie")
			}
			for _, c := range tab.set {
				b.cookies[c.Name] = c
			}
		}
		b.mustLogIn("/")
		slow(func() { b.post("/auth/logout") })
		wants(t, b.get("/open"), 200, "nobody ")

		b.mustLogIn("/")
		slow(func() {
			b.post("/auth/logout")
			b.get("/set?cart=pear")
			a.p.Subject = "bob-sub"
			b.mustLogIn("/")
			wants(t, b.get("/open"), 200, "bob-sub pear")
		})
		wants(t, b.get("/open"), 200, "nobody ")

		for range 2 * maxEnded {
			b.mustLogIn("/x")
			b.post("/auth/logout")
		}
		if c := b.cookies["__Host-session-ended"]; len(c.Value) != maxEnded*(endedLength+1)-1 || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s=%s", c.Name, c.Raw)
		}
		b.mustLogIn("/x")
		slow(func() {
			a.cfg.LoadUser = func(context.Context, *User) (any, error) { return nil, ErrNoAccount }
			b.get("/open")
			a.cfg.LoadUser = nil
		})
		wants(t, b.get("/open"), 200, "nobody ")
	}, stateless)
}

// TestHostileSessionBitFlips: S01, in the session, and whatever else is no cookie of ours.
func TestHostileSessionBitFlips(t *testing.T) {
	hostile.Watch(t, "discovery token jwks discovery token jwks")
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		good := b.session()
		lies := append(flips(good), "", "x", good[1:], good[:len(good)-1], good+"A", good+"=", strings.Repeat("A", 100_000), good+good, "\x00", good[:10]+" "+good[11:])
		for _, lie := range lies {
			if res := b.with(lie).get("/open"); text(res) != "nobody " || res.StatusCode != 200 {
				t.Fatalf("%.90q: %d %s", lie, res.StatusCode, text(res))
			}
		}
		twice := page("GET", "/open")
		twice.Header.Set("Cookie", "__Host-session="+good+"; __Host-session="+good[1:])
		if res := b.also().do(twice); text(res) != "nobody " {
			t.Errorf("two of one name: %s", text(res))
		}
		wants(t, b.with(good).get("/open"), 200, "alice-sub")
	})
}

// TestHostileTransactionBitFlips: S01, the transaction's.
func TestHostileTransactionBitFlips(t *testing.T) {
	hostile.Watch(t, "discovery token jwks", hostile.Bytes(1<<30))
	play(t, func(t *testing.T, a *app, b *browser) {
		location := b.start("/")
		name := b.transactions()[0]
		good := b.cookies[name].Value
		back := b.answer(location).URL.String()
		lies := append(flips(good), "", ".", good+"x", good[:100], strings.Repeat("A.", 50_000), good+"."+good)
		for _, lie := range lies {
			b.cookies[name] = &http.Cookie{Name: name, Value: lie}
			if res := b.get(back); res.StatusCode != 400 {
				t.Fatalf("%.90q: %d", lie, res.StatusCode)
			}
		}
		if a.p.Count("token") != 0 {
			t.Error("a code was redeemed")
		}
		delete(b.cookies, name)
		b.cookies[name+"x"] = &http.Cookie{Name: name + "x", Value: good} // S02: under another name
		wants(t, b.get(back), 400, "expired")
		delete(b.cookies, name+"x")
		b.cookies[name] = &http.Cookie{Name: name, Value: good}
		if res := b.get(back); res.StatusCode != http.StatusSeeOther {
			t.Errorf("the good one: %d %s", res.StatusCode, text(res))
		}
	})
}

// TestHostileForeignCookies: S02, what another application made, which shares keys and store.
func TestHostileForeignCookies(t *testing.T) {
	hostile.Watch(t, "discovery token jwks discovery token jwks")
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		good := b.session()
		for _, l := range []struct {
			name string
			tune func(*Config)
			want string
		}{
			{"session", func(*Config) {}, "alice-sub "},
			{"session", func(c *Config) { c.BaseURL = "https://app.example/other" }, "nobody "},
			{"session", func(c *Config) { c.BaseURL = "https://other.example/auth" }, "nobody "},
			{"session-tx-1", func(*Config) {}, "nobody "},
		} {
			cfg := Config{BaseURL: base, Keys: []openid.Secret{key('1')}, Store: a.store, Stateless: a.cfg.Stateless}
			l.tune(&cfg)
			h, err := New(cfg, providerConfig(a.p))
			if err != nil {
				t.Fatal(err)
			}
			other := b.also()
			other.h = (&app{Handler: h, p: a.p}).mux()
			other.cookies["__Host-"+l.name] = &http.Cookie{Name: "__Host-" + l.name, Value: good}
			if got := text(other.get("/open")); got != l.want {
				t.Errorf("%s at %s: %q", l.name, cfg.BaseURL, got)
			}
		}
	})
}

// TestHostileForeignSealedCookies: S02 for sealed sessions.
func TestHostileForeignSealedCookies(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		now := time.Now()
		alice := &session{started: now, seen: now, issuer: a.p.Issuer, subject: "alice-sub"}
		seal := func(s *sealer, plain []byte, name string) string {
			v, err := s.seal(plain, name)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		wants(t, b.with(seal(a.sessionSeal, alice.encode(), "__Host-session")).get("/open"), 200, "alice-sub")
		newer := alice.encode()
		newer[0]++
		raw, _ := base64.RawURLEncoding.DecodeString(b.session())
		raw[0]++
		unknown := *alice
		unknown.provider = "gone"
		for lie, value := range map[string]string{
			"another name":         seal(a.sessionSeal, alice.encode(), "__Host-session-tx-1"),
			"another purpose":      seal(a.attemptSeal, alice.encode(), "__Host-session"),
			"another key":          seal(newSealer([]openid.Secret{key('2')}, "openid login session", base), alice.encode(), "__Host-session"),
			"another application":  seal(newSealer([]openid.Secret{key('1')}, "openid login session", base+"2"), alice.encode(), "__Host-session"),
			"another version":      seal(a.sessionSeal, newer, "__Host-session"),
			"another seal version": base64.RawURLEncoding.EncodeToString(raw),
			"trailing bytes":       seal(a.sessionSeal, append(alice.encode(), 0), "__Host-session"),
			"a record cut off":     seal(a.sessionSeal, alice.encode()[:20], "__Host-session"),
			"nothing":              seal(a.sessionSeal, nil, "__Host-session"),
			"a provider that went": seal(a.sessionSeal, unknown.encode(), "__Host-session"),
		} {
			if res := b.with(value).get("/open"); text(res) != "nobody " {
				t.Errorf("%s: %s", lie, text(res))
			}
		}
	}, stateless)
}

// TestHostileKeyRotation: S08, nobody is logged out, and no login under way is lost.
func TestHostileKeyRotation(t *testing.T) {
	hostile.Watch(t, "discovery token jwks discovery token jwks discovery token jwks discovery token jwks")
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		before := b.session()
		pending := b.start("/auth/login?return_to=/y")
		rotated := func(keys ...openid.Secret) http.Handler {
			h, err := New(Config{BaseURL: base, Keys: keys, Store: a.store, Stateless: a.cfg.Stateless}, providerConfig(a.p))
			if err != nil {
				t.Fatal(err)
			}
			return (&app{Handler: h, p: a.p}).mux()
		}
		b.h = rotated(key('2'), key('1'))
		wants(t, b.get("/open"), 200, "alice-sub")
		if a.cfg.Stateless && b.session() == before {
			t.Error("still sealed with the old key")
		}
		moved := maps.Clone(b.cookies)
		if res := b.do(b.answer(pending)); res.Header.Get("Location") != "/y" {
			t.Errorf("the login under way: %d %s", res.StatusCode, text(res))
		}
		b.cookies = moved
		b.h = rotated(key('2'))
		wants(t, b.with(b.session()).get("/open"), 200, map[bool]string{true: "alice-sub", false: "nobody"}[a.cfg.Stateless])
	})
}
