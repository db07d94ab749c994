package openid

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func anybody(string) bool { return true }

// TestFindIssuer: the forms an identifier is typed in, by the names of the certification's modules; the issuer found is the one that discovery
// confirms.
func TestFindIssuer(t *testing.T) {
	p := hostile.Pipe(t)
	for name, identifier := range map[string]string{
		"discovery-webfinger-acct": "acct:alice@op.example",
		"discovery-webfinger-url":  "https://op.example/alice",
		"as a mail address":        "alice@op.example",
		"host":                     "op.example",
		"with a fragment":          "https://op.example/alice#me",
	} {
		var asked []string
		issuer, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, identifier, func(issuer string) bool { asked = append(asked, issuer); return true })
		if err != nil || issuer != p.Issuer || len(asked) != 1 || asked[0] != issuer {
			t.Fatalf("%s: %q, %v; asked about %q", name, issuer, err, asked)
		}
		c := newTestClient(t, p, func(cfg *Config) { cfg.Issuer = issuer })
		if _, err := logIn(t, c, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	sent := p.Requests("webfinger")[0]
	if sent.Method != http.MethodGet || sent.Header.Get("Accept") != "application/jrd+json, application/json" || sent.Header.Get("Authorization") != "" {
		t.Errorf("sent %s %v", sent.Method, sent.Header)
	}
	p.WebFinger = func(m map[string]any) { m["links"].([]any)[1].(map[string]any)["href"] = "https://evil.example" }
	issuer, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "alice@op.example", anybody)
	if err != nil || issuer != "https://evil.example" {
		t.Fatal(issuer, err)
	}
	p.Issuer = "https://op.example/t/" // what WebFinger says is not believed: discovery decides
	p.WebFinger = func(m map[string]any) { m["links"].([]any)[1].(map[string]any)["href"] = "https://op.example/t" }
	if issuer, err = FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "alice@op.example", anybody); err != nil {
		t.Fatal(err)
	}
	if _, err := newTestClient(t, p, func(cfg *Config) { cfg.Issuer = issuer }).Metadata(t.Context()); refusedBy(err) != "issuer" {
		t.Errorf("got %v, want the check of the issuer", err)
	}
}

// TestIdentifiers: OpenID Connect Discovery 1.0 section 2.1.2.
func TestIdentifiers(t *testing.T) {
	f := &finder{newVisitor(Config{}), webFingerChecks}
	for identifier, want := range map[string][2]string{
		"joe@example.com":                  {"acct:joe@example.com", "example.com"},
		"  joe@example.com\n":              {"acct:joe@example.com", "example.com"},
		"joe@work@example.com":             {"acct:joe%40work@example.com", "example.com"},
		"acct:joe@example.com":             {"acct:joe@example.com", "example.com"},
		"acct:juliet%40capulet@shop.ex":    {"acct:juliet%40capulet@shop.ex", "shop.ex"},
		"acct:a.b@example.com:8443":        {"acct:a.b@example.com:8443", "example.com:8443"},
		"example.com":                      {"https://example.com/", "example.com"},
		"example.com:8080":                 {"https://example.com:8080/", "example.com:8080"},
		"example.com:8080/joe?a=b":         {"https://example.com:8080/joe?a=b", "example.com:8080"},
		"joe@example.com:8443":             {"https://joe@example.com:8443/", "example.com:8443"},
		"joe@example.com#home":             {"https://joe@example.com/", "example.com"},
		"example.com/joe@home":             {"https://example.com/joe@home", "example.com"},
		"[2001:4860::1]:8443":              {"https://[2001:4860::1]:8443/", "[2001:4860::1]:8443"},
		"localhost":                        {"https://localhost/", "localhost"},
		"https://example.com/joe":          {"https://example.com/joe", "example.com"},
		"https://example.com":              {"https://example.com", "example.com"},
		"HTTPS://example.com:8443/joe#bio": {"HTTPS://example.com:8443/joe", "example.com:8443"},
	} {
		resource, at, err := f.normalize(identifier)
		if err != nil || resource != want[0] || at.Host != want[1] || at.Scheme != "https" {
			t.Errorf("%q: %q at %v, %v", identifier, resource, at, err)
		}
	}
	for _, identifier := range []string{"", "  ", "#", "@example", "=nat", "!1000", "http://example.com/joe", "ftp://example.com", "mailto:joe@example.com",
		"joe:" + hostile.Canary + "@example.com", "https://joe:" + hostile.Canary + "@example.com/", "acct:joe", "acct:@example.com",
		"acct:joe@", "acct:joe@a/b", "acct:joe@a?b", "joe@exämple.com", "joe smith@example.com", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
		"https://", "//example.com", "example.com:99999", "acct:joe@example.com:0", "https:example.com", "urn:x:y"} {
		if resource, at, err := f.normalize(identifier); err == nil || strings.Contains(err.Error(), hostile.Canary) {
			t.Errorf("%q: %q at %v, %v", identifier, resource, at, err)
		}
	}
	if _, at, err := (&finder{newVisitor(Config{InsecureAllowHTTP: true}), nil}).normalize("http://127.0.0.1:8080/joe"); err != nil || at.Scheme != "http" {
		t.Error(err)
	}
}

