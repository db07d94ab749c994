package hostile

import "net/http"

// ClaimsToken is the access token that opens the endpoint "claims".
const ClaimsToken = Canary + "-claims-token"

// Vouch signs what the provider knows about a user: the JWT of a source of claims
// (OpenID Connect Core §5.6.2). It says iss and the claims, and nothing else.
func (p *Provider) Vouch() string {
	s := p.script()
	claims := map[string]any{"iss": s.Issuer}
	for name, value := range s.Claims {
		claims[name] = value
	}
	tok := NewToken(p.SigningKey(), claims)
	if s.ClaimsJWT != nil {
		s.ClaimsJWT(tok)
	}
	return s.encrypted(tok.String())
}

// serveClaims is where distributed claims are to be had.
func (p *Provider) serveClaims(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer "+ClaimsToken {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Write([]byte(p.Vouch()))
}

// Aggregated is how a document refers to claims that it brings along.
func Aggregated(jwt string) map[string]any { return map[string]any{"JWT": jwt} }

// Distributed is how a document refers to claims that are to be had elsewhere.
func Distributed(endpoint, token string) map[string]any {
	m := map[string]any{"endpoint": endpoint}
	if token != "" {
		m["access_token"] = token
	}
	return m
}

// Refer puts sources of claims into a document: which claims each has, by the
// source's name, and how it is described.
func Refer(document map[string]any, has map[string][]string, sources map[string]any) {
	names := map[string]any{}
	for source, list := range has {
		for _, name := range list {
			names[name] = source
		}
	}
	document["_claim_names"], document["_claim_sources"] = names, sources
}
