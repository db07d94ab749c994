package openid

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestFindResource: an API refuses a call, its challenge says where to look, its metadata says where to get a token, and with that the call works.
func TestFindResource(t *testing.T) {
	p := hostile.Pipe(t)
	cfg := Config{HTTPClient: p.HTTPClient()}
	refusal, err := p.HTTPClient().Get(p.URL("resource"))
	if err != nil {
		t.Fatal(err)
	}
	refusal.Body.Close()
	for _, challenges := range [][]Challenge{Challenges(refusal.Header), nil} {
		m, err := FindResource(t.Context(), cfg, p.URL("resource"), challenges...)
		if err != nil {
			t.Fatal(err)
		}
		if m.Resource != p.URL("resource") || !slices.Equal(m.AuthorizationServers, []string{p.Issuer}) || !slices.Equal(m.ScopesSupported, []string{"accounts:read"}) ||
			m.ResourceName != "Accounts" || m.DPoPBoundAccessTokensRequired || string(m.Extra["vendor"]) != "true" {
			t.Errorf("got %+v", m)
		}
		c := newTestClient(t, p, func(cfg *Config) { cfg.Issuer = m.AuthorizationServers[0] })
		tokens, err := c.Tokens(t.Context(), ClientCredentials{Resource: []string{m.Resource}, Scope: m.ScopesSupported})
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.HTTPClient(tokens, "https://op.example").Get(m.Resource)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		res.Body.Close()
	}
}

// TestResourcePlaces: RFC 9728 section 3.1.
func TestResourcePlaces(t *testing.T) {
	for resource, want := range map[string]string{
		"https://api.example":             "https://api.example/.well-known/oauth-protected-resource",
		"https://api.example/":            "https://api.example/.well-known/oauth-protected-resource",
		"https://api.example/?v=2":        "https://api.example/.well-known/oauth-protected-resource?v=2",
		"https://api.example?v=2":         "https://api.example/.well-known/oauth-protected-resource?v=2",
		"https://api.example/one":         "https://api.example/.well-known/oauth-protected-resource/one",
		"https://api.example/one/":        "https://api.example/.well-known/oauth-protected-resource/one/",
		"https://api.example:8443/a%2Fb":  "https://api.example:8443/.well-known/oauth-protected-resource/a%2Fb",
		"https://api.example/a b?x=y%20z": "https://api.example/.well-known/oauth-protected-resource/a%20b?x=y%20z",
	} {
		u, err := (&Client{}).http.ParseURL(resource)
		if err != nil {
			t.Fatal(err)
		}
		if got := resourcePlace(u).String(); got != want {
			t.Errorf("%s: %s, want %s", resource, got, want)
		}
	}
	for _, resource := range []string{"", "api", "http://api.example", "https://api.example/#x", "https://u:p@api.example/", "urn:api"} {
		if m, err := FindResource(t.Context(), Config{HTTPClient: &http.Client{}}, resource); err == nil {
			t.Errorf("%q: %v", resource, m)
		}
	}
}

type resourceLie struct {
	name       string
	lie        func(map[string]any)
	challenges []Challenge
	document   string
	check      string
}

func pointingTo(place string) []Challenge {
	return []Challenge{{Scheme: "basic"}, {Scheme: "dpop", Params: map[string]string{"resource_metadata": place}}}
}