func webFingerLink(rel, href string) func(map[string]any) {
	return responseMember("links", `[{"rel":`+rel+`,"href":`+href+`}]`)
}

const issuerRel = `"http://openid.net/specs/connect/1.0/issuer"`

var webFingerLies = []struct {
	name  string
	lie   func(map[string]any)
	allow func(string) bool
	check string
}{
	{name: "W07 subject a number", lie: responseMember("subject", "7"), check: "subject"},
	{name: "W07 subject empty", lie: responseMember("subject", `""`), check: "subject"},
	{name: "W08 links missing", lie: responseMember("links", ""), check: "links"},
	{name: "W08 links null", lie: responseMember("links", "null"), check: "links"},
	{name: "W08 links an object", lie: responseMember("links", `{"rel":`+issuerRel+`,"href":"https://op.example"}`), check: "links"},
	{name: "W08 links of strings", lie: responseMember("links", `["https://op.example"]`), check: "links"},
	{name: "W08 a link without rel", lie: responseMember("links", `[{"href":"https://op.example"},{"rel":`+issuerRel+`,"href":"https://op.example"}]`), check: "links"},
	{name: "W08 rel a list", lie: webFingerLink(`[`+issuerRel+`]`, `"https://op.example"`), check: "links"},
	{name: "W08 no links", lie: responseMember("links", "[]"), check: "rel"},
	{name: "W08 rel of another case", lie: webFingerLink(`"HTTP://openid.net/specs/connect/1.0/issuer"`, `"https://op.example"`), check: "rel"},
	{name: "W08 rel of OpenID 2", lie: webFingerLink(`"http://specs.openid.net/auth/2.0/provider"`, `"https://op.example"`), check: "rel"},
	{name: "W09 href missing", lie: responseMember("links", `[{"rel":`+issuerRel+`}]`), check: "href"},
	{name: "W09 href null", lie: webFingerLink(issuerRel, "null"), check: "href"},
	{name: "W09 href an array", lie: webFingerLink(issuerRel, `["https://op.example"]`), check: "href"},
	{name: "W09 href without TLS", lie: webFingerLink(issuerRel, `"http://op.example"`), check: "href"},
	{name: "W09 href relative", lie: webFingerLink(issuerRel, `"/t"`), check: "href"},
	{name: "W09 href a script", lie: webFingerLink(issuerRel, `"javascript:alert(1)"`), check: "href"},
	{name: "W09 href with a query", lie: webFingerLink(issuerRel, `"https://op.example/?x=y"`), check: "href"},
	{name: "W09 href with a fragment", lie: webFingerLink(issuerRel, `"https://op.example/#x"`), check: "href"},
	{name: "W09 href with a user", lie: webFingerLink(issuerRel, `"https://op.example@evil.example/"`), check: "href"},
	{name: "W10 an issuer that is not allowed", lie: webFingerLink(issuerRel, `"https://evil.example"`), allow: func(s string) bool { return s == "https://op.example/t" }, check: "allow"},
}

func tellWebFinger(lie func(map[string]any), allow func(string) bool) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		p := hostile.Pipe(t)
		p.WebFinger = lie
		if allow == nil {
			allow = anybody
		}
		f := &finder{newVisitor(Config{HTTPClient: p.HTTPClient(), Trace: trace()}), dropRow(webFingerChecks, drop)}
		_, err := f.find(t.Context(), "alice@op.example", allow)
		return err
	}
}

