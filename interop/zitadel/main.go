// Command zitadel is a provider for the tests of ../: the op package of github.com/zitadel/oidc over the storage of its own example, with
// one user who needs no password and one client. It prints a line of JSON when it is ready and ends with its standard input.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

const (
	clientID    = "app"
	redirectURI = "https://app.example/callback"
	userID      = "id1" // of the example's user who may be impersonated
	userName    = "test-user@127.0.0.1"
	password    = "verysecure"
)

func main() {
	log.SetFlags(0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	secret := rand.Text()
	handler, err := provider(issuer, secret)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // whoever started this is gone
	}()
	_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"issuer": issuer, "client_id": clientID, "client_secret": secret})
	log.Fatal(http.Serve(listener, handler))
}

func provider(issuer, secret string) (http.Handler, error) {
	example := storage.NewStorageWithClients(storage.NewUserStore(issuer),
		map[string]*storage.Client{clientID: storage.WebClient(clientID, secret, redirectURI)})
	key, err := assertionKey()
	if err != nil {
		return nil, err
	}
	s := &store{Storage: example, secret: secret, key: key, own: map[string]serviceToken{}}
	var sealing [32]byte
	_, _ = rand.Read(sealing[:])
	p, err := op.NewProvider(&op.Config{CryptoKey: sealing, CryptoKeyId: "key", CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true,
		SupportedUILocales: []language.Tag{language.English},
		DeviceAuthorization: op.DeviceAuthorizationConfig{Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device",
			UserCode: op.UserCodeBase20}},
		s, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		return nil, err
	}
	callback := op.AuthCallbackURL(p)
	mux := http.NewServeMux()
	mux.Handle("/", p)
	mux.Handle("/login/username", op.NewIssuerInterceptor(p.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := example.CheckUsernamePassword(userName, password, id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusFound)
	}))
	mux.HandleFunc("GET /device", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form method="post"><input type="hidden" name="user_code" value="%s"><button name="say" value="allow">Yes</button>
<button name="say" value="deny">No</button></form>`, html.EscapeString(r.FormValue("user_code")))
	})
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		decide := func(code string) error { return example.CompleteDeviceAuthorization(r.Context(), code, userID) }
		if r.FormValue("say") == "deny" {
			decide = func(code string) error { return example.DenyDeviceAuthorization(r.Context(), code) }
		}
		if err := decide(r.FormValue("user_code")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	var one sync.Mutex // the example reads some of its maps without holding its lock
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		mux.ServeHTTP(w, r)
	}), nil
}

// A store lets the example's client act for itself and on devices too, which it has other clients for.
type store struct {
	*storage.Storage
	secret string
	key    crypto.PublicKey        // of the client's assertions
	own    map[string]serviceToken // issued to the client itself, by id
}

type serviceToken struct {
	scope  []string
	expiry time.Time
}

type client struct{ op.Client }

func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeTokenExchange, oidc.GrantTypeDeviceCode, oidc.GrantTypeClientCredentials}
}

func (client) IsScopeAllowed(scope string) bool { return scope == "api:read" }

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

func (s *store) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
		return nil, errors.New("another secret")
	}
	return s.GetClientByClientID(ctx, id)
}

func (s *store) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{id}, Scopes: scopes}, nil
}

func (s *store) CreateAccessToken(ctx context.Context, request op.TokenRequest) (string, time.Time, error) {
	r, ok := request.(*oidc.JWTTokenRequest)
	if !ok {
		return s.Storage.CreateAccessToken(ctx, request)
	}
	id, token := rand.Text(), serviceToken{r.Scopes, time.Now().Add(10 * time.Minute)}
	s.own[id] = token
	return id, token.expiry, nil
}

// CreateAccessAndRefreshTokens tells the example whose tokens they are: of a device it forgets the client, and refuses the refresh then.
func (s *store) CreateAccessAndRefreshTokens(ctx context.Context, request op.TokenRequest, current string) (string, string, time.Time, error) {
	if r, ok := request.(*op.DeviceAuthorizationState); ok {
		request = &storage.AuthRequest{ApplicationID: r.ClientID, UserID: r.Subject, Scopes: r.Scopes}
	}
	return s.Storage.CreateAccessAndRefreshTokens(ctx, request, current)
}

func (s *store) GetKeyByIDAndClientID(_ context.Context, keyID, id string) (*jose.JSONWebKey, error) {
	if s.key == nil || id != clientID {
		return nil, errors.New("no such key")
	}
	return &jose.JSONWebKey{Key: s.key, KeyID: keyID, Use: "sig"}, nil
}

func (s *store) ValidateJWTProfileScopes(_ context.Context, _ string, scopes []string) ([]string, error) {
	return scopes, nil
}

// ValidateTokenExchangeRequest stands before the example's, which does not survive a token that is about nobody.
func (s *store) ValidateTokenExchangeRequest(ctx context.Context, request op.TokenExchangeRequest) error {
	if request.GetExchangeSubject() != userID {
		return oidc.ErrInvalidRequest().WithDescription("the subject_token is about nobody")
	}
	return s.Storage.ValidateTokenExchangeRequest(ctx, request)
}

// assertionKey is the key that the tests sign assertions with.
func assertionKey() (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(os.Getenv("OPENID_INTEROP_KEY")))
	if block == nil {
		return nil, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

func (s *store) SetIntrospectionFromToken(ctx context.Context, answer *oidc.IntrospectionResponse, id, subject, who string) error {
	token, ok := s.own[id]
	if !ok {
		return s.Storage.SetIntrospectionFromToken(ctx, answer, id, subject, who)
	}
	answer.ClientID, answer.Scope, answer.Expiration = subject, token.scope, oidc.FromTime(token.expiry)
	return nil
}

func (s *store) RevokeToken(ctx context.Context, token, user, who string) *oidc.Error {
	if _, ok := s.own[token]; ok {
		delete(s.own, token)
		return nil
	}
	return s.Storage.RevokeToken(ctx, token, user, who)
}