var resourceLies = []resourceLie{
	{name: "W01 a word where a list belongs", lie: responseMember("scopes_supported", `"accounts:read"`), check: "metadata"},
	{name: "W01 a word where true or false belongs", lie: responseMember("dpop_bound_access_tokens_required", `"true"`), check: "metadata"},
	{name: "W02 resource missing", lie: responseMember("resource", ""), check: "resource"},
	{name: "W02 resource null", lie: responseMember("resource", "null"), check: "resource"},
	{name: "W02 the resource of another", lie: responseMember("resource", `"https://api.example/t/resource"`), check: "resource"},
	{name: "W02 resource with a slash more", lie: responseMember("resource", `"https://op.example/t/resource/"`), check: "resource"},
	{name: "W02 resource without its path", lie: responseMember("resource", `"https://op.example"`), check: "resource"},
	{name: "W02 resource in another case", lie: responseMember("resource", `"https://OP.example/t/resource"`), check: "resource"},
	{name: "W03 an authorization server without TLS", lie: responseMember("authorization_servers", `["https://op.example","http://op.example"]`), check: "authorization_servers"},
	{name: "W03 an authorization server with a query", lie: responseMember("authorization_servers", `["https://op.example/?x"]`), check: "authorization_servers"},
	{name: "W03 an authorization server of nowhere", lie: responseMember("authorization_servers", `[""]`), check: "authorization_servers"},
	{name: "W04 jwks_uri without TLS", lie: responseMember("jwks_uri", `"http://op.example/jwks"`), check: "jwks_uri"},
	{name: "W04 unsigned answers", lie: responseMember("resource_signing_alg_values_supported", `["ES256","none"]`), check: "resource_signing_alg_values_supported"},
	{name: "W05 a pointer without TLS", challenges: pointingTo("http://op.example/.well-known/oauth-protected-resource"), document: "challenge", check: "resource_metadata"},
	{name: "W05 a pointer to a file", challenges: pointingTo("file:///etc/passwd"), document: "challenge", check: "resource_metadata"},
	{name: "W05 a relative pointer", challenges: pointingTo("/.well-known/oauth-protected-resource"), document: "challenge", check: "resource_metadata"},
	{name: "W05 an empty pointer", challenges: pointingTo(""), document: "challenge", check: "resource_metadata"},
	{name: "W05 a pointer with a user", challenges: pointingTo("https://op.example@evil.example/"), document: "challenge", check: "resource_metadata"},
}

func (l resourceLie) judged() string { return or(l.document, "resource metadata") }

func (l resourceLie) tell(t *testing.T, drop string) error {
	p := hostile.Pipe(t)
	p.ResourceMetadata = l.lie
	f := &resourceFinder{newVisitor(Config{HTTPClient: p.HTTPClient(), Trace: trace()}), dropRow(resourcePointerChecks, drop), dropRow(resourceMetadataChecks, drop)}
	_, err := f.find(t.Context(), p.URL("resource"), l.challenges)
	return err
}

func TestHostileResourceMetadata(t *testing.T) {
	for _, l := range resourceLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "resource_metadata?")
			err := l.tell(t, "")
			hostile.Hear(err)
			var v *VerificationError
			if !errors.As(err, &v) || v.Document != l.judged() || v.Check != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	for name, body := range map[string]string{"D04 resource twice": `{"resource":"https://evil.example","resource":"https://op.example/t/resource"}`, "D13 trailing bytes": `{"resource":"https://op.example/t/resource"}{}`, "D22 an array": `[]`} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "resource_metadata")
			p := hostile.Pipe(t)
			p.Serve("resource_metadata", hostile.JSON(body))
			_, err := FindResource(t.Context(), Config{HTTPClient: p.HTTPClient()}, p.URL("resource"))
			hostile.Hear(err)
			if !errors.As(err, new(*ExchangeError)) {
				t.Error(err)
			}
		})
	}
	t.Run("W06 the document of another resource, wherever it lies", func(t *testing.T) {
		hostile.Watch(t, "elsewhere")
		p := hostile.Pipe(t)
		p.Serve("elsewhere", hostile.JSON(`{"resource":"https://evil.example","authorization_servers":["https://evil.example"]}`))
		_, err := FindResource(t.Context(), Config{HTTPClient: p.HTTPClient()}, p.URL("resource"), pointingTo(p.URL("elsewhere"))...)
		hostile.Hear(err)
		if refusedBy(err) != "resource" {
			t.Error(err)
		}
	})
	t.Run("D20 a pointer into our own network", func(t *testing.T) {
		hostile.Watch(t, "")
		var e *ExchangeError
		_, err := FindResource(t.Context(), Config{}, "https://api.example", pointingTo(hostile.New(t).URL("resource_metadata"))...)
		hostile.Hear(err)
		if !errors.As(err, &e) || e.Sent {
			t.Error(err)
		}
	})
}
