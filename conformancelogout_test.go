package openid

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// logoutModules follow a login by its end. The user is logged out in any case; a wrong state is reported.
var logoutModules = []module{
	{name: "oidcc-client-test-rp-init-logout", end: loggingOut(func(url.Values) {}), calls: toLogout},
	{name: "oidcc-client-test-rp-init-logout-other-state", end: loggingOut(setParam("state", "other")), check: "state", calls: toLogout},
	{name: "oidcc-client-test-rp-init-logout-no-state", end: loggingOut(dropParam("state")), check: "state", calls: toLogout},

	{name: "oidcc-client-test-rp-frontchannel-rpinitlogout", script: inSession, end: toldInFront, calls: toLogout},
	{name: "oidcc-client-test-rp-frontchannel-opinitlogout", script: inSession, calls: toLogin, end: func(s *session, tokens *Tokens) error {
		ended, err := s.c.VerifyFrontchannelLogout(s.t.Context(), s.p.FrontchannelLogout(frontchannelURI), tokens.IDToken)
		if err == nil && ended != tokens.IDToken {
			s.t.Errorf("ended %v", ended)
		}
		return err
	}},

	{name: "oidcc-client-test-rp-backchannel-rpinitlogout", script: inSession, end: toldBehind(func(*hostile.Token) {}), calls: toLogout},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-alg-none", script: inSession, check: "alg", calls: toLogout, end: toldBehind(hostile.Unsigned)},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg", check: "alg", calls: toLogout, tune: func(cfg *Config) { cfg.IDTokenSigningAlgs = []string{"RS256"} },
		script: func(t *testing.T, p *hostile.Provider) { inSession(t, p); p.Alg = "RS256" },
		end: func(s *session, tokens *Tokens) error {
			s.p.Alg = "ES256" // a key that is published as well
			return toldBehind(func(*hostile.Token) {})(s, tokens)
		}},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss", script: inSession, check: "iss", calls: toLogout, end: toldBehind(hostile.Longer("iss"))},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud", script: inSession, check: "aud", calls: toLogout, end: toldBehind(hostile.Longer("aud"))},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-no-event", script: inSession, check: "events", calls: toLogout, end: toldBehind(claim("events", ""))},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event", script: inSession, check: "events", calls: toLogout,
		end: toldBehind(claim("events", `{"http://schemas.openid.net/event/backchannel-logout1":{}}`))},
	{name: "oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce", script: inSession, check: "nonce", calls: toLogout, end: toldBehind(claim("nonce", `"n"`))},

	{name: "oidcc-client-test-session-management", calls: toLogin, end: askingFrame, script: func(_ *testing.T, p *hostile.Provider) { p.BrowserState = "alice" }},
}

const toLogout = toLogin + " end_session"

// thirdPartyModule begins at the initiate_login_uri; a request before fails.
var thirdPartyModule = module{name: "oidcc-client-test-3rd-party-init-login", calls: toLogin, begin: func(s *session) (*Tokens, error) {
	before := s.p.Count("")
	unknown := httpGet(initiateURI + "?" + url.Values{"iss": {s.p.Issuer + "1"}}.Encode())
	if _, err := VerifyLoginInitiation(s.t.Context(), unknown, nil, s.c); refusedBy(err) != "iss" || s.p.Count("") != before {
		s.t.Errorf("an unknown issuer: %v", err)
	}
	i, err := VerifyLoginInitiation(s.t.Context(), httpGet(initiateURI+"?"+url.Values{"iss": {s.p.Issuer}}.Encode()), nil, s.c)
	if err != nil {
		return nil, err
	}
	s.ask.LoginHint, s.ask.AppState = i.LoginHint, i.Target
	return play(s.t, i.Client, s.p, s.ask)
}}

func inSession(_ *testing.T, p *hostile.Provider) { p.SessionID = "session-1" }

// loggingOut logs out by the browser, which is sent back with something else.
func loggingOut(change func(url.Values)) func(*session, *Tokens) error {
	return func(s *session, tokens *Tokens) error {
		address, tx, err := s.c.LogoutURL(s.t.Context(), tokens.IDToken, "https://app.example/bye")
		if err != nil {
			return err
		}
		back := follow(s.t, s.p, address)
		q := back.URL.Query()
		change(q)
		back.URL.RawQuery = q.Encode()
		sent := s.p.Requests("end_session")[0].Query
		if sent.Get("id_token_hint") != tokens.IDToken.Raw().Reveal() || sent.Get("client_id") != s.p.ClientID {
			s.t.Error("the request does not say whose session ends")
		}
		return s.c.LogoutCallback(s.t.Context(), back, tx)
	}
}

