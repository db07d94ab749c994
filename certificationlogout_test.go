package openid

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestCertificationBackchannelLogout: the suite's rp-backchannel-rpinitlogout and its lies. It sends the logout token, without a type, while the
// browser's request to its end_session_endpoint is open, and wants 200 with no-store, or 400.
func TestCertificationBackchannelLogout(t *testing.T) {
	for _, m := range []struct {
		name  string
		lie   func(*hostile.Token)
		tune  func(*Config)
		check string
	}{
		{name: "", lie: func(*hostile.Token) {}},
		{name: "-alg-none", lie: func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, check: "alg"},
		{name: "-wrong-alg", tune: func(cfg *Config) { cfg.IDTokenSigningAlgs = []string{"RS256"} }, check: "alg"},
		{name: "-wrong-iss", lie: func(tok *hostile.Token) { tok.Claims["iss"] = tok.Claims["iss"].(string) + "1" }, check: "iss"},
		{name: "-wrong-aud", lie: func(tok *hostile.Token) { tok.Claims["aud"] = tok.Claims["aud"].(string) + "1" }, check: "aud"},
		{name: "-no-event", lie: claim("events", ""), check: "events"},
		{name: "-wrong-event", lie: claim("events", `{"http://schemas.openid.net/event/backchannel-logout1":{}}`), check: "events"},
		{name: "-with-nonce", lie: claim("nonce", `"n"`), check: "nonce"},
	} {
		t.Run("oidcc-client-test-rp-backchannel-rpinitlogout"+m.name, func(t *testing.T) {
			p := conformanceSuite(t)
			p.SessionID = "session-1"
			if m.tune != nil {
				p.Alg = "RS256"
			}
			c := newTestClient(t, p, func(cfg *Config) {
				if m.tune != nil {
					m.tune(cfg)
				}
			})
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			if m.tune != nil {
				p.Alg = "ES256" // a key that is published as well
			}
			ended, refused := "", ""
			h := c.BackchannelLogout(func(_ context.Context, tok *LogoutToken) error { ended = tok.SessionID(); return nil })
			p.LogoutToken = func(tok *hostile.Token) {
				delete(tok.Header, "typ")
				if m.lie != nil {
					m.lie(tok)
				}
			}
			answer := httptest.NewRecorder()
			p.Serve("end_session", func(w http.ResponseWriter, r *http.Request) {
				sent := p.BackchannelLogout(backchannelURI)
				_, err := newTestClient(t, p, func(cfg *Config) { cfg.IDTokenSigningAlgs = c.cfg.IDTokenSigningAlgs }).VerifyLogoutToken(t.Context(), post("", postedForm(sent)))
				refused = refusedBy(err)
				h.ServeHTTP(answer, sent)
				p.Honest("end_session")(w, r)
			})
			address, tx, err := c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.LogoutCallback(t.Context(), follow(t, p, address), tx); err != nil {
				t.Error(err)
			}
			status, session := http.StatusBadRequest, ""
			if m.check == "" {
				status, session = http.StatusOK, tokens.IDToken.SessionID()
			}
			if answer.Code != status || answer.Header().Get("Cache-Control") != "no-store" || ended != session || refused != m.check {
				t.Errorf("answered %d, ended %q, refused by %q, want %q", answer.Code, ended, refused, m.check)
			}
		})
	}
}

// TestCertificationFrontchannelLogout: rp-frontchannel-rpinitlogout and rp-frontchannel-opinitlogout, which differ in who begins; iss and sid are
// sent to those who are registered with frontchannel_logout_session_required.
func TestCertificationFrontchannelLogout(t *testing.T) {
	for _, name := range []string{"oidcc-client-test-rp-frontchannel-rpinitlogout", "oidcc-client-test-rp-frontchannel-opinitlogout"} {
		t.Run(name, func(t *testing.T) {
			p := conformanceSuite(t)
			p.SessionID = "session-1"
			c := newTestClient(t, p)
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			var ended *IDToken
			p.Serve("end_session", func(w http.ResponseWriter, r *http.Request) {
				if ended, err = c.VerifyFrontchannelLogout(t.Context(), p.FrontchannelLogout(frontchannelURI), tokens.IDToken); err != nil {
					t.Error(err)
				}
				p.Honest("end_session")(w, r)
			})
			address, tx, err := c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.LogoutCallback(t.Context(), follow(t, p, address), tx); err != nil || ended != tokens.IDToken {
				t.Errorf("ended %v, %v", ended, err)
			}
		})
	}
}

// TestCertificationSessionManagement: session-management. The page asks with client_id, a space and session_state; the answers before and after the
// logout differ. TestSessionFrameInChromium has browsers do it.
func TestCertificationSessionManagement(t *testing.T) {
	p := conformanceSuite(t)
	p.BrowserState = "alice"
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	f := &SessionFrame{Client: c, State: func(*http.Request) string { return tokens.SessionState }}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httpGet("https://app.example/session"))
	message := p.ClientID + " " + tokens.SessionState
	if w.Code != http.StatusOK || dataOf(w.Body.String(), "message") != message || dataOf(w.Body.String(), "origin") != originOfURL(p.URL("")) {
		t.Fatalf("the page: %d %s", w.Code, w.Body)
	}
	for state, want := range map[string]string{"alice": "unchanged", "": "changed"} {
		if got := hostile.SameSession(message, "https://app.example", state); got != want {
			t.Errorf("with %q logged in: %s, want %s", state, got, want)
		}
	}
}

// TestCertificationThirdPartyLogin: 3rd-party-init-login. The suite has the login started at the initiate_login_uri, and fails who comes before.
func TestCertificationThirdPartyLogin(t *testing.T) {
	p := conformanceSuite(t)
	c := newTestClient(t, p)
	r := httpGet(initiateURI + "?" + url.Values{"iss": {p.Issuer}}.Encode())
	i, err := VerifyLoginInitiation(t.Context(), r, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	address, tx, err := i.Client.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, LoginHint: i.LoginHint, AppState: i.Target})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Callback(t.Context(), p.Authorize(address), tx); err != nil {
		t.Error(err)
	}
	before := p.Count("")
	r = httpGet(initiateURI + "?" + url.Values{"iss": {p.Issuer + "1"}}.Encode())
	if _, err := VerifyLoginInitiation(t.Context(), r, nil, c); refusedBy(err) != "iss" || p.Count("") != before {
		t.Errorf("an unknown issuer: %v", err)
	}
}
