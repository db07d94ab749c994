package hostile

import (
	"io"
	"net/http"
	"strings"
	"time"
)

func (p *Provider) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	g, ok := p.presented(w, r)
	if !ok {
		return
	}
	m := map[string]any{
		"sub":            g.subject,
		"name":           "Alice Example",
		"email":          "alice@op.example",
		"email_verified": true,
	}
	if s.UserInfo != nil {
		s.UserInfo(m)
	}
	if s.UserInfoJWT == nil {
		respond(w, http.StatusOK, m)
		return
	}
	m["iss"], m["aud"] = s.Issuer, s.ClientID
	tok := NewToken(p.SigningKey(), m)
	s.UserInfoJWT(tok)
	w.Header().Set("Content-Type", "application/jwt")
	w.Write([]byte(s.encrypted(tok.String())))
}

// serveResource is a protected resource: it tells what reached it.
func (p *Provider) serveResource(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.presented(w, r); !ok {
		return
	}
	body, _ := io.ReadAll(r.Body)
	respond(w, http.StatusOK, map[string]any{"method": r.Method, "body": string(body)})
}

// presented finds what the access token of r was granted, or refuses.
func (p *Provider) presented(w http.ResponseWriter, r *http.Request) (grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "" && r.Method == http.MethodPost && isForm(r) && p.endpoint(r.URL.Path) == "userinfo" { // RFC 6750 §2.2
		scheme, token = "Bearer", form(r).Get("access_token")
	}
	p.mu.Lock()
	g, ok := p.access[token]
	p.mu.Unlock()
	if !ok || g.subject == "" && p.endpoint(r.URL.Path) == "userinfo" || time.Now().After(g.expires) || (scheme == "DPoP") != (g.thumbprint != "") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hostile", error="invalid_token", error_description="unknown or expired"`+p.pointer(r))
		w.WriteHeader(http.StatusUnauthorized)
		return g, false
	}
	if g.thumbprint == "" {
		return g, true
	}
	thumbprint, ok := p.proven(w, r, "rs", token)
	if ok && thumbprint != g.thumbprint {
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token", error_description="bound to another key"`)
		w.WriteHeader(http.StatusUnauthorized)
		ok = false
	}
	return g, ok
}

// serveEndSession sends the browser back, as RP-Initiated Logout §3 has it.
func (p *Provider) serveEndSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method == http.MethodPost {
		q = form(r)
	}
	if !q.Has("id_token_hint") && q.Get("client_id") != p.script().ClientID {
		http.Error(w, "neither id_token_hint nor client_id", http.StatusBadRequest)
		return
	}
	if !q.Has("post_logout_redirect_uri") {
		w.Write([]byte("Logged out.\n"))
		return
	}
	back := q.Get("post_logout_redirect_uri")
	if q.Has("state") {
		back = withQuery(back, map[string][]string{"state": {q.Get("state")}})
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
