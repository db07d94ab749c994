package hostile

import (
	"maps"
	"net/http"
	"slices"
)

func (p *Provider) serveMetadata(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	m := map[string]any{
		"issuer":                                           s.Issuer,
		"authorization_endpoint":                           p.URL("authorization"),
		"token_endpoint":                                   p.URL("token"),
		"userinfo_endpoint":                                p.URL("userinfo"),
		"jwks_uri":                                         p.URL("jwks"),
		"end_session_endpoint":                             p.URL("end_session"),
		"scopes_supported":                                 []any{"openid", "profile", "email", "offline_access"},
		"response_types_supported":                         []any{"code", "code id_token", "id_token", "token", "code token", "id_token token", "code id_token token"},
		"response_modes_supported":                         []any{"query", "form_post", "fragment", "jwt", "query.jwt", "form_post.jwt", "fragment.jwt"},
		"pushed_authorization_request_endpoint":            p.URL("pushed_authorization_request"),
		"device_authorization_endpoint":                    p.URL("device_authorization"),
		"backchannel_authentication_endpoint":              p.URL("backchannel_authentication"),
		"backchannel_token_delivery_modes_supported":       []any{"poll", "ping"},
		"introspection_endpoint":                           p.URL("introspection"),
		"revocation_endpoint":                              p.URL("revocation"),
		"registration_endpoint":                            p.URL("registration"),
		"introspection_signing_alg_values_supported":       []any{s.Alg},
		"authorization_signing_alg_values_supported":       []any{s.Alg},
		"userinfo_signing_alg_values_supported":            []any{s.Alg},
		"dpop_signing_alg_values_supported":                []any{"ES256", "ES384", "Ed25519", "RS256", "PS256"},
		"grant_types_supported":                            []any{"authorization_code", "refresh_token", "client_credentials", tokenExchange, jwtBearer, samlBearer, deviceCode, ciba},
		"subject_types_supported":                          []any{"public"},
		"id_token_signing_alg_values_supported":            []any{s.Alg},
		"token_endpoint_auth_methods_supported":            []any{"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []any{"RS256", "PS256", "ES256", "Ed25519", "HS256"},
		"code_challenge_methods_supported":                 []any{"S256"},
		"claims_supported":                                 []any{"sub", "name", "email", "email_verified"},
		"authorization_response_iss_parameter_supported":   true,
	}
	if s.BrowserState != "" {
		m["check_session_iframe"] = p.URL("check_session")
	}
	for _, name := range p.extras() {
		m[name+"_endpoint"] = p.URL(name)
	}
	if s.Aliases {
		aliases := map[string]any{}
		for _, name := range []string{"authorization", "token", "userinfo", "end_session", "pushed_authorization_request",
			"device_authorization", "backchannel_authentication", "introspection", "revocation", "registration"} {
			aliases[name+"_endpoint"] = p.URL("mtls/" + name)
		}
		aliases["jwks_uri"] = p.URL("mtls/jwks")
		m["mtls_endpoint_aliases"] = aliases
	}
	if s.Metadata != nil {
		s.Metadata(m)
	}
	respond(w, http.StatusOK, m)
}

func (p *Provider) serveJWKS(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	p.SigningKey() // so that the set is complete before the first token
	keys := []any{}
	p.mu.Lock()
	for _, alg := range slices.Sorted(maps.Keys(p.keys)) {
		keys = append(keys, p.keys[alg].PublicJWK())
	}
	for _, k := range p.published {
		keys = append(keys, k.PublicJWK())
	}
	p.mu.Unlock()
	set := map[string]any{"keys": keys}
	if s.JWKS != nil {
		s.JWKS(set)
	}
	if s.CacheControl != "" {
		w.Header().Set("Cache-Control", s.CacheControl)
	}
	respond(w, http.StatusOK, set)
}

// SigningKey is the key that signs ID Tokens for the script's Alg. HMAC uses the
// client secret: OpenID Connect Core §10.1.
func (p *Provider) SigningKey() *Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.Alg {
	case "HS256", "HS384", "HS512":
		return NewSecretKey(p.Alg, "", []byte(p.ClientSecret))
	case "none":
		return &Key{Alg: "none"}
	}
	k := p.keys[p.Alg]
	if k == nil {
		k = NewKey(p.t, p.Alg, p.Alg+"-1")
		p.keys[p.Alg] = k
	}
	return k
}

// Rotate makes a new key sign from now on and withdraws the old one, which is
// returned: Publish keeps it in the set.
func (p *Provider) Rotate(kid string) *Key {
	old := p.SigningKey()
	fresh := NewKey(p.t, old.Alg, kid)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[old.Alg] = fresh
	return old
}

// Publish adds keys to the key set that sign nothing by themselves.
func (p *Provider) Publish(keys ...*Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = append(p.published, keys...)
}

func respond(w http.ResponseWriter, status int, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(marshal(document))
}

// refuse answers with an error of RFC 6749 §5.2.
func refuse(w http.ResponseWriter, status int, code, description string) {
	respond(w, status, map[string]any{"error": code, "error_description": description})
}
