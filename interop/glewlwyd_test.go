package interop

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid"
)

const glewlwydProgram = "glewlwyd/program"

// glewlwydProcess is the one process of Debian's Glewlwyd that all tests of a run share. It is free software under the GPL, and no part
// of this module: a program beside it.
var glewlwydProcess struct {
	once sync.Once
	*glewlwyd
	err error
}

type glewlwyd struct {
	cmd    *exec.Cmd
	dir    string
	base   string // of its API
	admin  *http.Client
	errors bounded
	turns  oneByOne
}

// oneByOne lets requests wait for each other: Glewlwyd's SQLite fails, now and then, when it is asked twice at once.
type oneByOne struct{ mu sync.Mutex }

func (o *oneByOne) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// startedGlewlwyd returns the process. Where the program is missing the test is skipped, unless it is required.
func startedGlewlwyd(t *testing.T) *glewlwyd {
	t.Helper()
	_, err := os.Stat(filepath.Join(glewlwydProgram, "usr/bin/glewlwyd"))
	if _, missing := exec.LookPath("sqlite3"); err != nil || missing != nil {
		lack(t, "glewlwyd", "Glewlwyd is not there: run interop/glewlwyd/install on Debian 12")
	}
	g := &glewlwydProcess
	g.once.Do(func() { g.glewlwyd, g.err = startGlewlwyd() })
	if g.err != nil {
		t.Fatalf("Glewlwyd did not start: %v", g.err)
	}
	return g.glewlwyd
}

// startGlewlwyd tries another port when somebody was faster: nobody can hand the program a listener.
func startGlewlwyd() (g *glewlwyd, err error) {
	for range 3 {
		if g, err = tryGlewlwyd(); err == nil {
			break
		}
	}
	return g, err
}

