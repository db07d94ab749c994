package openid

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A cibaModule is one of the certification suite's tests of clients that wait. Each is run with [CIBA].FAPI: signed requests and bound tokens.
type cibaModule struct {
	fapiModule
	modes   string   // empty: both
	answers []string // to the polls
	code    Code     // what the provider says in the end; empty: nothing of the kind
	waits   []int    // before each poll, in seconds; nil: five each
	wrong   bool     // the notification comes with the wrong token
}

func cibaModules(t *testing.T) []cibaModule {
	lies := fapiTable(t, inBack)
	list := []cibaModule{
		{fapiModule: fapiModule{name: "test"}},
		{fapiModule: fapiModule{name: "respects-interval", script: func(p *hostile.Provider) { p.Decision.Interval = 31 }}, modes: "poll", waits: []int{31, 31, 31}},
		{fapiModule: fapiModule{name: "slow-down"}, modes: "poll", answers: []string{"authorization_pending", "slow_down", ""}, waits: []int{5, 5, 10}},
		{fapiModule: fapiModule{name: "invalid-missing-authreqid", check: "auth_req_id", script: func(p *hostile.Provider) { p.Decision.Backchannel = responseMember("auth_req_id", "") }}},
		{fapiModule: fapiModule{name: "invalid-missing-expiresin", check: "expires_in", script: func(p *hostile.Provider) { p.Decision.Backchannel = responseMember("expires_in", "") }}},
		{fapiModule: fapiModule{name: "invalid-unknown-user-id", script: func(p *hostile.Provider) {
			p.Serve("backchannel_authentication", hostile.Error(400, string(ErrUnknownUserID), ""))
		}}, code: ErrUnknownUserID},
		{fapiModule: fapiModule{name: "invalid-request"}, modes: "poll", answers: []string{"authorization_pending", "authorization_pending", "invalid_request"}, code: ErrInvalidRequest},
		{fapiModule: fapiModule{name: "invalid-expired-token"}, modes: "poll", answers: []string{"authorization_pending", "authorization_pending", "expired_token"}, code: ErrExpiredToken},
		{fapiModule: fapiModule{name: "invalid-access-denied"}, answers: []string{"authorization_pending", "authorization_pending", "access_denied"}, code: ErrAccessDenied},
		{fapiModule: fapiModule{name: "ping-with-invalid-bearer-token"}, modes: "ping", wrong: true},
	}
	weekOldLie := fapiModule{name: "iat-is-week-in-past", script: inBack(hostile.WeekOld), check: "age"}
	lies[weekOldLie.name] = weekOldLie
	for _, name := range []string{"valid-aud-as-array", "no-scope-in-token-endpoint-response", "invalid-iss", "invalid-aud", "invalid-secondary-aud", "invalid-signature", "invalid-null-alg",
		"invalid-alternate-alg", "invalid-expired-exp", "iat-is-week-in-past", "invalid-missing-aud", "invalid-missing-exp", "invalid-missing-iss"} {
		m := lies[name]
		m.name = name
		list = append(list, cibaModule{fapiModule: m})
	}
	return list
}

func (m cibaModule) under(v fapiVariant, mode string) conformance {
	c := conformance{module: strings.TrimSuffix("fapi-ciba-id1-client-"+m.name, "-test") + "-test", check: m.check, code: m.code}
	switch {
	case m.name == "invalid-missing-authreqid", m.name == "invalid-missing-expiresin", m.code == ErrUnknownUserID:
		c.never = []string{"token", "resource"}
	case m.check != "" || m.code != "":
		c.never = []string{"resource"}
	}
	c.run = func(t *testing.T) (p *hostile.Provider, err error) {
		tune := []func(*Config){func(cfg *Config) {
			v.configure(t, cfg)
			cfg.Profile = nil // FAPI-CIBA has its own: [CIBA].FAPI
			cfg.RequestObject = &RequestObject{Key: newKey(t), KeyID: "k1"}
		}}
		if m.tune != nil {
			tune = append(tune, m.tune)
		}
		inBubble(t, func(t *testing.T, provider *hostile.Provider, c *Client) {
			p = provider
			err = m.wait(t, p, c, v, mode)
		}, tune...)
		return p, err
	}
	return c
}

