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
	thumbprint                             string // of the key it is bound to
	details                                string // authorization_details
	issued                                 string // issued_token_type of a token exchange
	authTime, expires                      time.Time
}

// Authorize plays browser and login: it checks an authorization URL as a strict
// server would, fails the test naming what is wrong, and returns the request
// that brings the answer to the redirect URI. A response in a fragment is in the
// request's URL.Fragment, which no server would see. Call it from the test's
// goroutine.
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
	back, answer, carrier, err := p.authorize(q)
	if err != nil {
		p.t.Fatalf("hostile: authorization request: %v", err)
	}
	switch carrier {
	case "form_post":
		r := httptest.NewRequestWithContext(p.t.Context(), "POST", back, strings.NewReader(answer.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	case "fragment":
		r := httptest.NewRequestWithContext(p.t.Context(), "GET", back, nil)
		r.URL.Fragment = answer.Encode()
		return r
	}
	return httptest.NewRequestWithContext(p.t.Context(), "GET", withQuery(back, answer), nil)
}

// authorize checks a request and returns where the browser goes, with what, and
// how it carries that.
func (p *Provider) authorize(outside url.Values) (back string, answer url.Values, carrier string, err error) {
	s := p.script()
	q, err := p.unpack(s, outside)
	if err != nil {
		return "", nil, "", err
	}
	if err := checkAuthorization(s, q); err != nil {
		return "", nil, "", err
	}
	types := strings.Fields(q.Get("response_type"))
	carrier, signed := carrierOf(q.Get("response_mode"), slices.Contains(types, "id_token") || slices.Contains(types, "token"))
	return q.Get("redirect_uri"), p.answer(s, q, types, signed), carrier, nil
}

func (p *Provider) answer(s Script, q url.Values, types []string, signed bool) url.Values {
	g := grant{
		subject:     s.Subject,
		nonce:       q.Get("nonce"),
		challenge:   q.Get("code_challenge"),
		redirectURI: q.Get("redirect_uri"),
		scope:       strings.Fields(q.Get("scope")),
		thumbprint:  q.Get("dpop_jkt"),
		details:     q.Get("authorization_details"),
		authTime:    time.Now(),
		expires:     time.Now().Add(time.Minute),
	}
	answer := url.Values{"state": {q.Get("state")}}
	if !signed && !slices.Contains(types, "id_token") {
		answer.Set("iss", s.Issuer)
	}
	if slices.Contains(types, "code") {
		code := Canary + "-code-" + rand.Text()
		p.mu.Lock()
		p.codes[code] = g
		p.mu.Unlock()
		answer.Set("code", code)
	}
	if slices.Contains(types, "token") {
		token := Canary + "-front-" + rand.Text()
		front := g
		front.expires = time.Now().Add(s.Lifetime)
		p.mu.Lock()
		p.access[token] = front
		p.mu.Unlock()
		answer.Set("access_token", token)
		answer.Set("token_type", "Bearer")
		answer.Set("expires_in", fmt.Sprint(int(s.Lifetime.Seconds())))
	}
	if slices.Contains(types, "id_token") {
		tok := p.honestIDToken(s, g, answer.Get("access_token"))
		if code := answer.Get("code"); code != "" {
			tok.Claims["c_hash"] = HalfHash(tok.Key.Alg, code)
		}
		tok.Claims["s_hash"] = HalfHash(tok.Key.Alg, q.Get("state"))
		if s.FrontIDToken != nil {
			s.FrontIDToken(tok)
		}
		answer.Set("id_token", s.encrypted(tok.String()))
	}
	if s.BrowserState != "" {
		answer.Set("session_state", SessionState(s.ClientID, originOf(q.Get("redirect_uri")), s.BrowserState))
	}
	if s.Callback != nil {
		s.Callback(answer)
	}
	if !signed {
		return answer
	}
	claims := map[string]any{"iss": s.Issuer, "aud": s.ClientID, "exp": time.Now().Add(time.Minute).Unix()}
	for name := range answer {
		claims[name] = answer.Get(name)
	}
	tok := NewToken(p.SigningKey(), claims)
	if s.Response != nil {
		s.Response(tok)
	}
	return url.Values{"response": {s.encrypted(tok.String())}}
}

// carrierOf is JARM §2.3 and OAuth 2.0 Multiple Response Types §2.1.
func carrierOf(mode string, inFront bool) (carrier string, signed bool) {
	carrier, signed = strings.CutSuffix(mode, ".jwt")
	if mode == "jwt" {
		carrier, signed = "", true
	}
	switch {
	case carrier != "":
		return carrier, signed
	case inFront:
		return "fragment", signed
	}
	return "query", signed
}

func checkAuthorization(s Script, q url.Values) error {
	for name, values := range q {
		if len(values) != 1 && name != "resource" {
			return fmt.Errorf("%s is sent %d times (RFC 6749 §3.1)", name, len(values))
		}
		if values[0] == "" {
			return fmt.Errorf("%s is sent without a value", name)
		}
	}
	challenge, err := base64.RawURLEncoding.Strict().DecodeString(q.Get("code_challenge"))
	openid := slices.Contains(strings.Fields(q.Get("scope")), "openid")
	types := strings.Fields(q.Get("response_type"))
	code := slices.Contains(types, "code")
	switch mode := q.Get("response_mode"); {
	case q.Get("client_id") != s.ClientID:
		return fmt.Errorf("client_id is %q, not %q", q.Get("client_id"), s.ClientID)
	case q.Get("redirect_uri") != s.RedirectURI:
		return fmt.Errorf("redirect_uri is %q, not %q", q.Get("redirect_uri"), s.RedirectURI)
	case !slices.Contains([]string{"code", "id_token", "token", "code id_token", "code token", "id_token token", "code id_token token"}, q.Get("response_type")):
		return fmt.Errorf("response_type is %q", q.Get("response_type"))
	case !slices.Contains([]string{"", "query", "form_post", "fragment", "jwt", "query.jwt", "form_post.jwt", "fragment.jwt"}, mode):
		return fmt.Errorf("response_mode is %q", mode)
	case len(types) != 1 && strings.HasPrefix(mode, "query"), types[0] != "code" && strings.HasPrefix(mode, "query"):
		return fmt.Errorf("response_mode %q would show tokens in a query", mode)
	case code && q.Get("code_challenge_method") != "S256":
		return fmt.Errorf("code_challenge_method is %q, not S256", q.Get("code_challenge_method"))
	case code && (err != nil || len(challenge) != 32):
		return errors.New("code_challenge is no SHA-256 hash (RFC 7636 §4.2)")
	case !code && q.Has("code_challenge"):
		return errors.New("code_challenge is sent without a code to come")
	case len(q.Get("state")) < 22:
		return errors.New("state is missing or shorter than 128 bits")
	case openid && len(q.Get("nonce")) < 22:
		return errors.New("nonce is missing or shorter than 128 bits")
	case slices.Contains(types, "id_token") && !openid:
		return errors.New("an ID Token is asked for without the scope openid")
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
	back, answer, carrier, err := p.authorize(q)
	if err != nil {
		http.Error(w, "authorization request: "+err.Error(), http.StatusBadRequest)
		return
	}
	switch carrier {
	case "query":
		http.Redirect(w, r, withQuery(back, answer), http.StatusSeeOther)
		return
	case "fragment":
		http.Redirect(w, r, back+"#"+answer.Encode(), http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>Back</title><form method=post action=\"%s\">", html.EscapeString(back))
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
