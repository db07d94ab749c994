package hostile

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// servePushed takes an authorization request ahead of the browser: RFC 9126.
func (p *Provider) servePushed(w http.ResponseWriter, r *http.Request) {
	q := form(r)
	w.Header().Set("Cache-Control", "no-store")
	s := p.script()
	switch {
	case r.Method != http.MethodPost || !isForm(r):
		refuse(w, http.StatusBadRequest, "invalid_request", "expected a form in a POST")
		return
	case !p.authenticated(r.Header, q):
		refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return
	case q.Get("client_id") != s.ClientID:
		refuse(w, http.StatusBadRequest, "invalid_request", "client_id is missing (RFC 9126 §2.1)")
		return
	case q.Has("request_uri"):
		refuse(w, http.StatusBadRequest, "invalid_request", "request_uri is pushed (RFC 9126 §2.1)")
		return
	}
	thumbprint, ok := p.proven(w, r, "as", "")
	if !ok {
		return
	}
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		q.Del(name)
	}
	params, err := p.unpack(s, q)
	if err == nil {
		err = checkAuthorization(s, params)
	}
	if err == nil && thumbprint != "" && params.Get("dpop_jkt") != thumbprint {
		err = errors.New("dpop_jkt is not the thumbprint of the proof's key (RFC 9449 §10.1)")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	p.mu.Lock()
	p.pushed[uri] = params
	p.mu.Unlock()
	m := map[string]any{"request_uri": uri, "expires_in": 60}
	if s.Pushed != nil {
		s.Pushed(m)
	}
	respond(w, http.StatusCreated, m)
}

// unpack returns the parameters that count: those of a request object (RFC 9101
// §6.3), which is recorded as a request to "request object" and not verified,
// those that were pushed, once, or q itself.
func (p *Provider) unpack(s Script, q url.Values) (url.Values, error) {
	object := q.Get("request")
	if uri := q.Get("request_uri"); uri != "" {
		p.mu.Lock()
		params, ok := p.pushed[uri]
		delete(p.pushed, uri)
		p.mu.Unlock()
		switch {
		case ok && len(q) != 2:
			return nil, fmt.Errorf("beside client_id and request_uri stands more (RFC 9126 §4): %v", slices.Sorted(maps.Keys(q)))
		case ok:
			return params, nil
		case s.FetchRequest == nil:
			return nil, errors.New("request_uri is unknown or used")
		}
		if object = s.FetchRequest(uri); object == "" {
			return nil, errors.New("nothing is to be had at request_uri")
		}
	}
	if object == "" {
		return q, nil
	}
	rec := Recorded{Endpoint: "request object", Body: []byte(object)}
	p.mu.Lock()
	p.log = append(p.log, rec)
	p.mu.Unlock()
	parts := strings.Split(object, ".")
	if len(parts) == 5 {
		return nil, errors.New("this provider decrypts nothing")
	}
	if len(parts) != 3 {
		return nil, errors.New("the request object is no JWS")
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	var claims map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		return nil, fmt.Errorf("the request object cannot be read: %w", err)
	}
	params := url.Values{}
	for name, raw := range claims {
		var text string
		var list []string
		switch {
		case slices.Contains([]string{"iss", "aud", "exp", "iat", "nbf", "jti"}, name):
		case json.Unmarshal(raw, &text) == nil:
			params.Set(name, text)
		case json.Unmarshal(raw, &list) == nil:
			params[name] = list
		default:
			params.Set(name, string(raw))
		}
	}
	var issuer, audience string
	var expires int64
	json.Unmarshal(claims["iss"], &issuer)
	json.Unmarshal(claims["aud"], &audience)
	json.Unmarshal(claims["exp"], &expires)
	switch {
	case issuer != s.ClientID || audience != s.Issuer:
		return nil, errors.New("the request object's iss or aud is wrong (RFC 9101 §4)")
	case time.Now().Unix() > expires:
		return nil, errors.New("the request object has expired")
	case params.Has("request") || params.Has("request_uri"):
		return nil, errors.New("there is a request in the request (RFC 9101 §4)")
	case params.Get("client_id") != s.ClientID:
		return nil, errors.New("the request object's client_id is wrong (RFC 9101 §4)")
	}
	for _, name := range []string{"client_id", "response_type", "scope"} {
		if q.Has(name) && q.Get(name) != params.Get(name) {
			return nil, fmt.Errorf("%s is another outside the request object", name)
		}
	}
	return params, nil
}

// Fetch, as Script.FetchRequest, gets a request object where the client says that
// it is, as a server does (RFC 9101 §5.2.3): over TLS, in one GET.
func Fetch(client *http.Client) func(uri string) string {
	return func(uri string) string {
		if !strings.HasPrefix(uri, "https://") {
			return ""
		}
		res, err := client.Get(uri)
		if err != nil {
			return ""
		}
		defer res.Body.Close()
		object, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/oauth-authz-req+jwt" {
			return ""
		}
		return string(object)
	}
}
