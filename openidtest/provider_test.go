package openidtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openid-client/openid/openidtest"
)

func TestStartReportsAllMistakes(t *testing.T) {
	_, err := openidtest.Start(openidtest.Config{
		Users:           []openidtest.User{{Username: "a"}, {Username: "a", Subject: "x"}, {Username: "c", Subject: "x"}, {Claims: map[string]any{"iss": "x"}}},
		Clients:         []openidtest.Client{{ID: "x", AuthMethod: "magic"}, {ID: "y", IDTokenAlg: "none"}},
		AutoApprove:     "zoe",
		IDTokenLifetime: -time.Second,

		AccessTokenLifetime: time.Millisecond,
	})
	for _, want := range []string{`two users are called "a"`, `same subject`, "no username", `"iss" is made by the provider`, "magic", `"none"`, "zoe", "IDTokenLifetime: -1s", "AccessTokenLifetime: 1ms is not a positive number of whole seconds"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
}

func TestStartRefusesFractionsOfSeconds(t *testing.T) {
	for _, d := range []time.Duration{1, time.Millisecond, 1500 * time.Millisecond, -time.Second} {
		for name, cfg := range map[string]openidtest.Config{"AccessTokenLifetime": {AccessTokenLifetime: d}, "IDTokenLifetime": {IDTokenLifetime: d}} {
			op, err := openidtest.Start(cfg)
			if err == nil {
				_ = op.Close()
			}
			if err == nil || !strings.Contains(err.Error(), name+": "+d.String()+" is not a positive number of whole seconds") {
				t.Errorf("%s %v: %v", name, d, err)
			}
		}
	}
}

func TestLogSaysItOnce(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	op := openidtest.New(t, openidtest.Config{
		Clients: []openidtest.Client{{ID: "app", Secret: secret}},
		Log: func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, fmt.Sprintf(format, args...))
		},
	})
	app := newRP(t, op, "app")
	app.auth = basic("app", "another secret")
	app.token(url.Values{"grant_type": {"client_credentials"}}).refused(t, 401, "invalid_client")
	app.auth = basic("nobody", secret)
	app.token(url.Values{"grant_type": {"client_credentials"}}).refused(t, 401, "invalid_client")
	mu.Lock()
	defer mu.Unlock()
	want := []string{"openidtest: invalid_client: invalid client secret", "openidtest: invalid_client: client 'nobody': not found"}
	if !slices.Equal(lines, want) {
		t.Errorf("the log is %q, want %q", lines, want)
	}
}

// Methods of embedded types would be part of the API.
func TestProviderHasNoOtherMethods(t *testing.T) {
	var got []string
	for m := range reflect.TypeFor[*openidtest.Provider]().Methods() {
		got = append(got, m.Name)
	}
	if want := "[AddClient Client Close Issuer Rotate SetAutoApprove]"; fmt.Sprint(got) != want {
		t.Errorf("methods: %v, want %s", got, want)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		if op, err := openidtest.Start(openidtest.Config{Addr: addr}); err == nil {
			_ = op.Close()
			t.Errorf("%s: it listens", addr)
		}
	}
	op := start(t, openidtest.Config{Addr: "localhost:0"})
	if !strings.HasPrefix(op.Issuer(), "http://localhost:") {
		t.Errorf("issuer is %s", op.Issuer())
	}
	get(t, op, "/jwks", "").ok(t)
}

