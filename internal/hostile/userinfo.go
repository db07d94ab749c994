package hostile

import (
	"net/http"
	"strings"
	"time"
)

func (p *Provider) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	g, ok := p.access[token]
	p.mu.Unlock()
	if !ok || g.subject == "" || time.Now().After(g.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hostile", error="invalid_token", error_description="unknown or expired"`)
		w.WriteHeader(http.StatusUnauthorized)
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
	respond(w, http.StatusOK, m)
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
