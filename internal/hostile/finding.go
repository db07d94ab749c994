package hostile

import (
	"net/http"
	"strings"
)

// serveWebFinger knows one account, "alice" at this host, and everything that has a URL here (RFC 7033).
func (p *Provider) serveWebFinger(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	resource := r.URL.Query().Get("resource")
	host := p.Host()
	if resource != "acct:alice@"+host && resource != "https://"+host+"/alice" && resource != "https://"+host+"/" {
		http.NotFound(w, r)
		return
	}
	m := map[string]any{
		"subject": resource,
		"links": []any{
			map[string]any{"rel": "http://webfinger.net/rel/avatar", "href": "https://" + host + "/alice.png", "titles": map[string]any{"en": "Alice"}},
			map[string]any{"rel": "http://openid.net/specs/connect/1.0/issuer", "href": s.Issuer},
		},
	}
	if s.WebFinger != nil {
		s.WebFinger(m)
	}
	w.Header().Set("Content-Type", "application/jrd+json")
	w.Write(marshal(m))
}

// Host is the host, with its port, that the provider is reached at.
func (p *Provider) Host() string { return strings.TrimSuffix(p.addr, ":443") }

// serveResourceMetadata describes the endpoint "resource" (RFC 9728).
func (p *Provider) serveResourceMetadata(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	m := map[string]any{
		"resource":                              p.URL("resource"),
		"authorization_servers":                 []any{s.Issuer},
		"scopes_supported":                      []any{"accounts:read"},
		"bearer_methods_supported":              []any{"header"},
		"resource_name":                         "Accounts",
		"jwks_uri":                              p.URL("jwks"),
		"resource_signing_alg_values_supported": []any{s.Alg},
		"dpop_signing_alg_values_supported":     []any{"ES256"},
		"vendor":                                true,
	}
	if s.ResourceMetadata != nil {
		s.ResourceMetadata(m)
	}
	respond(w, http.StatusOK, m)
}

// pointer is what a challenge of the endpoint "resource" says of its metadata (RFC 9728 §5.1).
func (p *Provider) pointer(r *http.Request) string {
	if p.endpoint(r.URL.Path) != "resource" {
		return ""
	}
	return `, resource_metadata="https://` + p.Host() + `/.well-known/oauth-protected-resource/t/resource"`
}