func TestMetadata(t *testing.T) {
	op := start(t, openidtest.Config{})
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		doc := get(t, op, path, "").ok(t).doc
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint", "registration_endpoint", "introspection_endpoint", "revocation_endpoint"} {
			if s, _ := doc[name].(string); !strings.HasPrefix(s, op.Issuer()+"/") {
				t.Errorf("%s: %s is %v", path, name, doc[name])
			}
		}
		for name, want := range map[string]string{
			"issuer":                           op.Issuer(),
			"code_challenge_methods_supported": "[S256]",
			"authorization_response_iss_parameter_supported": "true",
			"request_uri_parameter_supported":                "true",
			"id_token_signing_alg_values_supported":          "[ES256 RS256 PS256 EdDSA HS256]",
			"token_endpoint_auth_methods_supported":          "[none client_secret_basic client_secret_post client_secret_jwt private_key_jwt]",
		} {
			if got := fmt.Sprint(doc[name]); got != want {
				t.Errorf("%s: %s is %s, want %s", path, name, got, want)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	op := start(t, openidtest.Config{TLS: true, AutoApprove: "alice"})
	if !strings.HasPrefix(op.Issuer(), "https://127.0.0.1:") {
		t.Fatalf("issuer is %s", op.Issuer())
	}
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	got := user.open(app.authorizationURL(nil))
	if cookie := got.header.Get("Set-Cookie"); !strings.Contains(cookie, "Secure") {
		t.Errorf("Set-Cookie: %s", cookie)
	}
	app.claims(app.redeem(got.params.Get("code")).ok(t).doc["id_token"])
	if _, err := http.Get(op.Issuer() + "/jwks"); err == nil {
		t.Error("a client that does not know the certificate trusts it")
	}
}

func TestCORS(t *testing.T) {
	op := start(t, openidtest.Config{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, op.Issuer()+"/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := do(t, op, r).ok(t); got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("got %v", got.header)
	}
	page := newBrowser(t, op).open(newRP(t, op, "app").authorizationURL(nil))
	if page.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("other origins may read the pages")
	}
}

// The policy of a page must allow its own style and nothing else.
func TestPagePolicy(t *testing.T) {
	op := start(t, openidtest.Config{})
	page := newBrowser(t, op).open(newRP(t, op, "app").authorizationURL(url.Values{"login_hint": {`"><script>`}}))
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page.body)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
	if got := page.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy is %s\nwant %s", got, want)
	}
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "http://") {
		t.Errorf("the page has a script or an external address: %s", page.body)
	}
}

func TestLargeBody(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	padding := strings.Repeat("x", 2<<20)
	for path, body := range map[string]string{
		"/token":     "grant_type=client_credentials&client_id=app&x=" + padding,
		"/authorize": "x=" + padding + "&" + strings.SplitN(newRP(t, op, "app").authorizationURL(nil), "?", 2)[1],
		"/register":  `{"redirect_uris":["https://a.example/cb"],"client_name":"` + padding + `"}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, op.Issuer()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if path == "/register" {
			r.Header.Set("Content-Type", "application/json")
		}
		r.SetBasicAuth("app", url.QueryEscape(secret))
		resp, err := op.Client().Do(r)
		if err != nil {
			continue // the provider hung up while we were sending
		}
		_ = resp.Body.Close()
		if resp.StatusCode/100 != 4 {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}

// Log is often t.Logf, which panics after the end of its test.
func TestCloseWaitsForRequests(t *testing.T) {
	entered, hungUp := make(chan struct{}), make(chan struct{})
	var done atomic.Bool
	once := sync.OnceFunc(func() {
		close(entered)
		<-hungUp
		for range 1000 {
			runtime.Gosched()
		}
		done.Store(true)
	})
	op, err := openidtest.Start(openidtest.Config{Log: func(string, ...any) { once() }})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(hungUp)
		if resp, err := op.Client().PostForm(op.Issuer()+"/token", nil); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	if _ = op.Close(); !done.Load() {
		t.Error("Close has returned, and a request is still being served")
	}
}

func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		op, err := openidtest.Start(openidtest.Config{AutoApprove: "alice", TLS: true, Clients: []openidtest.Client{{ID: "app", RedirectURIs: []string{callback}}}})
		if err != nil {
			t.Fatal(err)
		}
		app := newRP(t, op, "app")
		app.auth = post("app", "")
		app.login(nil)
		if err := op.Close(); err != nil {
			t.Error(err)
		}
		if err := op.Close(); err != nil {
			t.Errorf("the second time: %v", err)
		}
		u, err := url.Parse(op.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", u.Host)
		if err != nil {
			t.Fatalf("the port is not free: %v", err)
		}
		_ = ln.Close()
	}
	// The client's half of a connection ends a moment after the server's.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}