func TestHostileWebFinger(t *testing.T) {
	for _, l := range webFingerLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "webfinger")
			err := tellWebFinger(l.lie, l.allow)(t, "")
			hostile.Hear(err)
			var v *VerificationError
			if !errors.As(err, &v) || v.Document != "WebFinger response" || v.Check != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	for name, body := range map[string]string{"D04 links twice": `{"links":[],"links":[]}`, "D13 trailing bytes": `{"links":[]}{}`, "an array": `[]`, "rel twice": `{"links":[{"rel":"a","rel":"b"}]}`} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "webfinger")
			p := hostile.Pipe(t)
			p.Serve("webfinger", hostile.JSON(body))
			_, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "alice@op.example", anybody)
			hostile.Hear(err)
			if !errors.As(err, new(*ExchangeError)) {
				t.Errorf("got %v", err)
			}
		})
	}
	p := hostile.Pipe(t)
	if _, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "bob@op.example", anybody); !errors.As(err, new(*ResponseError)) {
		t.Errorf("nobody of that name: %v", err)
	}
	if _, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "alice@op.example", nil); err == nil || p.Count("webfinger") != 1 {
		t.Errorf("nobody decides, yet somebody was asked: %v", err)
	}
}

// TestHostileIdentifiersOfTheInside: who types an address of our own network gets no request made there.
func TestHostileIdentifiersOfTheInside(t *testing.T) {
	t.Run("D20 every spelling", func(t *testing.T) {
		hostile.Watch(t, "webfinger")
		p := hostile.New(t) // on a loopback address
		for _, identifier := range []string{"acct:alice@" + p.Host(), "alice@" + p.Host(), p.Host(), "https://" + strings.Replace(p.Host(), "127.0.0.1", "localhost", 1), "acct:alice@" + strings.Replace(p.Host(), "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
			_, err := FindIssuer(t.Context(), Config{}, identifier, anybody)
			hostile.Hear(err)
			var e *ExchangeError
			if !errors.As(err, &e) || e.Sent || !strings.Contains(err.Error(), "not a public address") {
				t.Errorf("%s: %v", identifier, err)
			}
		}
		if n := p.Count("webfinger"); n != 0 {
			t.Errorf("%d requests", n)
		}
		// A caller's own transport is the caller's decision, and the guard is to be had for others.
		if _, err := FindIssuer(t.Context(), Config{HTTPClient: p.HTTPClient()}, "acct:alice@"+p.Host(), anybody); err != nil {
			t.Error(err)
		}
		guarded := PublicTransport()
		defer guarded.CloseIdleConnections()
		c := newTestClient(t, p, func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: guarded} })
		if _, err := c.Metadata(t.Context()); err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("discovery with the guard: %v", err)
		}
	})
}

// FuzzIdentifiers: whatever somebody types, what comes of it is asked at an https address without credentials, or not at all.
func FuzzIdentifiers(f *testing.F) {
	for _, s := range []string{"joe@example.com", "acct:joe@example.com:8443", "https://example.com/joe#x", "example.com:8080", "[::1]:1", "a:b@c", "@", "#", "acct:@", "x@y@z"} {
		f.Add(s)
	}
	finder := &finder{newVisitor(Config{}), nil}
	f.Fuzz(func(t *testing.T, s string) {
		resource, at, err := finder.normalize(s)
		if err == nil && (at.Scheme != "https" || at.Host == "" || at.User != nil || strings.ContainsAny(resource, "# \n\r")) {
			t.Errorf("%q became %q at %v", s, resource, at)
		}
	})
}

// TestVisitorsHangUp: who reads a document of somebody's keeps no connection to them.
func TestVisitorsHangUp(t *testing.T) {
	closed := make(chan struct{})
	s := httptest.NewUnstartedServer(hostile.JSON(`{"links":[{"rel":` + issuerRel + `,"href":"https://op.example"}]}`))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	s.Start()
	defer s.Close()
	if _, err := FindIssuer(t.Context(), Config{InsecureAllowHTTP: true}, s.URL+"/alice", anybody); err != nil {
		t.Fatal(err)
	}
	<-closed
}