// freePort is below those that systems give to whoever asks for any.
func freePort() (int, error) {
	for range 100 {
		port := 20_000 + mathrand.IntN(10_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}

func tryGlewlwyd() (*glewlwyd, error) {
	g := new(glewlwyd)
	var err error
	if g.dir, err = os.MkdirTemp("", "glewlwyd-"); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	g.base = fmt.Sprintf("http://127.0.0.1:%d/api/", port)
	config, err := g.configure(port)
	if err == nil {
		g.cmd = exec.Command(filepath.Join(glewlwydProgram, "usr/bin/glewlwyd"), "--config-file", config)
		g.cmd.Stdout, g.cmd.Stderr = &g.errors, &g.errors
		err = g.cmd.Start()
	}
	if err == nil {
		g.admin = newUserAgent(&g.turns).http
		err = g.setUp()
	}
	if err != nil {
		g.stop()
		return nil, fmt.Errorf("%w; it said: %s", err, g.errors.String())
	}
	return g, nil
}

func (g *glewlwyd) stop() {
	if g.cmd != nil && g.cmd.Process != nil {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
	}
	_ = os.RemoveAll(g.dir)
}

// configure writes the configuration and an empty database.
func (g *glewlwyd) configure(port int) (string, error) {
	root, err := filepath.Abs(glewlwydProgram)
	if err != nil {
		return "", err
	}
	packed, err := os.Open(filepath.Join(root, "usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"))
	if err != nil {
		return "", err
	}
	defer packed.Close()
	schema, err := gzip.NewReader(packed)
	if err != nil {
		return "", err
	}
	database := filepath.Join(g.dir, "db")
	create := exec.Command("sqlite3", database)
	create.Stdin = schema
	if said, err := create.CombinedOutput(); err != nil {
		return "", fmt.Errorf("sqlite3: %w: %s", err, said)
	}
	modules := filepath.Join(root, "usr/lib/glewlwyd")
	var b strings.Builder
	fmt.Fprintf(&b, "port=%d\nbind_address=\"127.0.0.1\"\nexternal_url=\"http://127.0.0.1:%d\"\n", port, port)
	for _, line := range []string{`login_url="login.html"`, `api_prefix="api"`, `log_mode="console"`, `log_level="WARNING"`, `cookie_domain=""`, `cookie_secure=0`,
		`session_expiration=3600`, `session_key="GLEWLWYD2_SESSION_ID"`, `admin_scope="g_admin"`, `profile_scope="g_profile"`, `hash_algorithm="SHA512"`,
		`database = { type = "sqlite3" path = "` + database + `" };`, `static_files_path="` + g.dir + `/"`} {
		b.WriteString(line + "\n")
	}
	for name, folder := range map[string]string{"user": "user", "user_middleware": "", "client": "client", "user_auth_scheme": "scheme", "plugin": "plugin"} {
		path := filepath.Join(modules, folder)
		if folder == "" { // the package brings none, and the program wants a folder
			path = filepath.Join(g.dir, "none")
			if err := os.Mkdir(path, 0o700); err != nil {
				return "", err
			}
		}
		fmt.Fprintf(&b, "%s_module_path=\"%s\"\n", name, path)
	}
	config := filepath.Join(g.dir, "conf")
	return config, os.WriteFile(config, []byte(b.String()), 0o600)
}

// call is one request to its own API.
func (g *glewlwyd) call(ctx context.Context, who *http.Client, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, g.base+path, sent)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := who.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return err
	}
	if res.StatusCode >= 400 {
		return fmt.Errorf("%s %s: status %d: %.500s", method, path, res.StatusCode, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}

// setUp waits until it answers, then makes scopes, a user and two issuers: one without and one with mandatory DPoP nonces.
func (g *glewlwyd) setUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		res, err := g.admin.Get(g.base)
		if err == nil {
			res.Body.Close()
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := g.call(ctx, g.admin, "POST", "auth/", map[string]any{"username": "admin", "password": "password"}, nil); err != nil {
		return err
	}
	if err := g.widen(ctx); err != nil {
		return err
	}
	for _, scope := range []string{"email", "api:read", "offline_access", askingSigned} {
		if err := g.call(ctx, g.admin, "POST", "scope/", map[string]any{"name": scope, "display_name": scope, "description": scope, "password_required": false}, nil); err != nil {
			return err
		}
	}
	alice := map[string]any{"username": "alice", "password": "password", "name": "Alice", "email": "alice@example.com", "enabled": true,
		"scope": []string{"openid", "email", "api:read", "offline_access", "g_profile"}}
	if err := g.call(ctx, g.admin, "POST", "user/", alice, nil); err != nil {
		return err
	}
	for _, name := range []string{"plain", "nonce"} {
		if err := g.call(ctx, g.admin, "POST", "mod/plugin/", g.issuer(name), nil); err != nil {
			return err
		}
	}
	return nil
}

// clientMembers are what a client may say of itself here, beside what Glewlwyd has always known. Those in brackets are lists.
var clientMembers = []string{"[post_logout_redirect_uris]", "[token_endpoint_auth_method]", "[resource]", "[authorization_details_types]", "[request_uris]",
	"backchannel_client_notification_endpoint", "backchannel_token_delivery_mode", "dpop_bound_access_tokens", "sign_kid", "enc", "alg", "alg_kid",
	"encrypt_id_token", "encrypt_userinfo", "encrypt_code", "request_object_signing_alg", "token_endpoint_auth_signing_alg", "id_token_signed_response_alg",
	"userinfo_signed_response_alg", "authorization_signed_response_alg", "introspection_signed_response_alg"}

// widen lets the client store keep them.
func (g *glewlwyd) widen(ctx context.Context) error {
	var store map[string]any
	if err := g.call(ctx, g.admin, "GET", "mod/client/database", nil, &store); err != nil {
		return err
	}
	format := store["parameters"].(map[string]any)["data-format"].(map[string]any)
	for _, name := range clientMembers {
		bare := strings.Trim(name, "[]")
		format[bare] = map[string]any{"multiple": bare != name, "read": true, "write": true}
	}
	format["jwks"] = map[string]any{"convert": "jwks", "read": true, "write": true}
	if err := g.call(ctx, g.admin, "PUT", "mod/client/database", store, nil); err != nil {
		return err
	}
	return g.call(ctx, g.admin, "PUT", "mod/client/database/reset", nil, nil)
}

// issuer is a plugin of its own: everything that OpenID Connect has is allowed.
func (g *glewlwyd) issuer(name string) map[string]any {
	encryption := privateJWK(ecEncryption(), "enc", "ECDH-ES+A256KW")
	encryption["use"] = "enc"
	private := map[string]any{"keys": []any{privateJWK(signingKey(), "es", "ES256"), privateJWK(rsaSigningKey(), "ps", "PS256"), encryption}}
	keys, _ := json.Marshal(private)
	parameters := map[string]any{"iss": g.base + name, "jwks-private": string(keys), "default-kid": "es", "client-sign_kid-parameter": "sign_kid", "jwks-show": true,
		"subject-type": "public", "access-token-duration": 600, "refresh-token-duration": 3600, "code-duration": 60, "refresh-token-rolling": true,
		"refresh-token-one-use": "always", "allow-non-oidc": true, "allowed-scope": []string{"openid", "email", "api:read", "offline_access", askingSigned}, "pkce-allowed": true,
		"email-claim": "on-demand", "email-claim-scope": []string{"email"}, "scope-claim": "mandatory",
		"request-parameter-allow": true, "request-parameter-allow-encrypted": true, "request-uri-allow-https-non-secure": true, "request-maximum-exp": 3600,
		"client-jwks-parameter": "jwks", "client-jwks_uri-parameter": "jwks_uri", "client-pubkey-parameter": "pubkey",
		"encrypt-out-token-allow": true, "client-enc-parameter": "enc", "client-alg-parameter": "alg", "client-alg_kid-parameter": "alg_kid",
		"client-encrypt_id_token-parameter": "encrypt_id_token", "client-encrypt_userinfo-parameter": "encrypt_userinfo", "client-encrypt_code-parameter": "encrypt_code",
		"client-encrypt_at-parameter": "encrypt_at", "client-encrypt_refresh_token-parameter": "encrypt_refresh_token", "client-encrypt_introspection-parameter": "encrypt_introspection",
		"introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true, "oauth-as-iss-id": true,
		"register-client-allowed": true, "register-client-auth-scope": []string{}, "register-client-credentials-scope": []string{"api:read"},
		"register-client-management-allowed": true,
		"device-authorization-expiration":    300, "device-authorization-interval": 1,
		"oauth-dpop-allowed": true, "oauth-dpop-iat-duration": 60, "oauth-dpop-iat-gap-duration": 5, "oauth-dpop-dpop_bound_access_tokens-property": "dpop_bound_access_tokens",
		"oauth-par-allowed": true, "oauth-par-required": false, "oauth-par-request_uri-prefix": "urn:ietf:params:oauth:request_uri:", "oauth-par-duration": 60,
		"resource-allowed": true, "resource-scope": map[string]any{"openid": []string{resource}, "api:read": []string{resource}}, "resource-client-property": "resource",
		"oauth-rar-allowed": true, "rar-types-client-property": "authorization_details_types", "rar-allow-auth-unsigned": true, "rar-allow-auth-unencrypted": true,
		"rar-types":          map[string]any{"payment": map[string]any{"description": "p", "scopes": []any{}, "locations": []any{}, "actions": []any{}, "datatypes": []any{}, "enriched": []any{}}},
		"oauth-ciba-allowed": true, "oauth-ciba-default-expiry": 120, "oauth-ciba-maximum-expiry": 600, "oauth-ciba-mode-poll-allowed": true, "oauth-ciba-mode-ping-allowed": true, "oauth-ciba-mode-push-allowed": true,
		"oauth-ciba-allow-https-non-secure": true, "oauth-ciba-user-code-allowed": false, "oauth-ciba-email-allowed": false,
		"session-management-allowed": true, "session-cookie-name": "GLEWLWYD2_OIDC_SID", "session-cookie-expiration": 3600,
		"oauth-fapi-allow-jarm": true, "oauth-fapi-add-s_hash": true, "oauth-fapi-allow-multiple-kid": true}
	for _, kind := range []string{"code", "token", "id_token", "none", "client", "device", "refresh"} {
		parameters["auth-type-"+kind+"-enabled"] = true
	}
	if name == "nonce" {
		parameters["oauth-dpop-nonce-mandatory"], parameters["oauth-dpop-nonce-counter"] = true, 5
	}
	return map[string]any{"module": "oidc", "name": name, "display_name": name, "enabled": true, "parameters": parameters}
}

// askingSigned is a client that bears the name of a scope: what a JWT says of a token is for the token's audience here, and a token's
// audience is its scope.
const askingSigned = "signed-api"

func (*glewlwyd) clientID(metadata map[string]any) string {
	if _, ok := metadata["introspection_signed_response_alg"]; ok {
		return askingSigned
	}
	return "client-" + rand.Text()
}

// register makes a client out of the metadata that other providers are given, as far as Glewlwyd has names for it.
func (g *glewlwyd) register(t *testing.T, id, secret string, metadata map[string]any) {
	t.Helper()
	client := map[string]any{"client_id": id, "client_name": id, "client_secret": secret, "confidential": true, "enabled": true, "redirect_uri": metadata["redirect_uris"],
		"authorization_type": []string{"code", "token", "id_token", "refresh_token", "client_credentials", "device_authorization", "urn:openid:params:grant-type:ciba"},
		"scope":              []string{"api:read", askingSigned}, "resource": []string{resource}}
	for _, name := range clientMembers {
		if v, ok := metadata[strings.Trim(name, "[]")]; ok {
			switch v := v.(type) {
			case string:
				if client[strings.Trim(name, "[]")] = v; strings.HasPrefix(name, "[") {
					client[strings.Trim(name, "[]")] = []string{v}
				}
			case bool:
				client[name] = fmt.Sprint(v)
			default:
				client[strings.Trim(name, "[]")] = v
			}
		}
	}
	// It has one algorithm for everything that it encrypts, and names the key.
	for _, what := range []string{"id_token", "userinfo"} {
		if alg, ok := metadata[what+"_encrypted_response_alg"].(string); ok {
			client["encrypt_"+what], client["alg"], client["enc"] = "true", alg, metadata[what+"_encrypted_response_enc"]
			client["alg_kid"] = map[bool]string{true: "rsa-enc", false: "ec-enc"}[strings.HasPrefix(alg, "RSA")]
		}
	}
	client["jwks"] = metadata["jwks"]
	if metadata["token_endpoint_auth_method"] == "none" {
		client["confidential"] = false
		delete(client, "client_secret")
	}
	if err := g.call(t.Context(), g.admin, "POST", "client/", client, nil); err != nil {
		t.Fatal(err)
	}
}

// logIn lets alice log in, and the client have what it asks for: Glewlwyd's pages are a program that runs in a browser, which says the same.
func (g *glewlwyd) logIn(ctx context.Context, ua *userAgent, issuer, clientID string, ask openid.AuthorizationRequest) error {
	if err := g.call(ctx, ua.http, "POST", "auth/", map[string]any{"username": "alice", "password": "password"}, nil); err != nil {
		return err
	}
	for _, d := range ask.AuthorizationDetails {
		path := strings.TrimPrefix(issuer, g.base) + "/rar/" + url.PathEscape(clientID) + "/" + d.Type + "/1"
		if err := g.call(ctx, ua.http, "PUT", path, nil, nil); err != nil {
			return err
		}
	}
	return g.call(ctx, ua.http, "PUT", "auth/grant/"+url.PathEscape(clientID), map[string]any{"scope": strings.Join(ask.Scope, " ")}, nil)
}

// approve opens one of the pages that ask alice, as she who agrees: its pages run in a browser only, and do no more.
func (g *glewlwyd) approve(t *testing.T, ua *userAgent, issuer, clientID, page string) {
	t.Helper()
	ask := openid.AuthorizationRequest{Scope: []string{"openid", "email", "offline_access"}}
	if err := g.logIn(t.Context(), ua, issuer, clientID, ask); err != nil {
		t.Error(err)
		return
	}
	if err := g.call(t.Context(), ua.http, "GET", strings.TrimPrefix(issuer, g.base)+page+"&g_continue", nil, nil); err != nil {
		t.Error(err)
	}
}

// decideBackchannel takes what waits for alice and agrees, or not.
func (g *glewlwyd) decideBackchannel(t *testing.T, ua *userAgent, issuer, clientID string, deny bool) {
	t.Helper()
	plugin := strings.TrimPrefix(issuer, g.base)
	if err := g.logIn(t.Context(), ua, issuer, clientID, openid.AuthorizationRequest{Scope: []string{"openid", "email", "offline_access"}}); err != nil {
		t.Error(err)
		return
	}
	var waiting []struct {
		ClientID string `json:"client_id"`
		Yes      string `json:"connect_uri"`
		No       string `json:"cancel_uri"`
	}
	if err := g.call(t.Context(), ua.http, "GET", plugin+"/ciba_user_list", nil, &waiting); err != nil {
		t.Error(err)
		return
	}
	for _, w := range waiting {
		if w.ClientID != clientID {
			continue
		}
		decide := w.Yes + "&g_continue"
		if deny {
			decide = w.No + "&g_continue"
		}
		if err := g.call(t.Context(), ua.http, "GET", strings.TrimPrefix(decide, g.base), nil, nil); err != nil {
			t.Error(err)
		}
		return
	}
	t.Errorf("nothing waits for alice, of client %s", clientID)
}

// privateJWK is a key with its private part, for a provider of the tests' own.
func privateJWK(key crypto.Signer, kid, alg string) map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	m := map[string]any{"kid": kid, "alg": alg, "use": "sig"}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		raw, _ := k.PublicKey.Bytes()
		d, _ := k.Bytes()
		m["kty"], m["crv"], m["x"], m["y"], m["d"] = "EC", "P-256", encode(raw[1:33]), encode(raw[33:]), encode(d)
	case *rsa.PrivateKey:
		m["kty"], m["n"], m["e"], m["d"] = "RSA", encode(k.N.Bytes()), "AQAB", encode(k.D.Bytes())
		m["p"], m["q"], m["dp"], m["dq"], m["qi"] = encode(k.Primes[0].Bytes()), encode(k.Primes[1].Bytes()), encode(k.Precomputed.Dp.Bytes()),
			encode(k.Precomputed.Dq.Bytes()), encode(k.Precomputed.Qinv.Bytes())
	}
	return m
}
