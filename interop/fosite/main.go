// Command fosite is a provider for the tests of ../, made with github.com/ory/fosite, the engine of Hydra: it keeps what fosite's own memory
// store keeps, lets any client register, and agrees to everything in the name of alice. It prints a line of JSON when it is ready and ends
// with its standard input.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
)

const (
	user   = "alice"
	maxDoc = 1 << 20
)

var (
	scopes        = []string{"openid", "email", "offline_access", "api:read"}
	grantTypes    = []string{"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"}
	responseTypes = []string{"code"}
)

func main() {
	log.SetFlags(0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	p, err := newProvider("http://" + listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // whoever started this is gone
	}()
	_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"issuer": p.issuer})
	log.Fatal(http.Serve(listener, p.routes()))
}

type provider struct {
	issuer string
	key    jose.JSONWebKey
	config *fosite.Config
	store  *store
	engine fosite.OAuth2Provider
}

func newProvider(issuer string) (*provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	p := &provider{issuer: issuer, key: jose.JSONWebKey{Key: key, KeyID: "key", Algorithm: "RS256", Use: "sig"}}
	p.config = &fosite.Config{IDTokenIssuer: issuer, AccessTokenIssuer: issuer, TokenURL: issuer + "/token", GlobalSecret: secret,
		AccessTokenLifespan: 10 * time.Minute, RefreshTokenLifespan: time.Hour, SendDebugMessagesToClients: true, EnforcePKCE: true,
		ScopeStrategy: fosite.ExactScopeStrategy, RefreshTokenScopes: []string{"offline_access"}, HashCost: 4, // the tests' secrets are random
	}
	p.store = &store{MemoryStore: storage.NewMemoryStore(), clients: map[string]*client{}}
	p.engine = compose.ComposeAllEnabled(p.config, p.store, &p.key)
	return p, nil
}

func (p *provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.Public()}})
	})
	mux.HandleFunc("POST /register", p.register)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /introspect", p.introspect)
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		p.engine.WriteRevocationResponse(r.Context(), w, p.engine.NewRevocationRequest(r.Context(), r))
	})
	mux.HandleFunc("/userinfo", p.userInfo)
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) metadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
		"jwks_uri": p.issuer + "/jwks", "userinfo_endpoint": p.issuer + "/userinfo", "introspection_endpoint": p.issuer + "/introspect",
		"revocation_endpoint": p.issuer + "/revoke", "registration_endpoint": p.issuer + "/register", "scopes_supported": scopes,
		"response_types_supported": responseTypes, "grant_types_supported": grantTypes, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}})
}

// register makes a client. What a key of its own signs about alice, as an assertion of this client, is believed (RFC 7523).
func (p *provider) register(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		RedirectURIs []string            `json:"redirect_uris"`
		Method       string              `json:"token_endpoint_auth_method"`
		Algorithm    string              `json:"token_endpoint_auth_signing_alg"`
		Keys         *jose.JSONWebKeySet `json:"jwks"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxDoc)).Decode(&asked); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_client_metadata", "error_description": err.Error()})
		return
	}
	id, secret := rand.Text(), rand.Text()
	hash, err := (&fosite.BCrypt{Config: p.config}).Hash(r.Context(), []byte(secret))
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	p.store.add(&client{Client: &fosite.DefaultOpenIDConnectClient{
		DefaultClient: &fosite.DefaultClient{ID: id, Secret: hash, RedirectURIs: asked.RedirectURIs, Scopes: scopes, Audience: []string{p.issuer + "/token"},
			ResponseTypes: responseTypes, GrantTypes: grantTypes, Public: asked.Method == "none"},
		JSONWebKeys: asked.Keys, TokenEndpointAuthMethod: asked.Method, TokenEndpointAuthSigningAlgorithm: asked.Algorithm}, keys: asked.Keys})
	answer(w, http.StatusCreated, map[string]string{"client_id": id, "client_secret": secret})
}

func (p *provider) session(subject, nonce string) *openid.DefaultSession {
	now := time.Now().UTC()
	return &openid.DefaultSession{Subject: subject, Username: subject, Headers: &jwt.Headers{Extra: map[string]any{"kid": p.key.KeyID}},
		Claims: &jwt.IDTokenClaims{Issuer: p.issuer, Subject: subject, Nonce: nonce, AuthTime: now, RequestedAt: now}}
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	asked, err := p.engine.NewAuthorizeRequest(ctx, r)
	if err != nil {
		p.engine.WriteAuthorizeError(ctx, w, asked, err)
		return
	}
	for _, scope := range asked.GetRequestedScopes() {
		asked.GrantScope(scope)
	}
	response, err := p.engine.NewAuthorizeResponse(ctx, asked, p.session(user, asked.GetRequestForm().Get("nonce")))
	if err != nil {
		p.engine.WriteAuthorizeError(ctx, w, asked, err)
		return
	}
	p.engine.WriteAuthorizeResponse(ctx, w, asked, response)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	asked, err := p.engine.NewAccessRequest(ctx, r, p.session("", ""))
	if err != nil {
		p.engine.WriteAccessError(ctx, w, asked, err)
		return
	}
	if asked.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range asked.GetRequestedScopes() {
			asked.GrantScope(scope)
		}
	}
	response, err := p.engine.NewAccessResponse(ctx, asked)
	if err != nil {
		p.engine.WriteAccessError(ctx, w, asked, err)
		return
	}
	p.engine.WriteAccessResponse(ctx, w, asked, response)
}

func (p *provider) introspect(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	response, err := p.engine.NewIntrospectionRequest(ctx, r, p.session("", ""))
	if err != nil {
		p.engine.WriteIntrospectionError(ctx, w, err)
		return
	}
	p.engine.WriteIntrospectionResponse(ctx, w, response)
}

func (p *provider) userInfo(w http.ResponseWriter, r *http.Request) {
	_, asked, err := p.engine.IntrospectToken(r.Context(), fosite.AccessTokenFromRequest(r), fosite.AccessToken, p.session("", ""))
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	subject := asked.GetSession().GetSubject()
	answer(w, http.StatusOK, map[string]string{"sub": subject, "email": subject + "@example.com"})
}

// A store is fosite's own, with clients and trusted keys that can be added while it runs.
type store struct {
	*storage.MemoryStore
	mu      sync.Mutex
	clients map[string]*client
}

type client struct {
	fosite.Client
	keys *jose.JSONWebKeySet
}

func (s *store) add(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.GetID()] = c
}

func (s *store) find(id string) (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[id]; c != nil {
		return c, nil
	}
	return nil, fosite.ErrNotFound
}

func (s *store) GetClient(_ context.Context, id string) (fosite.Client, error) {
	c, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return c.Client, nil
}

func (s *store) GetPublicKeys(_ context.Context, issuer, subject string) (*jose.JSONWebKeySet, error) {
	c, err := s.find(issuer)
	if err != nil || subject != user || c.keys == nil {
		return nil, fosite.ErrNotFound
	}
	return c.keys, nil
}

func (s *store) GetPublicKey(ctx context.Context, issuer, subject, id string) (*jose.JSONWebKey, error) {
	keys, err := s.GetPublicKeys(ctx, issuer, subject)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == id })
	if i < 0 {
		return nil, fosite.ErrNotFound
	}
	return &keys.Keys[i], nil
}

func (s *store) GetPublicKeyScopes(context.Context, string, string, string) ([]string, error) {
	return scopes, nil
}
