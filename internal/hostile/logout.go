package hostile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"
)

// BackchannelLogout is the request that tells a client of a logout: Back-Channel
// Logout §2.5. It has a parameter and a claim that nobody knows, as the
// certification suite sends them. Call it from the test's goroutine.
func (p *Provider) BackchannelLogout(uri string) *http.Request {
	p.t.Helper()
	s := p.script()
	form := url.Values{"logout_token": {s.encrypted(p.logoutToken(s).String())}, "ignored_parameter": {"ignored"}}
	r := httptest.NewRequestWithContext(p.t.Context(), "POST", uri, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (p *Provider) logoutToken(s Script) *Token {
	now := time.Now()
	tok := NewToken(p.SigningKey(), map[string]any{
		"iss":           s.Issuer,
		"sub":           s.Subject,
		"aud":           s.ClientID,
		"iat":           now.Unix(),
		"exp":           now.Add(2 * time.Minute).Unix(),
		"jti":           rand.Text(),
		"events":        map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		"ignored_claim": "ignored",
	})
	tok.Header["typ"] = "logout+jwt"
	if s.SessionID != "" {
		tok.Claims["sid"] = s.SessionID
	}
	if s.LogoutToken != nil {
		s.LogoutToken(tok)
	}
	return tok
}

// FrontchannelLogout is the request that the provider's page makes in an iframe
// at the registered address: Front-Channel Logout §2.
func (p *Provider) FrontchannelLogout(uri string) *http.Request {
	p.t.Helper()
	s := p.script()
	q := url.Values{"iss": {s.Issuer}, "sid": {s.SessionID}}
	if s.FrontchannelLogout != nil {
		s.FrontchannelLogout(q)
	}
	return httptest.NewRequestWithContext(p.t.Context(), "GET", withQuery(uri, q), nil)
}

// SessionState is session_state: Session Management §3.2. The salt is its own.
func SessionState(clientID, origin, browserState string) string {
	return sessionState(clientID, origin, browserState, rand.Text())
}

func sessionState(clientID, origin, browserState, salt string) string {
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + browserState + " " + salt))
	return hex.EncodeToString(sum[:]) + "." + salt
}

// SameSession is what the provider's iframe does with a message: it computes
// session_state anew and says "unchanged", "changed" or "error".
func SameSession(message, origin, browserState string) string {
	space := strings.LastIndexByte(message, ' ') // a client_id may have others
	state := message[space+1:]
	_, salt, salted := strings.Cut(state, ".")
	if space < 0 || !salted {
		return "error"
	}
	if sessionState(message[:space], origin, browserState, salt) != state {
		return "changed"
	}
	return "unchanged"
}

// serveCheckSession is the provider's iframe. Its browser state lies in the
// cookie op_browser_state, or, until a test sets one, is the script's.
func (p *Provider) serveCheckSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, checkSession, html.EscapeString(p.script().BrowserState))
}

const checkSession = `<!doctype html><title>OP iframe</title><script data-state="%s">
const given = document.currentScript.dataset.state;
addEventListener('message', async (e) => {
  const state = document.cookie.split('; ').find((c) => c.startsWith('op_browser_state='))?.slice(17) ?? given;
  const space = String(e.data).lastIndexOf(' ');
  const said = String(e.data).slice(space + 1);
  const salt = said.split('.')[1];
  let answer = 'error';
  if (salt && space >= 0) {
    const bytes = new TextEncoder().encode([e.data.slice(0, space), e.origin, state, salt].join(' '));
    const sum = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16).padStart(2, '0')).join('');
    answer = sum + '.' + salt === said ? 'unchanged' : 'changed';
  }
  e.source.postMessage(answer, e.origin);
});
</script>
`

// originOf is scheme, host and port of an address.
func originOf(rawURL string) string {
	u := must(url.Parse(rawURL))
	return u.Scheme + "://" + u.Host
}