// toldInFront: the suite's page has the client told by an iframe while it logs the user out. iss and sid are sent to those who are registered
// with frontchannel_logout_session_required.
func toldInFront(s *session, tokens *Tokens) error {
	s.p.Serve("end_session", func(w http.ResponseWriter, r *http.Request) {
		ended, err := s.c.VerifyFrontchannelLogout(s.t.Context(), s.p.FrontchannelLogout(frontchannelURI), tokens.IDToken)
		if err != nil || ended != tokens.IDToken {
			s.t.Errorf("ended %v, %v", ended, err)
		}
		s.p.Honest("end_session")(w, r)
	})
	return loggingOut(func(url.Values) {})(s, tokens)
}

// toldBehind: the suite sends the logout token, without a type, while the browser's request to its end_session_endpoint is open, and wants 200
// with no-store, or 400. What refuses the token comes back.
func toldBehind(lie func(*hostile.Token)) func(*session, *Tokens) error {
	return func(s *session, tokens *Tokens) (refused error) {
		ended := ""
		h := s.c.BackchannelLogout(func(_ context.Context, tok *LogoutToken) error { ended = tok.SessionID(); return nil })
		s.p.LogoutToken = func(tok *hostile.Token) {
			delete(tok.Header, "typ")
			lie(tok)
		}
		// Another client: each takes a token once.
		other := newTestClient(s.t, s.p, func(cfg *Config) { cfg.IDTokenSigningAlgs = s.c.cfg.IDTokenSigningAlgs })
		answer := httptest.NewRecorder()
		s.p.Serve("end_session", func(w http.ResponseWriter, r *http.Request) {
			sent := s.p.BackchannelLogout(backchannelURI)
			_, refused = other.VerifyLogoutToken(s.t.Context(), post("", postedForm(sent)))
			h.ServeHTTP(answer, sent)
			s.p.Honest("end_session")(w, r)
		})
		if err := loggingOut(func(url.Values) {})(s, tokens); err != nil {
			s.t.Error(err)
		}
		status, session := http.StatusOK, tokens.IDToken.SessionID()
		if refused != nil {
			status, session = http.StatusBadRequest, ""
		}
		if answer.Code != status || answer.Header().Get("Cache-Control") != "no-store" || ended != session {
			s.t.Errorf("answered %d, ended %q", answer.Code, ended)
		}
		return refused
	}
}

// askingFrame: the page asks with client_id, a space and session_state; the answers before and after the logout differ.
// TestSessionFrameInChromium has browsers do it.
func askingFrame(s *session, tokens *Tokens) error {
	f := &SessionFrame{Client: s.c, State: func(*http.Request) string { return tokens.SessionState }}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httpGet("https://app.example/session"))
	message := s.p.ClientID + " " + tokens.SessionState
	if w.Code != http.StatusOK || dataOf(w.Body.String(), "message") != message || dataOf(w.Body.String(), "origin") != originOfURL(s.p.URL("")) {
		s.t.Fatalf("the page: %d %s", w.Code, w.Body)
	}
	for state, want := range map[string]string{"alice": "unchanged", "": "changed"} {
		if got := hostile.SameSession(message, "https://app.example", state); got != want {
			s.t.Errorf("with %q logged in: %s, want %s", state, got, want)
		}
	}
	return nil
}

func logoutPlans() (list []plan) {
	for _, c := range []struct {
		name  string
		types []string
	}{{"basic", []string{"code"}}, {"implicit", implicits}, {"hybrid", hybrids}} {
		for _, l := range []struct {
			name    string
			modules []string
			count   int
		}{
			{"rp-initiated-logout", []string{"rp-init-logout", "rp-init-logout-other-state", "rp-init-logout-no-state"}, 3},
			{"front-channel-logout", []string{"rp-frontchannel-rpinitlogout"}, 1},
			{"back-channel-logout", backchannelModules, 8},
			{"session-management", []string{"session-management"}, 1},
		} {
			list = append(list, connectPlan("oidcc-client-"+l.name+"-rp-"+c.name, c.types, []string{"default or form_post"}, everyAuth,
				func(variant) []string { return l.modules }, func(variant) int { return l.count }))
		}
	}
	return append(list, connectPlan("oidcc-client-logout-test-plan", allTypes, []string{"default or form_post"}, everyAuth, func(variant) (names []string) {
		for _, m := range logoutModules {
			names = append(names, m.name[len("oidcc-client-test-"):])
		}
		return names
	}, func(variant) int { return 14 }))
}

var backchannelModules = func() (names []string) {
	for _, end := range []string{"", "-alg-none", "-no-event", "-with-nonce", "-wrong-alg", "-wrong-aud", "-wrong-event", "-wrong-iss"} {
		names = append(names, "rp-backchannel-rpinitlogout"+end)
	}
	return names
}()