// wait plays the module in a bubble.
func (m cibaModule) wait(t *testing.T, p *hostile.Provider, c *Client, v fapiVariant, mode string) error {
	p.Aliases, p.JWKS = true, p.Decoys
	p.Decision.Answers = []string{"authorization_pending", "authorization_pending", ""}
	if m.answers != nil {
		p.Decision.Answers = m.answers
	}
	if mode == "ping" {
		p.Decision.Answers = p.Decision.Answers[2:] // who is told does not ask before
	}
	if m.script != nil {
		m.script(p)
	}
	ask, told := waitingFor(p, mode)
	var wrong atomic.Int32
	if m.wrong {
		p.Decision.Notify = func(due hostile.Ping) {
			wrong.Store(int32(notify(ask.Ping, "Bearer "+due.Token+"1", `{"auth_req_id":"`+due.AuthReqID+`"}`)))
		}
	}
	began := time.Now()
	tokens, err := c.Tokens(t.Context(), ask)
	synctest.Wait() // the notification may still be on its way back
	suiteIsContent(t, p, c)
	m.content(t, p, began, mode)
	for _, endpoint := range []string{"token", "backchannel_authentication"} {
		for _, r := range p.Requests(endpoint) {
			if r.Certificate != "the client" || r.Form.Has("client_assertion") != (v.auth == "private_key_jwt") {
				t.Errorf("%s: the certificate of %q", endpoint, r.Certificate)
			}
		}
	}
	if m.wrong && wrong.Load() != http.StatusUnauthorized {
		t.Errorf("a notification with the wrong token was answered with %d", wrong.Load())
	}
	if err != nil {
		time.Sleep(time.Minute) // in the bubble: whoever asks again does it now
		m.content(t, p, began, mode)
		return err
	}
	if mode == "ping" && !m.wrong && told.Load() != http.StatusNoContent {
		t.Errorf("the notification was answered with %d", told.Load())
	}
	return v.askAccounts(t, p, c, tokens)
}

// content is how often, and when, the suite was asked.
func (m cibaModule) content(t *testing.T, p *hostile.Provider, began time.Time, mode string) {
	t.Helper()
	want := m.waits
	if want == nil {
		want = []int{5, 5, 5}
	}
	if mode == "ping" {
		want = []int{10}
	}
	if m.wrong {
		want = []int{30} // as if nobody had told
	}
	if p.Count("token") > 0 && !slices.Equal(pauses(p, began), want) {
		t.Errorf("asked after %v s, want %v", pauses(p, began), want)
	}
}

func cibaPlan(t *testing.T) plan {
	p := plan{name: "fapi-ciba-id1-client-test-plan", axes: []string{"client_auth_type", "ciba_mode", "fapi_ciba_profile"}}
	for _, module := range []string{"expired-id-token-hint-test", "invalid-id-token-hint-test", "connectid-*, three modules", "refresh-token-test"} {
		p.open = append(p.open, openModule{"fapi-ciba-id1-client-" + module, ecosystem})
	}
	modules := cibaModules(t)
	for _, auth := range []string{"private_key_jwt", "mtls"} {
		for mode, count := range map[string]int{"poll": 22, "ping": 19} {
			ch := choice{values: []string{auth, mode, "plain_fapi"}, kind: mode, count: count}
			for _, m := range modules {
				if m.modes == "" || m.modes == mode {
					ch.cases = append(ch.cases, m.under(fapiVariant{version: "1", auth: auth, sender: "mtls"}, mode))
				}
			}
			p.choices = append(p.choices, ch)
		}
	}
	slices.SortFunc(p.choices, func(a, b choice) int { return slices.Compare(a.values, b.values) })
	return p
}

// openPlans are run by nobody here.
func openPlans() []plan {
	return []plan{{name: "openid-federation-entity-joined-to-test-federation-rp-test-plan", open: []openModule{{"all 10", "OpenID Federation is no part of this library"}}}}
}
