package hostile

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	w.Header().Set("Cache-Control", "no-store")
	for name, values := range q {
		if len(values) != 1 && name != "resource" && name != "audience" {
			refuse(w, http.StatusBadRequest, "invalid_request", name+" is sent more than once")
			return
		}
	}
	switch {
	case r.Method != http.MethodPost:
		refuse(w, http.StatusMethodNotAllowed, "invalid_request", "the method is not POST")
		return
	case !isForm(r):
		refuse(w, http.StatusBadRequest, "invalid_request", "the body is no form")
		return
	case len(r.URL.RawQuery) > 0:
		refuse(w, http.StatusBadRequest, "invalid_request", "the URL has a query")
		return
	case !p.authenticated(r.Header, q):
		w.Header().Set("WWW-Authenticate", `Basic realm="hostile"`)
		refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return
	}
	// The proof is judged before the code is looked at: a client that only
	// missed the nonce keeps its code (RFC 9449 §8).
	thumbprint, ok := p.proven(w, r, "as", "")
	if !ok {
		return
	}
	switch q.Get("grant_type") {
	case "authorization_code":
		p.redeemCode(w, q, thumbprint)
	case "refresh_token":
		p.redeemRefresh(w, q, thumbprint)
	case "client_credentials":
		p.issue(w, "client_credentials", grant{scope: strings.Fields(q.Get("scope")), thumbprint: thumbprint, details: q.Get("authorization_details")})
	case tokenExchange:
		p.exchange(w, q, thumbprint)
	case jwtBearer, samlBearer:
		p.redeemAssertion(w, q, thumbprint)
	case deviceCode, ciba:
		p.redeemDecision(w, q, thumbprint)
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "this provider does not know the grant type")
	}
}

// redeemCode spends a code, also when the rest of the request is wrong.
func (p *Provider) redeemCode(w http.ResponseWriter, q url.Values, thumbprint string) {
	p.mu.Lock()
	g, ok := p.codes[q.Get("code")]
	delete(p.codes, q.Get("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(q.Get("code_verifier")))
	switch n := len(q.Get("code_verifier")); {
	case !ok || time.Now().After(g.expires):
		refuse(w, http.StatusBadRequest, "invalid_grant", "the code is unknown, used or expired")
	case n < 43 || n > 128 || encode(challenge[:]) != g.challenge:
		refuse(w, http.StatusBadRequest, "invalid_grant", "code_verifier does not fit the challenge")
	case q.Get("redirect_uri") != g.redirectURI:
		refuse(w, http.StatusBadRequest, "invalid_grant", "redirect_uri is not that of the authorization request")
	case g.thumbprint != "" && g.thumbprint != thumbprint:
		refuse(w, http.StatusBadRequest, "invalid_grant", "the code is bound to another key (RFC 9449 §10)")
	default:
		g.thumbprint = thumbprint
		p.issue(w, "authorization_code", g)
	}
}

// redeemRefresh rotates: each refresh token is good once (RFC 9700 §4.14.2).
func (p *Provider) redeemRefresh(w http.ResponseWriter, q url.Values, thumbprint string) {
	p.mu.Lock()
	g, ok := p.refresh[q.Get("refresh_token")]
	delete(p.refresh, q.Get("refresh_token"))
	p.mu.Unlock()
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_grant", "the refresh token is unknown or used")
		return
	}
	if g.thumbprint != "" && g.thumbprint != thumbprint {
		refuse(w, http.StatusBadRequest, "invalid_grant", "the refresh token is bound to another key (RFC 9449 §5)")
		return
	}
	g.thumbprint = thumbprint
	for _, scope := range strings.Fields(q.Get("scope")) {
		if !slices.Contains(g.scope, scope) {
			refuse(w, http.StatusBadRequest, "invalid_scope", "more than was granted")
			return
		}
	}
	if q.Has("scope") {
		g.scope = strings.Fields(q.Get("scope"))
	}
	g.nonce = "" // a refreshed ID Token has none: OpenID Connect Core §12.2
	p.issue(w, "refresh_token", g)
}

func (p *Provider) issue(w http.ResponseWriter, grantType string, g grant) {
	s := p.script()
	g.expires = time.Now().Add(s.Lifetime)
	accessToken := Canary + "-access-" + rand.Text()
	if s.AccessToken != nil {
		accessToken = p.jwtAccessToken(s, g)
	}
	m := map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int(s.Lifetime.Seconds()),
	}
	if g.thumbprint != "" {
		m["token_type"] = "DPoP"
	}
	if g.issued != "" {
		m["issued_token_type"] = g.issued
		if g.issued != tokenType+"access_token" {
			m["token_type"] = "N_A"
		}
	}
	if g.details != "" {
		m["authorization_details"] = json.RawMessage(g.details)
	}
	if len(g.scope) > 0 {
		m["scope"] = strings.Join(g.scope, " ")
	}
	p.mu.Lock()
	p.access[accessToken] = g
	if g.subject != "" && slices.Contains(g.scope, "offline_access") {
		refreshToken := Canary + "-refresh-" + rand.Text()
		p.refresh[refreshToken] = g
		m["refresh_token"] = refreshToken
	}
	p.mu.Unlock()
	if g.subject != "" && slices.Contains(g.scope, "openid") {
		m["id_token"] = p.idToken(s, grantType, g, accessToken)
	}
	if s.TokenResponse != nil {
		s.TokenResponse(m)
	}
	respond(w, http.StatusOK, m)
}

