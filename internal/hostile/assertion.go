package hostile

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	samlBearer    = "urn:ietf:params:oauth:grant-type:saml2-bearer"
	tokenType     = "urn:ietf:params:oauth:token-type:"
)

// exchange is RFC 8693 §2. Every subject token of this provider's own will do.
func (p *Provider) exchange(w http.ResponseWriter, q url.Values, thumbprint string) {
	p.mu.Lock()
	g, ok := p.access[q.Get("subject_token")]
	p.mu.Unlock()
	switch {
	case q.Get("subject_token_type") != tokenType+"access_token":
		refuse(w, http.StatusBadRequest, "invalid_request", "this provider takes access tokens only")
		return
	case !ok:
		refuse(w, http.StatusBadRequest, "invalid_request", "the subject token is unknown (RFC 8693 §2.2.2)")
		return
	case q.Has("actor_token") != q.Has("actor_token_type"):
		refuse(w, http.StatusBadRequest, "invalid_request", "actor_token and actor_token_type go together (RFC 8693 §2.1)")
		return
	}
	g.thumbprint = thumbprint
	g.issued = tokenType + "access_token"
	if wanted := q.Get("requested_token_type"); wanted != "" {
		g.issued = wanted
	}
	if q.Has("scope") {
		g.scope = strings.Fields(q.Get("scope"))
	}
	p.issue(w, "token-exchange", g)
}

// redeemAssertion is RFC 7521 §4.1. Assertions are recorded, not verified: the
// subject is whoever the script says.
func (p *Provider) redeemAssertion(w http.ResponseWriter, q url.Values, thumbprint string) {
	if q.Get("assertion") == "" {
		refuse(w, http.StatusBadRequest, "invalid_grant", "there is no assertion")
		return
	}
	p.issue(w, "assertion", grant{subject: p.script().Subject, scope: strings.Fields(q.Get("scope")), authTime: time.Now(), thumbprint: thumbprint})
}
