package openid

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestLogoutForm: the ID Token goes in the body of a POST, through a page that does nothing else.
func TestLogoutForm(t *testing.T) {
	p := hostile.New(t)
	p.Metadata = func(m map[string]any) { m["end_session_endpoint"] = p.URL("end_session") + "?tenant=a&b" }
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	form, tx, err := c.Logout(t.Context(), LogoutRequest{IDToken: tokens.IDToken, ReturnTo: "https://app.example/bye?x=1&y=2", Hint: `"><script>alert(1)</script>`,
		UILocales: []string{"de-CH", "de"}, Extra: url.Values{"submit": {"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	form.ServeHTTP(w, httpGet("https://app.example/logout"))
	page := w.Body.String()
	if strings.Contains(page, "alert(1)</script>") {
		t.Error("a value is markup")
	}
	script := regexp.MustCompile(`<script>(.*)</script>`).FindStringSubmatch(page)[1]
	sum := sha256.Sum256([]byte(script))
	policy := "default-src 'none'; base-uri 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'"
	for name, want := range map[string]string{"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	// As the browser submits it.
	action := html.UnescapeString(regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindStringSubmatch(page)[1])
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		fields.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	if action != p.URL("end_session")+"?tenant=a&b" || action != form.Action() || fields.Encode() != form.Values().Encode() {
		t.Errorf("the page is not the form: %s", action)
	}
	browser := p.HTTPClient()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := browser.PostForm(action, fields)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	sent := p.Requests("end_session")[0]
	if sent.Query.Encode() != "b=&tenant=a" || sent.Form.Get("id_token_hint") != tokens.IDToken.Raw().Reveal() || sent.Form.Get("client_id") != p.ClientID ||
		sent.Form.Get("logout_hint") != `"><script>alert(1)</script>` || sent.Form.Get("ui_locales") != "de-CH de" || len(sent.Form["submit"]) != 2 ||
		sent.Form.Get("post_logout_redirect_uri") != "https://app.example/bye?x=1&y=2" {
		t.Errorf("sent %v with %d fields", sent.Query, len(sent.Form))
	}
	if err := c.LogoutCallback(t.Context(), httpGet(answer.Header.Get("Location")), tx); err != nil {
		t.Error(err)
	}

	// The same as a redirect, and what is printed of it.
	u, err := url.Parse(form.URL())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("tenant") != "a" || q.Get("id_token_hint") != tokens.IDToken.Raw().Reveal() || q.Get("state") != fields.Get("state") || len(q) != len(fields)+2 {
		t.Errorf("the URL has %d parameters", len(q))
	}
	text, err := json.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %x", form, form, form, *form, form), fmt.Sprintf("%+v", struct{ f *LogoutForm }{form}), string(text)} {
		if strings.Contains(printed, tokens.IDToken.Raw().Reveal()) || strings.Contains(printed, fields.Get("state")) {
			t.Errorf("printed %s", printed)
		}
	}
	u, _ = url.Parse(p.Issuer)
	if want := "logout request to " + strconv.Quote(u.Host); form.String() != want || fmt.Sprint(*form) != want || !strings.Contains(string(text), u.Host) {
		t.Errorf("described as %s, in JSON %s", form, text)
	}
	if form.Values().Set("state", "x"); form.Values().Get("state") == "x" {
		t.Error("the caller can change what is sent")
	}
	var zero LogoutForm
	zero.ServeHTTP(httptest.NewRecorder(), nil)
	if zero.String() != "no logout request" || zero.URL() != "" {
		t.Errorf("the zero value: %v %s", zero, zero.URL())
	}
}

func TestLogoutMistakes(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	for _, m := range []struct {
		name string
		r    LogoutRequest
		says string
	}{
		{"no TLS", LogoutRequest{ReturnTo: "http://app.example/bye"}, "LogoutRequest.ReturnTo"},
		{"no address", LogoutRequest{ReturnTo: "/bye"}, "LogoutRequest.ReturnTo"},
		{"two languages in one", LogoutRequest{UILocales: []string{"de en"}}, "LogoutRequest.UILocales"},
		{"another client", LogoutRequest{Extra: url.Values{"client_id": {"x"}}}, "client_id is set by this package"},
		{"another state", LogoutRequest{Extra: url.Values{"state": {"x"}}}, "state is set by this package"},
		{"nobody's ID Token", LogoutRequest{IDToken: new(IDToken)}, "tokens: issuer"},
	} {
		if _, _, err := c.Logout(t.Context(), m.r); err == nil || !strings.Contains(err.Error(), m.says) || p.Count("") != 0 {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	form, tx, err := c.Logout(t.Context(), LogoutRequest{})
	if err != nil || tx != "" || form.Values().Encode() != "client_id="+p.ClientID {
		t.Errorf("with nothing: %v, %q, %v", form.Values(), tx, err)
	}
	p.Metadata = func(m map[string]any) { delete(m, "end_session_endpoint") }
	if _, _, err := newTestClient(t, p).Logout(t.Context(), LogoutRequest{}); refusedBy(err) != "end_session_endpoint" {
		t.Errorf("without an endpoint: %v", err)
	}
}

const frontchannelURI = "https://app.example/frontchannel-logout"

// frontchannelLies are told to a browser that has two sessions.
var frontchannelLies = []struct {
	name     string
	twist    func(*http.Request) *http.Request
	sessions int // of the browser; 0: both
	check    string
}{
	{"a POST", func(r *http.Request) *http.Request { return post("", r.URL.Query()) }, 0, "request"},
	{"a malformed query", func(r *http.Request) *http.Request { r.URL.RawQuery += "&%zz"; return r }, 0, "request"},
	{"L14 foreign iss", frontchannel("iss", "https://evil.example"), 0, "iss"},
	{"no iss", frontchannel("iss"), 0, "iss"},
	{"iss twice", frontchannel("iss", "", "https://evil.example"), 0, "iss"},
	{"L14 foreign sid", frontchannel("sid", "session-3"), 0, "sid"},
	{"no sid", frontchannel("sid"), 0, "sid"},
	{"an empty sid", frontchannel("sid", ""), 0, "sid"},
	{"sid twice", frontchannel("sid", "session-1", "session-2"), 0, "sid"},
	{"nobody is logged in", frontchannel("sid", "session-1"), -1, "sid"},
	{"the session of before", frontchannel("sid", "session-2"), 1, "sid"},
}

// frontchannel sets a parameter; an empty value is the honest one.
func frontchannel(name string, values ...string) func(*http.Request) *http.Request {
	return func(r *http.Request) *http.Request {
		q := r.URL.Query()
		honest := q.Get(name)
		q.Del(name)
		for _, v := range values {
			if v == "" && name == "iss" {
				v = honest
			}
			q.Add(name, v)
		}
		r.URL.RawQuery = q.Encode()
		return r
	}
}

// twoSessions logs in twice with one browser; one login more was without a sid.
func twoSessions(t *testing.T, c *Client, p *hostile.Provider) (sessions []*IDToken) {
	t.Helper()
	for _, p.SessionID = range []string{"session-1", "session-2", ""} {
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, tokens.IDToken)
	}
	p.SessionID = "session-1"
	return sessions
}

func tellFrontchannel(t *testing.T, i int, drop string) error {
	t.Helper()
	l := frontchannelLies[i]
	p := hostile.New(t)
	c := newTestClient(t, p)
	sessions := twoSessions(t, c, p)
	switch l.sessions {
	case 1:
		sessions = sessions[:1]
	case -1:
		sessions = nil
	}
	_, err := c.verifyFrontchannelLogout(t.Context(), l.twist(p.FrontchannelLogout(frontchannelURI)), sessions, dropRow(frontchannelLogoutChecks, drop))
	return err
}

func TestHostileFrontchannelLogout(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	sessions := twoSessions(t, c, p)
	p.SessionID = "session-2"
	ended, err := c.VerifyFrontchannelLogout(t.Context(), p.FrontchannelLogout(frontchannelURI+"?tenant=a"), sessions...)
	if err != nil || ended != sessions[1] {
		t.Errorf("got %v, %v", ended, err)
	}
	for i, l := range frontchannelLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks token token")
			err := tellFrontchannel(t, i, "")
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	// The session at another server may have the same name.
	other := hostile.New(t)
	foreign := twoSessions(t, newTestClient(t, other), other)
	if _, err := c.VerifyFrontchannelLogout(t.Context(), p.FrontchannelLogout(frontchannelURI), foreign...); refusedBy(err) != "sid" {
		t.Errorf("a session elsewhere: %v", err)
	}
	var v *VerificationError
	p.SessionID = hostile.Canary
	if _, err := c.VerifyFrontchannelLogout(t.Context(), p.FrontchannelLogout(frontchannelURI), sessions...); !errors.As(err, &v) || strings.Contains(err.Error(), hostile.Canary) {
		t.Errorf("the error shows the name of a session: %v", err)
	}
}

// TestLogoutWithoutMetadata: there is nowhere to send the browser.
func TestLogoutWithoutMetadata(t *testing.T) {
	p := hostile.New(t)
	p.Serve("discovery", hostile.Reset())
	c := newTestClient(t, p)
	var exchange *ExchangeError
	if form, tx, err := c.Logout(t.Context(), LogoutRequest{ReturnTo: "https://app.example/bye"}); !errors.As(err, &exchange) || form != nil || tx != "" {
		t.Errorf("got %v, %q, %v", form, tx, err)
	}
	if location, tx, err := c.LogoutURL(t.Context(), nil, "https://app.example/bye"); !errors.As(err, &exchange) || location != "" || tx != "" {
		t.Errorf("got %q, %q, %v", location, tx, err)
	}
}

// TestLogoutInAFlow: what comes back continues the flow of its logout; what belongs to none has one of its own.
func TestLogoutInAFlow(t *testing.T) {
	p := hostile.New(t)
	var flows []string
	c := newTestClient(t, p, func(cfg *Config) {
		cfg.Trace = func(_ context.Context, e Event) {
			if len(flows) == 0 || flows[len(flows)-1] != e.Flow {
				flows = append(flows, e.Flow)
			}
		}
	})
	location, tx, err := c.LogoutURL(t.Context(), nil, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	back := httpGet("https://app.example/bye?state=" + u.Query().Get("state"))
	if err := c.LogoutCallback(t.Context(), back); refusedBy(err) != "state" {
		t.Errorf("got %v", err)
	}
	if err := c.LogoutCallback(t.Context(), back, tx); err != nil {
		t.Fatal(err)
	}
	if len(flows) != 3 || flows[0] == "" || flows[1] == "" || flows[1] == flows[0] || flows[2] != flows[0] {
		t.Errorf("flows: %q", flows)
	}
}

// TestHostileLogoutState: what comes back from a logout belongs to it, RP-Initiated Logout 1.0 section 3.
func TestHostileLogoutState(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	rawURL, tx, err := c.LogoutURL(t.Context(), nil, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(rawURL)
	state := u.Query().Get("state")
	for what, r := range map[string]*http.Request{"a POST": post("", url.Values{"state": {state}}), "a malformed query": httpGet("https://app.example/bye?state=" + state + "&%zz")} {
		var v *VerificationError
		if err := c.LogoutCallback(t.Context(), r, tx); !errors.As(err, &v) || v.Check != "request" || v.Got != what || v.Document != "logout response" || v.Err != nil {
			t.Errorf("%s: got %v", what, err)
		}
	}
	for name, states := range map[string][]string{"C16 another state": {"other"}, "C16 no state": nil, "C16 state twice": {state, state}} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "")
			err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?"+url.Values{"state": states}.Encode()), tx)
			hostile.Hear(err)
			if refusedBy(err) != "state" {
				t.Errorf("got %v", err)
			}
		})
	}
}
