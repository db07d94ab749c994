package openid

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A metadataLie is something false in the server's metadata, and the one check that must refuse it.
type metadataLie struct {
	name  string
	lie   func(m map[string]any)
	check string
}

func metadataMember(name string, value any) func(map[string]any) {
	return func(m map[string]any) { m[name] = value }
}

var metadataLies = []metadataLie{
	{"D02 the issuer of another", metadataMember("issuer", "https://evil.example"), "issuer"},
	{"D01 issuer with a slash more", func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" }, "issuer"},
	{"D03 a Cyrillic twin", func(m map[string]any) { m["issuer"] = strings.Replace(m["issuer"].(string), "t", "т", 1) }, "issuer"},
	{"D03 a twin in Punycode", func(m map[string]any) { m["issuer"] = strings.Replace(m["issuer"].(string), "//", "//xn--", 1) }, "issuer"},
	{"D05 issuer missing", func(m map[string]any) { delete(m, "issuer") }, "issuer"},
	{"D14 jwks_uri without TLS", metadataMember("jwks_uri", "http://op.example/jwks"), "endpoints"},
	{"D16 a token endpoint with a user", metadataMember("token_endpoint", "https://u:p@op.example/token"), "endpoints"},
	{"D16 an endpoint with a fragment", metadataMember("authorization_endpoint", "https://op.example/a#f"), "endpoints"},
	{"D15 a relative endpoint", metadataMember("userinfo_endpoint", "/userinfo"), "endpoints"},
	{"D19 only none and HS256", metadataMember("id_token_signing_alg_values_supported", []string{"none", "HS256"}), "id_token_signing_alg_values_supported"},
	{"D21 PKCE without S256", metadataMember("code_challenge_methods_supported", []string{"plain"}), "code_challenge_methods_supported"},
	{"no authorization endpoint", func(m map[string]any) { delete(m, "authorization_endpoint") }, "authorization_endpoint"},
}

func (l metadataLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	p.Metadata = l.lie
	c := newTestClient(t, p)
	c.without(drop)
	_, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	return err
}

func TestHostileMetadata(t *testing.T) {
	for _, l := range metadataLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery discovery? token? jwks?")
			p := hostile.New(t)
			p.Metadata = l.lie
			c := newTestClient(t, p)
			_, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
			hostile.Hear(err)
			var v *VerificationError
			if !errors.As(err, &v) || v.Check != l.check || v.Document != "server metadata" {
				t.Fatalf("refused by %v, want %s", err, l.check)
			}
			// A server that comes to its senses is believed.
			p.Change(func() { p.Metadata = nil })
			if _, err := logIn(t, c, p); l.check != "code_challenge_methods_supported" && l.check != "authorization_endpoint" && err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHostileMetadataDocument(t *testing.T) {
	for _, l := range []struct {
		name  string
		serve http.HandlerFunc
		got   string // what the error says came
	}{
		{"D12 an HTML page", hostile.HTML(), "text/html"},
		{"D08 5 MB", hostile.Oversize(5 << 20), "longer"},
		{"D09 a gzip bomb", hostile.GzipBomb(64), "longer"},
		{"D06 a redirect", hostile.Redirect("https://evil.example/"), "307"},
		{"D07 a redirect within the server", hostile.Redirect("/t/.well-known/openid-configuration"), "307"},
		{"D07 a redirect without TLS", hostile.Redirect("http://op.example/"), "307"},
		{"D10 inflated by an unknown method", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			hostile.JSON(`{}`)(w, r)
		}, "br"},
		{"D10 an announced length that does not come", hostile.Truncate(hostile.JSON(`{"issuer":"https://op.example"}`)), ""},
		{"D13 trailing bytes", hostile.JSON(`{"issuer":"x"}{}`), ""},
		{"D04 issuer twice", hostile.JSON(`{"issuer":"https://evil.example","issuer":"https://op.example"}`), "repeats"},
		{"D23 depth", hostile.Deep(10_000), ""},
		{"D22 an array", hostile.JSON(`["x"]`), ""},
		{"D22 null", hostile.JSON(`null`), ""},
		{"a number where a list belongs", hostile.JSON(`{"scopes_supported":1}`), "scopes_supported"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery")
			p := hostile.New(t)
			p.Serve("discovery", l.serve)
			_, err := newTestClient(t, p).Metadata(t.Context())
			hostile.Hear(err)
			var e *ExchangeError
			if !errors.As(err, &e) || e.Endpoint != "discovery" {
				t.Fatalf("got %v, want an *ExchangeError of discovery", err)
			}
			if !strings.Contains(err.Error(), l.got) {
				t.Errorf("%q does not say that %q came", err, l.got)
			}
		})
	}
}

