package hostile

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Registration says how clients register themselves (RFC 7591). What they get is the script's client, so that they can log in.
type Registration struct {
	// InitialAccessToken is required when set; BoundTo is the thumbprint of the key that it is bound to, if to any.
	InitialAccessToken, BoundTo string
	// Status of a registration; 201 when 0.
	Status int
	// Rotate gives another access token with each answer.
	Rotate bool
	// Lie may change an answer before it is sent.
	Lie func(m map[string]any)
}

// issuedMembers are not for a client to say: RFC 7592 §2.2.
var issuedMembers = []string{"client_id_issued_at", "client_secret_expires_at", "registration_access_token", "registration_client_uri"}

type registered struct {
	token    string
	metadata map[string]any
	issuedAt int64
}

// serveRegistration is RFC 7591 §3.
func (p *Provider) serveRegistration(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "invalid_request", "expected a POST")
		return
	}
	if want := s.Registration.InitialAccessToken; want != "" {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		bound := s.Registration.BoundTo != ""
		if token != want || (scheme == "DPoP") != bound || (scheme == "Bearer") == bound {
			challenge(w, "the initial access token is missing or wrong")
			return
		}
		if bound {
			thumbprint, ok := p.proven(w, r, "rs", token)
			if !ok {
				return
			}
			if thumbprint != s.Registration.BoundTo {
				challenge(w, "the initial access token is bound to another key")
				return
			}
		}
	}
	m, ok := clientMetadata(w, r)
	if !ok {
		return
	}
	if m["client_id"] != nil {
		refuse(w, http.StatusBadRequest, "invalid_client_metadata", "client_id is the server's to give")
		return
	}
	id := rand.Text()
	c := &registered{token: Canary + "-registration-" + rand.Text(), metadata: m, issuedAt: time.Now().Unix()}
	p.mu.Lock()
	p.registrations[id] = c
	doc := p.registrationDocument(s, id, c)
	p.mu.Unlock()
	if s.Registration.Lie != nil {
		s.Registration.Lie(doc)
	}
	status := http.StatusCreated
	if s.Registration.Status != 0 {
		status = s.Registration.Status
	}
	respond(w, status, doc)
}

// serveConfiguration is the client configuration endpoint: RFC 7592 §2.
func (p *Provider) serveConfiguration(w http.ResponseWriter, r *http.Request) {
	s := p.script()
	w.Header().Set("Cache-Control", "no-store")
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	p.mu.Lock()
	c := p.registrations[id]
	p.mu.Unlock()
	if c == nil || r.Header.Get("Authorization") != "Bearer "+c.token {
		challenge(w, "the registration access token is wrong, or the client is no more")
		return
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut:
		m, ok := clientMetadata(w, r)
		if !ok {
			return
		}
		if secret := m["client_secret"]; m["client_id"] != s.ClientID || secret != nil && secret != s.ClientSecret {
			refuse(w, http.StatusBadRequest, "invalid_client_metadata", "client_id or client_secret is another")
			return
		}
		delete(m, "client_id")
		delete(m, "client_secret")
		p.mu.Lock()
		c.metadata = m
		p.mu.Unlock()
	case http.MethodDelete:
		p.mu.Lock()
		delete(p.registrations, id)
		p.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		refuse(w, http.StatusMethodNotAllowed, "invalid_request", "expected GET, PUT or DELETE")
		return
	}
	p.mu.Lock()
	if s.Registration.Rotate {
		c.token = Canary + "-registration-" + rand.Text()
	}
	doc := p.registrationDocument(s, id, c)
	p.mu.Unlock()
	if s.Registration.Lie != nil {
		s.Registration.Lie(doc)
	}
	respond(w, http.StatusOK, doc)
}

func challenge(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="hostile", error="invalid_token", error_description="`+why+`"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// clientMetadata reads what a client says of itself. When it returns false it has
// answered.
func clientMetadata(w http.ResponseWriter, r *http.Request) (m map[string]any, ok bool) {
	body, _ := io.ReadAll(r.Body)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/json" || json.Unmarshal(body, &m) != nil || m == nil {
		refuse(w, http.StatusBadRequest, "invalid_client_metadata", "expected a JSON object")
		return nil, false
	}
	for _, name := range issuedMembers {
		if _, said := m[name]; said {
			refuse(w, http.StatusBadRequest, "invalid_client_metadata", name+" is the server's to give")
			return nil, false
		}
	}
	uris, _ := m["redirect_uris"].([]any)
	grants, named := m["grant_types"].([]any)
	switch {
	case m["jwks"] != nil && m["jwks_uri"] != nil:
		refuse(w, http.StatusBadRequest, "invalid_client_metadata", "jwks and jwks_uri exclude each other")
	case len(uris) == 0 && (!named || slices.Contains(grants, any("authorization_code"))):
		refuse(w, http.StatusBadRequest, "invalid_redirect_uri", "there is none")
	default:
		return m, true
	}
	return nil, false
}

// registrationDocument is RFC 7591 §3.2.1 with RFC 7592 §3. The caller holds p.mu.
func (p *Provider) registrationDocument(s Script, id string, c *registered) map[string]any {
	m := map[string]any{
		"client_id": s.ClientID, "client_id_issued_at": c.issuedAt, "registration_access_token": c.token, "registration_client_uri": p.URL("client_configuration/" + id),
		"token_endpoint_auth_method": "client_secret_basic", "grant_types": []any{"authorization_code"}, "response_types": []any{"code"}, "id_token_signed_response_alg": s.Alg,
	}
	for name, v := range c.metadata {
		m[name] = v
	}
	if method, _ := m["token_endpoint_auth_method"].(string); strings.HasPrefix(method, "client_secret_") {
		m["client_secret"], m["client_secret_expires_at"] = s.ClientSecret, 0
	}
	return m
}
