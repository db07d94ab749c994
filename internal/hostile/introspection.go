package hostile

import (
	"net/http"
	"strings"
	"time"
)

// serveIntrospection is RFC 7662 §2, as a JWT (RFC 9701 §5) when the script signs
// it.
func (p *Provider) serveIntrospection(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	s := p.script()
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost || !isForm(r) || !p.authenticated(r.Header, q) {
		refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return
	}
	p.mu.Lock()
	g, ok := p.access[q.Get("token")]
	kind := "access_token"
	if !ok {
		g, ok = p.refresh[q.Get("token")]
		kind = "refresh_token"
	}
	p.mu.Unlock()
	m := map[string]any{"active": false}
	if ok && time.Now().Before(g.expires) {
		m = map[string]any{"active": true, "iss": s.Issuer, "sub": g.subject, "client_id": s.ClientID, "scope": strings.Join(g.scope, " "), "aud": []any{"https://api.example"},
			"exp": g.expires.Unix(), "iat": time.Now().Unix(), "token_type": "Bearer", "username": "alice", "kind": kind}
		if g.subject == "" {
			delete(m, "sub")
		}
		if g.thumbprint != "" {
			m["token_type"], m["cnf"] = "DPoP", map[string]any{"jkt": g.thumbprint}
		}
	}
	if s.Introspection != nil {
		s.Introspection(m)
	}
	if s.IntrospectionJWT == nil {
		respond(w, http.StatusOK, m)
		return
	}
	tok := NewToken(p.SigningKey(), map[string]any{"iss": s.Issuer, "aud": s.ClientID, "iat": time.Now().Unix(), "token_introspection": m})
	tok.Header["typ"] = "token-introspection+jwt"
	s.IntrospectionJWT(tok)
	w.Header().Set("Content-Type", "application/token-introspection+jwt")
	w.Write([]byte(s.encrypted(tok.String())))
}

// serveRevocation is RFC 7009 §2: who asks to forget what nobody knows is told
// that it is forgotten.
func (p *Provider) serveRevocation(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	if r.Method != http.MethodPost || !isForm(r) || !p.authenticated(r.Header, q) {
		refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.access, q.Get("token"))
	delete(p.refresh, q.Get("token"))
	w.WriteHeader(http.StatusOK)
}