// TestDiscoveryRFC8414: a server that has nothing at the OpenID Connect place is asked at the other one.
func TestDiscoveryRFC8414(t *testing.T) {
	p := hostile.New(t)
	p.Serve("discovery", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/oauth-authorization-server/") {
			p.Honest("discovery")(w, r)
			return
		}
		http.NotFound(w, r)
	})
	if _, err := logIn(t, newTestClient(t, p), p); err != nil {
		t.Fatal(err)
	}
	p.Serve("discovery", http.NotFound)
	_, err := newTestClient(t, p).Metadata(t.Context())
	var refused *ResponseError
	if !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("got %v, want the 404", err)
	}
}

func TestDiscoveryURL(t *testing.T) {
	p := hostile.New(t)
	inside := p.URL("discovery")
	p.Issuer = "https://public.example"
	c := newTestClient(t, p, func(cfg *Config) { cfg.DiscoveryURL = inside })
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	p.Change(func() { p.Issuer = "https://other.example" })
	c = newTestClient(t, p, func(cfg *Config) { cfg.Issuer, cfg.DiscoveryURL = "https://public.example", inside })
	if _, err := c.Metadata(t.Context()); refusedBy(err) != "issuer" {
		t.Errorf("a document of another issuer: %v", err)
	}
}

func TestWellKnown(t *testing.T) {
	for issuer, want := range map[string][2]string{
		"https://op.example":       {"https://op.example/.well-known/openid-configuration", "https://op.example/.well-known/oauth-authorization-server"},
		"https://op.example/":      {"https://op.example/.well-known/openid-configuration", "https://op.example/.well-known/oauth-authorization-server"},
		"https://op.example/t/":    {"https://op.example/t/.well-known/openid-configuration", "https://op.example/.well-known/oauth-authorization-server/t"},
		"https://op.example/a%2Fb": {"https://op.example/a%2Fb/.well-known/openid-configuration", "https://op.example/.well-known/oauth-authorization-server/a%2Fb"},
	} {
		u, err := (&Client{}).http.ParseURL(issuer)
		if err != nil {
			t.Fatal(err)
		}
		if got := wellKnown(u); [2]string(got) != want {
			t.Errorf("%s: %q, want %q", issuer, got, want)
		}
	}
}

func TestMetadataByHand(t *testing.T) {
	p := hostile.New(t)
	m, err := newTestClient(t, p).Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := p.Count("discovery")
	c := newTestClient(t, p, func(cfg *Config) { cfg.Metadata = m })
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	if p.Count("discovery") != before {
		t.Error("metadata given by hand was discovered all the same")
	}
	m.TokenEndpoint = "https://evil.example"
	if again, _ := c.Metadata(t.Context()); again.TokenEndpoint == m.TokenEndpoint {
		t.Error("the caller's struct is shared with the client")
	}
	if _, err := New(Config{Issuer: "https://other.example", ClientID: "c", Auth: None(), Metadata: m}); refusedBy(err) != "issuer" {
		t.Errorf("metadata of another issuer: %v", err)
	}
}

