package hostile

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what a user or a client was allowed.
type grant struct {
	subject, nonce, challenge, redirectURI string
	scope                                  []string
	authTime, expires                      time.Time
}

// Authorize plays browser and login: it checks an authorization URL as a strict
// server would, fails the test naming what is wrong, and returns the request
// that brings the answer to the redirect URI. Call it from the test's goroutine.
func (p *Provider) Authorize(rawURL string) *http.Request {
	p.t.Helper()
	u, err := url.Parse(rawURL)
	if err == nil && !strings.HasPrefix(rawURL, p.URL("authorization")+"?") {
		err = errors.New("is not for the authorization endpoint")
	}
	if err == nil && strings.Contains(rawURL, "#") {
		err = errors.New("has a fragment")
	}
	if err != nil {
		p.t.Fatalf("hostile: authorization URL: %v", err)
	}
	r := httptest.NewRequestWithContext(p.t.Context(), "GET", rawURL, nil)
	p.mu.Lock()
	p.log = append(p.log, record("authorization", r, nil))
	p.mu.Unlock()
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		p.t.Fatalf("hostile: authorization URL: %v", err)
	}
	answer, err := p.authorize(q)
	if err != nil {
		p.t.Fatalf("hostile: authorization request: %v", err)
	}
	if q.Get("response_mode") == "form_post" {
		r := httptest.NewRequestWithContext(p.t.Context(), "POST", q.Get("redirect_uri"), strings.NewReader(answer.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	return httptest.NewRequestWithContext(p.t.Context(), "GET", withQuery(q.Get("redirect_uri"), answer), nil)
}

// authorize checks a request and returns the parameters of the callback.
func (p *Provider) authorize(q url.Values) (url.Values, error) {
	s := p.script()
	if err := checkAuthorization(s, q); err != nil {
		return nil, err
	}
	code := Canary + "-code-" + rand.Text()
	p.mu.Lock()
	p.codes[code] = grant{
		subject:     s.Subject,
		nonce:       q.Get("nonce"),
		challenge:   q.Get("code_challenge"),
		redirectURI: q.Get("redirect_uri"),
		scope:       strings.Fields(q.Get("scope")),
		authTime:    time.Now(),
		expires:     time.Now().Add(time.Minute),
	}
	p.mu.Unlock()
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {s.Issuer}}
	if s.Callback != nil {
		s.Callback(answer)
	}
	return answer, nil
}

func checkAuthorization(s Script, q url.Values) error {
	for name, values := range q {
		if len(values) != 1 {
			return fmt.Errorf("%s is sent %d times (RFC 6749 §3.1)", name, len(values))
		}
		if values[0] == "" {
			return fmt.Errorf("%s is sent without a value", name)
		}
	}
	challenge, err := base64.RawURLEncoding.Strict().DecodeString(q.Get("code_challenge"))
	openid := slices.Contains(strings.Fields(q.Get("scope")), "openid")
	switch mode := q.Get("response_mode"); {
	case q.Get("client_id") != s.ClientID:
		return fmt.Errorf("client_id is %q, not %q", q.Get("client_id"), s.ClientID)
	case q.Get("redirect_uri") != s.RedirectURI:
		return fmt.Errorf("redirect_uri is %q, not %q", q.Get("redirect_uri"), s.RedirectURI)
	case q.Get("response_type") != "code":
		return fmt.Errorf("response_type is %q, not code", q.Get("response_type"))
	case mode != "" && mode != "query" && mode != "form_post":
		return fmt.Errorf("response_mode is %q", mode)
	case q.Get("code_challenge_method") != "S256":
		return fmt.Errorf("code_challenge_method is %q, not S256", q.Get("code_challenge_method"))
	case err != nil || len(challenge) != 32:
		return errors.New("code_challenge is no SHA-256 hash (RFC 7636 §4.2)")
	case len(q.Get("state")) < 22:
		return errors.New("state is missing or shorter than 128 bits")
	case openid && len(q.Get("nonce")) < 22:
		return errors.New("nonce is missing or shorter than 128 bits")
	case q.Has("client_secret"):
		return errors.New("client_secret went through the browser")
	}
	return nil
}

func (p *Provider) serveAuthorization(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method == http.MethodPost {
		q = form(r)
	}
	answer, err := p.authorize(q)
	if err != nil {
		http.Error(w, "authorization request: "+err.Error(), http.StatusBadRequest)
		return
	}
	if q.Get("response_mode") != "form_post" {
		http.Redirect(w, r, withQuery(q.Get("redirect_uri"), answer), http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>Back</title><form method=post action=\"%s\">", html.EscapeString(q.Get("redirect_uri")))
	for name, values := range answer {
		for _, v := range values {
			fmt.Fprintf(w, "<input type=hidden name=\"%s\" value=\"%s\">", html.EscapeString(name), html.EscapeString(v))
		}
	}
	fmt.Fprint(w, "<button>Continue</button></form><script>document.forms[0].submit()</script>")
}

func withQuery(rawURL string, q url.Values) string {
	if strings.Contains(rawURL, "?") {
		return rawURL + "&" + q.Encode()
	}
	return rawURL + "?" + q.Encode()
}

func isForm(r *http.Request) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media == "application/x-www-form-urlencoded"
}