// jwtAccessToken is RFC 9068 §2.
func (p *Provider) jwtAccessToken(s Script, g grant) string {
	now := time.Now()
	claims := map[string]any{
		"iss":       s.Issuer,
		"aud":       "https://api.example",
		"sub":       g.subject,
		"client_id": s.ClientID,
		"jti":       rand.Text(),
		"iat":       now.Unix(),
		"exp":       g.expires.Unix(),
	}
	if g.subject == "" {
		claims["sub"] = s.ClientID
	} else {
		claims["auth_time"] = g.authTime.Unix()
	}
	if len(g.scope) > 0 {
		claims["scope"] = strings.Join(g.scope, " ")
	}
	if g.thumbprint != "" {
		claims["cnf"] = map[string]any{"jkt": g.thumbprint}
	}
	if g.details != "" {
		claims["authorization_details"] = json.RawMessage(g.details)
	}
	tok := NewToken(p.SigningKey(), claims)
	tok.Header["typ"] = "at+jwt"
	s.AccessToken(tok)
	return tok.String()
}

func (p *Provider) idToken(s Script, grantType string, g grant, accessToken string) string {
	tok := p.honestIDToken(s, g, accessToken)
	tok.Grant = grantType
	if s.IDToken != nil {
		s.IDToken(tok)
	}
	return s.encrypted(tok.String())
}

func (p *Provider) honestIDToken(s Script, g grant, accessToken string) *Token {
	key := p.SigningKey()
	now := time.Now()
	claims := map[string]any{
		"iss":       s.Issuer,
		"sub":       g.subject,
		"aud":       s.ClientID,
		"exp":       now.Add(s.Lifetime).Unix(),
		"iat":       now.Unix(),
		"auth_time": g.authTime.Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if s.SessionID != "" {
		claims["sid"] = s.SessionID
	}
	if hash := HalfHash(key.Alg, accessToken); hash != "" && accessToken != "" {
		claims["at_hash"] = hash
	}
	return NewToken(key, claims)
}

func (s *Script) encrypted(jws string) string {
	if s.Encrypt == nil {
		return jws
	}
	return s.Encrypt(jws)
}

// HalfHash is at_hash, c_hash or s_hash of value: the left half of the hash that
// alg uses, SHA-512 for Ed25519 (OpenID Connect Core §3.1.3.6). It is empty for
// ML-DSA, for which no specification names a hash.
func HalfHash(alg, value string) string {
	if alg == "Ed25519" || alg == "EdDSA" {
		sum := sha512.Sum512([]byte(value))
		return encode(sum[:32])
	}
	h := hashOf(alg)
	if h == 0 {
		return ""
	}
	sum := digest(h, []byte(value))
	return encode(sum[:len(sum)/2])
}

// clientAuthentication names the method of a request by what it carries, several
// methods joined by "+".
func clientAuthentication(h http.Header, q url.Values) string {
	var methods []string
	if h.Get("Authorization") != "" {
		methods = append(methods, "client_secret_basic")
	}
	if q.Has("client_secret") {
		methods = append(methods, "client_secret_post")
	}
	if q.Has("client_assertion") {
		methods = append(methods, "client_assertion")
	}
	if len(methods) == 0 {
		return "none"
	}
	return strings.Join(methods, "+")
}

// authenticated checks client id and secret. A client without a secret is
// welcome; client assertions are recorded, not verified.
func (p *Provider) authenticated(h http.Header, q url.Values) bool {
	s := p.script()
	switch clientAuthentication(h, q) {
	case "none":
		return q.Get("client_id") == s.ClientID
	case "client_secret_post":
		return q.Get("client_id") == s.ClientID && q.Get("client_secret") == s.ClientSecret
	case "client_assertion":
		return q.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
			(!q.Has("client_id") || q.Get("client_id") == s.ClientID)
	case "client_secret_basic":
		// Both halves are form-encoded first: RFC 6749 §2.3.1.
		raw, ok := strings.CutPrefix(h.Get("Authorization"), "Basic ")
		pair, err := base64.StdEncoding.DecodeString(raw)
		id, secret, colon := strings.Cut(string(pair), ":")
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		return ok && err == nil && colon && err1 == nil && err2 == nil &&
			id == s.ClientID && secret == s.ClientSecret && (!q.Has("client_id") || q.Get("client_id") == id)
	}
	return false // two methods at once
}

// form is the form in the body of a request, never its query.
func form(r *http.Request) url.Values {
	body, _ := io.ReadAll(r.Body)
	q, err := url.ParseQuery(string(body))
	if err != nil {
		return url.Values{}
	}
	return q
}