func TestMetadataKeepsUnknownMembers(t *testing.T) {
	m, err := ParseServerMetadata([]byte(`{"issuer":"https://op.example","vendor":{"a":[1]},"jwks_uri":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Extra["vendor"]) != `{"a":[1]}` || m.JWKSURI != "" {
		t.Errorf("got %+v", m)
	}
}

// TestDiscoveryOnce: whoever comes first does not decide for the others.
func TestDiscoveryOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("discovery", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			p.Honest("discovery")(w, r)
		})
		c := newTestClient(t, p)
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Metadata(first); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled caller got %v", err)
			}
		})
		synctest.Wait()
		for range 100 {
			wg.Go(func() {
				if _, err := c.Metadata(t.Context()); err != nil {
					t.Errorf("a waiting caller got %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if n := p.Count("discovery"); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

// TestHostileMetadataRenewal: D24. Whoever listens hears of each renewal, also of one that brought nothing.
func TestHostileMetadataRenewal(t *testing.T) {
	hostile.Watch(t, "discovery+")
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		var renewals []Event
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.Trace = func(_ context.Context, e Event) {
				if e.Kind == EventCheck && e.Document == "server metadata" && e.Name == "renewal" {
					hostile.Hear(e)
					renewals = append(renewals, e)
				}
			}
		})
		if _, err := c.Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
		look := func() *ServerMetadata {
			t.Helper()
			for range 2 { // the first look starts the renewal, the second sees it
				if _, err := c.Metadata(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			m, _ := c.Metadata(t.Context())
			return m
		}
		heard := func() (last Event) {
			t.Helper()
			if len(renewals) != 1 {
				t.Fatalf("%d renewals were heard of, want 1", len(renewals))
			}
			last, renewals = renewals[0], nil
			return last
		}
		p.Change(func() { p.Metadata = func(m map[string]any) { m["acr_values_supported"] = []string{"gold"} } })
		if m := look(); m.ACRValuesSupported != nil || p.Count("discovery") != 1 || len(renewals) != 0 {
			t.Error("fresh metadata was loaded again")
		}
		time.Sleep(metadataAge + time.Second)
		if m := look(); len(m.ACRValuesSupported) != 1 || heard().Err != nil {
			t.Error("old metadata was not renewed")
		}
		for _, l := range []struct {
			name  string
			serve http.HandlerFunc
			lie   func(map[string]any)
			heard func(error) bool
		}{
			{"another host", nil, metadataMember("token_endpoint", "https://evil.example/token"), func(err error) bool { return refusedBy(err) == "moved" }},
			{"another port", nil, func(m map[string]any) {
				m["jwks_uri"] = strings.Replace(m["jwks_uri"].(string), "/t/", ":8443/t/", 1)
			}, func(err error) bool { return refusedBy(err) == "moved" }},
			{"another one elsewhere", nil, metadataMember("registration_endpoint", "https://evil.example/register"), func(err error) bool { return refusedBy(err) == "moved" }},
			{"another issuer", nil, metadataMember("issuer", "https://evil.example"), func(err error) bool { return refusedBy(err) == "issuer" }},
			{"no JSON", hostile.JSON("{"), nil, func(err error) bool { return errors.As(err, new(*ExchangeError)) }},
			{"an outage", hostile.Status(503, "text/plain", "down"), nil, func(err error) bool { return errors.As(err, new(*ExchangeError)) }},
		} {
			p.Serve("discovery", l.serve)
			p.Change(func() { p.Metadata = l.lie })
			time.Sleep(metadataAge + time.Second)
			before := p.Count("discovery")
			if m := look(); strings.Contains(m.TokenEndpoint+m.RegistrationEndpoint+m.Issuer, "evil") {
				t.Errorf("%s: a renewal took it over", l.name)
			}
			if n := p.Count("discovery") - before; n != 1 && l.serve == nil {
				t.Errorf("%s: %d tries within a minute, want 1", l.name, n)
			}
			if e := heard(); !l.heard(e.Err) || !strings.Contains(e.Got, "stays in use") {
				t.Errorf("%s: heard %q, %v", l.name, e.Got, e.Err)
			}
		}
		p.Serve("discovery", nil)
		p.Change(func() { p.Metadata = nil })
		time.Sleep(metadataRetry + time.Second)
		if m := look(); m.ACRValuesSupported != nil || heard().Err != nil {
			t.Error("after a failed renewal no other one came")
		}
	})
}

func TestServerThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("discovery", hostile.Hang())
		c := newTestClient(t, p)
		start := time.Now()
		_, err := c.Metadata(t.Context())
		var e *ExchangeError
		if !errors.As(err, &e) || !errors.Is(err, context.DeadlineExceeded) || e.Endpoint != "discovery" {
			t.Errorf("got %v, want an *ExchangeError with the deadline", err)
		}
		if d := time.Since(start); d > discoveryTimeout {
			t.Errorf("gave up after %v", d)
		}
	})
}

// TestCallbackWhileDiscoveryIsDown: the login that is under way fails in a way that can be told, and the next one works.
func TestCallbackWhileDiscoveryIsDown(t *testing.T) {
	p := hostile.New(t)
	first := newTestClient(t, p, func(cfg *Config) { cfg.Keys = testKeys })
	rawURL, tx, err := first.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	second := newTestClient(t, p, func(cfg *Config) { cfg.Keys = testKeys }) // another process, cold
	p.Serve("discovery", hostile.Status(503, "text/plain", "down"))
	_, err = second.Callback(t.Context(), r, tx)
	var e *ExchangeError
	if !errors.As(err, &e) || e.Endpoint != "discovery" || e.Status != 503 {
		t.Errorf("got %v", err)
	}
	p.Serve("discovery", nil)
	if _, err := second.Callback(t.Context(), r, tx); err != nil {
		t.Errorf("nothing was redeemed, so the same callback may come again: %v", err)
	}
}

// TestMetadataRenewalOnce: many callers find the metadata old, one fetches.
func TestMetadataRenewalOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("discovery", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			p.Honest("discovery")(w, r)
		})
		c := newTestClient(t, p)
		if _, err := c.Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(metadataAge + time.Second)
		before := p.Count("discovery")
		for range 100 {
			if _, err := c.Metadata(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if n := p.Count("discovery") - before; n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}
