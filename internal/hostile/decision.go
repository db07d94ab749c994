package hostile

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	deviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	ciba       = "urn:openid:params:grant-type:ciba"
)

// Decision is what the provider says while somebody decides elsewhere: on another
// device (RFC 8628) or on the phone (CIBA).
type Decision struct {
	// Answers are given to the polls in turn, the last one to all that follow:
	// "" approves, any other is the error code of a refusal.
	Answers  []string
	Interval int // seconds; 0: the answer names none
	Lifetime time.Duration
	// Notify, when set, is the client's notification endpoint (CIBA §10.2): it hears
	// of an answer ten seconds after the request.
	Notify func(Ping)
	// Device and Backchannel may change the answer that begins it.
	Device, Backchannel func(m map[string]any)
}

// A decision is one that somebody waits for.
type decision struct {
	grant
	polls int
}

// begin remembers a request that a user will decide about.
func (p *Provider) begin(q url.Values) (code string, s Script) {
	s = p.script()
	now := time.Now()
	code = Canary + "-decision-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decisions[code] = &decision{grant: grant{subject: s.Subject, scope: strings.Fields(q.Get("scope")), details: q.Get("authorization_details"),
		authTime: now, expires: now.Add(s.Decision.lifetime())}}
	return code, s
}

func (d *Decision) lifetime() time.Duration {
	if d.Lifetime == 0 {
		return 10 * time.Minute
	}
	return d.Lifetime
}

// serveDevice is the device authorization endpoint: RFC 8628 §3.2.
func (p *Provider) serveDevice(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	if !p.welcome(w, r, q) {
		return
	}
	code, s := p.begin(q)
	m := map[string]any{"device_code": code, "user_code": "WDJB-MJHT", "verification_uri": p.URL("device"),
		"verification_uri_complete": p.URL("device") + "?user_code=WDJB-MJHT", "expires_in": int(s.Decision.lifetime().Seconds())}
	if s.Decision.Interval > 0 {
		m["interval"] = s.Decision.Interval
	}
	if s.Decision.Device != nil {
		s.Decision.Device(m)
	}
	respond(w, http.StatusOK, m)
}

// serveBackchannel is the backchannel authentication endpoint: CIBA §7.
func (p *Provider) serveBackchannel(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	if !p.welcome(w, r, q) {
		return
	}
	if q.Has("request") {
		for name := range q {
			if name != "request" && name != "client_id" && name != "client_assertion" && name != "client_assertion_type" && name != "client_secret" {
				refuse(w, http.StatusBadRequest, "invalid_request", name+" stands beside the signed request (CIBA §7.1.1)")
				return
			}
		}
		params, err := p.unpack(p.script(), q)
		if err != nil {
			refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
			return
		}
		q = params
	}
	hints := 0
	for _, name := range []string{"login_hint", "login_hint_token", "id_token_hint"} {
		if q.Has(name) {
			hints++
		}
	}
	switch {
	case hints != 1:
		refuse(w, http.StatusBadRequest, "invalid_request", "there is not exactly one hint (CIBA §7.1)")
		return
	case !strings.Contains(" "+q.Get("scope")+" ", " openid "):
		refuse(w, http.StatusBadRequest, "invalid_scope", "openid is missing (CIBA §7.1)")
		return
	}
	id, s := p.begin(q)
	if token := q.Get("client_notification_token"); token != "" {
		p.mu.Lock()
		p.pings = append(p.pings, Ping{token, id})
		p.mu.Unlock()
		if s.Decision.Notify != nil {
			time.AfterFunc(10*time.Second, func() { s.Decision.Notify(Ping{token, id}) })
		}
	}
	m := map[string]any{"auth_req_id": id, "expires_in": int(s.Decision.lifetime().Seconds())}
	if s.Decision.Interval > 0 {
		m["interval"] = s.Decision.Interval
	}
	if s.Decision.Backchannel != nil {
		s.Decision.Backchannel(m)
	}
	respond(w, http.StatusOK, m)
}

// A Ping is what the provider would tell the client's notification endpoint.
type Ping struct{ Token, AuthReqID string }

// Pings are those that are due, in the order of their requests.
func (p *Provider) Pings() []Ping {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Ping(nil), p.pings...)
}

// welcome answers what is wrong with any request of a client, if something is.
func (p *Provider) welcome(w http.ResponseWriter, r *http.Request, q url.Values) bool {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodPost || !isForm(r):
		refuse(w, http.StatusBadRequest, "invalid_request", "expected a form in a POST")
	case !p.authenticated(r.Header, q):
		refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
	case q.Get("client_id") != p.script().ClientID && !q.Has("request"):
		refuse(w, http.StatusBadRequest, "invalid_request", "client_id is missing")
	default:
		return true
	}
	return false
}

// redeemDecision answers a poll (RFC 8628 §3.5, CIBA §11).
func (p *Provider) redeemDecision(w http.ResponseWriter, q url.Values, thumbprint string) {
	s := p.script()
	code := q.Get("device_code") + q.Get("auth_req_id")
	p.mu.Lock()
	d, ok := p.decisions[code]
	if !ok {
		p.mu.Unlock()
		refuse(w, http.StatusBadRequest, "invalid_grant", "the code is unknown or used")
		return
	}
	answer := ""
	if n := len(s.Decision.Answers); n > 0 {
		answer = s.Decision.Answers[min(d.polls, n-1)]
	}
	d.polls++
	if time.Now().After(d.expires) {
		answer = "expired_token"
	}
	if answer == "" {
		delete(p.decisions, code)
	}
	g := d.grant
	p.mu.Unlock()
	if answer != "" {
		refuse(w, http.StatusBadRequest, answer, "")
		return
	}
	g.thumbprint = thumbprint
	p.issue(w, q.Get("grant_type"), g)
}
