package interop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/openid-client/openid"
)

const (
	scriptedLogout = "has a logout page that runs in a browser only"
	appOrigin      = "https://app.example"
)

var logouts = []grant{
	{flow: flow{name: "logout by a form", refusals: map[string]string{"Glewlwyd": scriptedLogout}}, needs: []need{{"end_session_endpoint", ""}}, play: logsOutByForm, itself: true},
	{flow: flow{name: "back-channel logout of a session", register: map[string]any{"backchannel_logout_session_required": true}},
		needs: []need{{"backchannel_logout_supported", ""}}, play: hearsOfTheLogout, itself: true},
	{flow: flow{name: "back-channel logout of a user"}, needs: []need{{"backchannel_logout_supported", ""}}, play: hearsOfTheLogout, itself: true},
	{flow: flow{name: "back-channel logout token, encrypted", register: map[string]any{"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM"}, config: decrypting},
		needs: []need{{"backchannel_logout_supported", ""}}, play: hearsOfTheLogout, itself: true},
	{flow: flow{name: "session management"}, needs: []need{{"check_session_iframe", ""}}, play: watchesTheSession},
}

// TestLogouts plays what ends a session, and what watches it.
func TestLogouts(t *testing.T) {
	var mu sync.Mutex
	cells := map[[2]string]string{}
	skipped := false
	providers := []string{"oidc-provider", "Glewlwyd", "openidtest"}
	t.Run("each", func(t *testing.T) {
		for _, g := range logouts {
			for _, name := range providers {
				t.Run(g.name+" at "+name, func(t *testing.T) {
					said := "failed"
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						cells[[2]string{g.name, name}] = said
						skipped = skipped || t.Skipped()
					}()
					p := g.provider(t, name)
					t.Parallel()
					said = g.at(t, name, p)
				})
			}
		}
	})
	switch {
	case t.Failed():
	case len(cells) < len(logouts)*len(providers): // -run named some of them
	case skipped:
		t.Skip("docs/interop.md is not compared: a provider is missing, as go test -v says")
	default:
		stands(t, "Logouts", tabulate("logout", names(logouts, func(g grant) string { return g.name }), providers, cells), logoutsSay)
	}
}

const logoutsSay = `Each row logs a user in and ends the session, where the provider's own metadata offers that. ` + "`TestLogout`" + ` has the logouts by URL.`

// begin registers a client with more metadata, and logs a user in with a browser that stays.
func (a *attempt) begin(t *testing.T, more map[string]any) (*userAgent, *openid.Tokens) {
	t.Helper()
	metadata := a.metadata(t)
	metadata["post_logout_redirect_uris"] = []string{returnURI}
	for name, v := range more {
		metadata[name] = v
	}
	id, secret := a.registerAny(t, metadata)
	a.connect(t, id, openid.NewSecret(secret))
	ua := a.userAgent()
	address, tx, err := a.client.Authorize(t.Context(), openid.AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := ua.visit(t.Context(), address, appURI)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := a.client.Callback(t.Context(), arrived, tx)
	if err != nil {
		t.Fatal(err)
	}
	return ua, tokens
}

// logOut sends the page of a logout through the browser, until it is back.
func (a *attempt) logOut(t *testing.T, ua *userAgent, tokens *openid.Tokens) {
	t.Helper()
	form, tx, err := a.client.Logout(t.Context(), openid.LogoutRequest{IDToken: tokens.IDToken, ReturnTo: returnURI, UILocales: []string{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	form.ServeHTTP(page, nil)
	next, err := ua.answer(&url.URL{Scheme: "https", Host: "app.example", Path: "/logout"}, page.Body.Bytes())
	if err != nil || next.method != http.MethodPost {
		t.Fatalf("our page: %s, %v", next.method, err)
	}
	for range maxHops {
		if to := *next.url; to.Scheme+"://"+to.Host+to.Path == returnURI {
			if err := a.client.LogoutCallback(t.Context(), next.arrival(t.Context()), tx); err != nil {
				t.Fatal(err)
			}
			return
		}
		if next, err = ua.take(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the browser does not come back")
}

func logsOutByForm(t *testing.T, a *attempt) {
	ua, tokens := a.begin(t, nil)
	a.logOut(t, ua, tokens)
	address, tx, err := a.client.Authorize(t.Context(), openid.AuthorizationRequest{Scope: []string{"openid"}, Prompt: []string{"none"}})
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := ua.visit(t.Context(), address, appURI)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.client.Callback(t.Context(), arrived, tx)
	refused(t, err, "authorization", openid.ErrLoginRequired)
}

func hearsOfTheLogout(t *testing.T, a *attempt) {
	var mu sync.Mutex
	var heard []*openid.LogoutToken
	var again []int
	var handler http.Handler
	uri := servingTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		handler.ServeHTTP(w, r)
		second := httptest.NewRecorder() // the same token once more
		handler.ServeHTTP(second, r)
		mu.Lock()
		defer mu.Unlock()
		again = append(again, second.Code)
	})) + "/backchannel-logout"
	ua, tokens := a.begin(t, map[string]any{"backchannel_logout_uri": uri})
	handler = a.client.BackchannelLogout(func(_ context.Context, tok *openid.LogoutToken) error {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, tok)
		return nil
	})
	a.logOut(t, ua, tokens)

	mu.Lock()
	defer mu.Unlock()
	if len(heard) != 1 || len(again) != 1 || again[0] != http.StatusBadRequest {
		t.Fatalf("heard of %d logouts, and the same token again was answered %v", len(heard), again)
	}
	tok, session := heard[0], a.flow.register["backchannel_logout_session_required"] == true
	if tok.Issuer() != a.issuer || tok.SessionID() != tokens.IDToken.SessionID() || (tok.SessionID() != "") != session || tok.ID() == "" ||
		!session && tok.Subject() != tokens.IDToken.Subject() {
		t.Errorf("got %v of the session %q, want %v of %q", tok, tok.SessionID(), tokens.IDToken, tokens.IDToken.SessionID())
	}
}

// watchesTheSession works session_state out as the provider's iframe does: Session Management section 3.2, with the user's name as the state
// of the browser, and in base64.
func watchesTheSession(t *testing.T, a *attempt) {
	tokens := a.logIn(t, "openid", "email")
	_, salt, ok := strings.Cut(tokens.SessionState, ".")
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %s alice %s", a.id, appOrigin, salt)))
	if want := base64.StdEncoding.EncodeToString(sum[:]) + "." + salt; !ok || tokens.SessionState != want {
		t.Errorf("session_state is %q, want %q", tokens.SessionState, want)
	}
	frame := &openid.SessionFrame{Client: a.client, State: func(*http.Request) string { return tokens.SessionState }}
	w := httptest.NewRecorder()
	frame.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, appOrigin+"/session", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-message="`+a.id+" "+tokens.SessionState+`"`) {
		t.Errorf("the frame: %d %s", w.Code, w.Body)
	}
}
