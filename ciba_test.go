package openid

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestCIBA(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.Decision = hostile.Decision{Answers: []string{"authorization_pending", ""}, Interval: 31}
		began := time.Now()
		tokens, err := c.Tokens(t.Context(), CIBA{Scope: []string{"accounts"}, LoginHint: "alice", BindingMessage: "W4SCT", UserCode: NewSecret("1234"),
			RequestedTime: 2 * time.Minute, ACRValues: []string{"gold", "silver"}, Resource: []string{"https://api.example"}, Extra: map[string][]string{"vendor": {"1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if tokens.IDToken.Subject() != p.Subject || !slices.Equal(tokens.Scope, []string{"openid", "accounts"}) {
			t.Errorf("got %v", tokens)
		}
		if got := pauses(p, began); !slices.Equal(got, []int{31, 31}) {
			t.Errorf("asked after %v s", got)
		}
		sent := p.Requests("backchannel_authentication")[0].Form
		for name, want := range map[string]string{"scope": "openid accounts", "login_hint": "alice", "binding_message": "W4SCT", "user_code": "1234", "requested_expiry": "120",
			"acr_values": "gold silver", "resource": "https://api.example", "vendor": "1", "client_id": p.ClientID} {
			if sent.Get(name) != want {
				t.Errorf("%s: sent %q, want %q", name, sent.Get(name), want)
			}
		}
		if sent.Has("grant_type") || sent.Has("client_notification_token") || sent.Has("id_token_hint") {
			t.Errorf("sent %v", sent)
		}
	})
}

// TestCIBASigned: CIBA section 7.1.1. Nothing of the request stands beside the object.
func TestCIBASigned(t *testing.T) {
	key := newKey(t)
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) {
		cfg.RequestObject, cfg.Auth = &RequestObject{Key: key, KeyID: "r"}, PrivateKeyJWT(key, "r")
	})
	ctx, cancel := context.WithCancel(t.Context())
	p.Decision.Backchannel = func(map[string]any) { cancel() }
	if _, err := c.Tokens(ctx, CIBA{LoginHintToken: NewSecret("a.b.c"), RequestedTime: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	sent := p.Requests("backchannel_authentication")[0].Form
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(sent.Get("request"), ".")[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		t.Fatalf("no request object in %v", sent)
	}
	for name, want := range map[string]any{"iss": p.ClientID, "aud": p.Issuer, "scope": "openid", "login_hint_token": "a.b.c", "requested_expiry": 60.0} {
		if claims[name] != want {
			t.Errorf("%s: %v, want %v", name, claims[name], want)
		}
	}
	for _, name := range []string{"exp", "iat", "nbf", "jti"} {
		if claims[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range sent {
		if name != "request" && name != "client_id" && !strings.HasPrefix(name, "client_assertion") {
			t.Errorf("%s stands beside the request object", name)
		}
	}
}

func TestCIBARefusesItsCaller(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	other := hostile.New(t)
	foreign, err := logIn(t, newTestClient(t, other), other)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]struct {
		grant CIBA
		says  string
	}{
		"no hint":                        {CIBA{}, "exactly one"},
		"two hints":                      {CIBA{LoginHint: "alice", LoginHintToken: NewSecret("t")}, "login_hint and login_hint_token"},
		"a hint of another issuer":       {CIBA{IDTokenHint: foreign.IDToken}, "issuer"},
		"a message of two lines":         {CIBA{LoginHint: "alice", BindingMessage: "pay\n1000"}, "BindingMessage"},
		"half a second":                  {CIBA{LoginHint: "alice", RequestedTime: time.Second / 2}, "RequestedTime"},
		"a negative time":                {CIBA{LoginHint: "alice", RequestedTime: -time.Second}, "RequestedTime"},
		"a hint through the back":        {CIBA{LoginHint: "alice", Extra: map[string][]string{"login_hint": {"bob"}}}, "login_hint"},
		"a notification token":           {CIBA{LoginHint: "alice", Extra: map[string][]string{"client_notification_token": {"x"}}}, "client_notification_token"},
		"a second hint through the back": {CIBA{LoginHint: "alice", Extra: map[string][]string{"login_hint_token": {"x"}}}, "login_hint and login_hint_token"},
		"no hint but an empty one":       {CIBA{Extra: map[string][]string{"login_hint": nil}}, "exactly one"},
		"a request of somebody's own":    {CIBA{LoginHint: "alice", Extra: map[string][]string{"request": {"x"}}}, "request"},
	} {
		if _, err := c.Tokens(t.Context(), l.grant); err == nil || !strings.Contains(err.Error(), l.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	signed := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t)} })
	for _, name := range requestObjectClaims {
		_, err := signed.Tokens(t.Context(), CIBA{LoginHint: "alice", Extra: map[string][]string{name: {"x"}}})
		if err == nil || !strings.Contains(err.Error(), "CIBA.Extra: "+name) || !strings.Contains(err.Error(), "Config.RequestObject") {
			t.Errorf("the claim %s is taken from outside: %v", name, err)
		}
	}
	if p.Count("backchannel_authentication") != 0 {
		t.Error("the server was asked")
	}
}

// TestCIBAIDToken: one must come, lately issued, about the user of the hint.
func TestCIBAIDToken(t *testing.T) {
	for _, l := range []struct {
		name, check, document string
		lie                   func(*hostile.Provider)
	}{
		{"none", "id_token", "token response", func(p *hostile.Provider) { p.TokenResponse = responseMember("id_token", "") }},
		{"of last week", "age", "ID Token", func(p *hostile.Provider) {
			p.IDToken = func(tok *hostile.Token) { tok.Claims["iat"] = time.Now().Add(-7 * 24 * time.Hour).Unix() }
		}},
		{"of somebody else", "front sub", "ID Token", func(p *hostile.Provider) { p.Subject = "mallory" }},
	} {
		t.Run(l.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				login, err := logIn(t, c, p)
				if err != nil {
					t.Fatal(err)
				}
				l.lie(p)
				_, err = c.Tokens(t.Context(), CIBA{IDTokenHint: login.IDToken})
				if refusedBy(err) != l.check {
					t.Errorf("refused by %v, want %s", err, l.check)
				}
				p.Subject = "alice-sub"
				l.lie(p)
				c.without(l.check)
				if _, err = c.Tokens(t.Context(), CIBA{IDTokenHint: login.IDToken}); refusedBy(err) == l.check {
					t.Errorf("still refused without the row: %v", err)
				}
			})
		})
	}
}

var backchannelLies = []struct{ name, member, value, check string }{
	{"B06 auth_req_id missing", "auth_req_id", "", "auth_req_id"},
	{"B06 auth_req_id empty", "auth_req_id", `""`, "auth_req_id"},
	{"B06 auth_req_id a number", "auth_req_id", `7`, "auth_req_id"},
	{"B06 auth_req_id with a line break", "auth_req_id", `"a\nb"`, "auth_req_id"},
	{"B06 auth_req_id with characters that get lost on the way", "auth_req_id", `"a+b/c="`, "auth_req_id"},
	{"B06 auth_req_id with a space", "auth_req_id", `"a b"`, "auth_req_id"},
	{"B04 expires_in missing", "expires_in", "", "expires_in"},
	{"B04 expires_in null", "expires_in", "null", "expires_in"},
	{"B04 expires_in 0", "expires_in", "0", "expires_in"},
	{"B04 expires_in a word", "expires_in", `"soon"`, "expires_in"},
	{"B05 interval 0", "interval", "0", "interval"},
	{"B05 interval of a day", "interval", "86400", "interval"},
	{"B05 interval an object", "interval", "{}", "interval"},
}

func TestHostileBackchannel(t *testing.T) {
	for _, l := range backchannelLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery backchannel_authentication")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Decision.Backchannel = responseMember(l.member, l.value)
				_, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice"})
				hostile.Hear(err)
				if refusedBy(err) != l.check {
					t.Errorf("refused by %v, want %s", err, l.check)
				}
			})
		})
	}
	t.Run("B07 status 202", func(t *testing.T) {
		hostile.Watch(t, "discovery backchannel_authentication")
		p := hostile.New(t)
		p.Serve("backchannel_authentication", hostile.Status(202, "application/json", `{"auth_req_id":"a","expires_in":60}`))
		_, err := newTestClient(t, p).Tokens(t.Context(), CIBA{LoginHint: "alice"})
		hostile.Hear(err)
		if refusedBy(err) != "status" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the user is unknown", func(t *testing.T) {
		hostile.Watch(t, "discovery backchannel_authentication")
		p := hostile.New(t)
		p.Serve("backchannel_authentication", hostile.Error(400, "unknown_user_id", ""))
		_, err := newTestClient(t, p).Tokens(t.Context(), CIBA{LoginHint: "alice"})
		hostile.Hear(err)
		if !errors.Is(err, ErrUnknownUserID) {
			t.Errorf("got %v", err)
		}
	})
}

// notify plays the server's side of CIBA section 10.2.
func notify(e *PingEndpoint, authorization, body string) int {
	r := httptest.NewRequest("POST", "https://app.example/ping", bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code
}

// TestHostilePing: who may end the wait.
func TestHostilePing(t *testing.T) {
	t.Run("N09 strangers and unknown requests", func(t *testing.T) {
		hostile.Watch(t, "discovery backchannel_authentication token jwks")
		inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			endpoint := new(PingEndpoint)
			began := time.Now()
			done := make(chan error)
			go func() {
				_, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", Ping: endpoint})
				hostile.Hear(err)
				done <- err
			}()
			synctest.Wait()
			due := p.Pings()[0]
			if made, err := base64.RawURLEncoding.DecodeString(due.Token); err != nil || len(made) < 16 || len(due.Token) > 1024 {
				t.Errorf("a notification token of %d bytes, %d characters: %v", len(made), len(due.Token), err)
			}
			body := `{"auth_req_id":"` + due.AuthReqID + `"}`
			for _, l := range []struct {
				name, authorization, body string
				want                      int
			}{
				{"no token", "", body, 401},
				{"another token", "Bearer " + random(), body, 401},
				{"a prefix of the token", "Bearer " + due.Token[:20], body, 401},
				{"another scheme", "Basic " + due.Token, body, 401},
				{"another request", "Bearer " + due.Token, `{"auth_req_id":"other"}`, 400},
				{"no request", "Bearer " + due.Token, `{}`, 400},
				{"two requests", "Bearer " + due.Token, `{"auth_req_id":"other","auth_req_id":"` + due.AuthReqID + `"}`, 400},
				{"a number", "Bearer " + due.Token, `{"auth_req_id":1}`, 400},
				{"a form", "Bearer " + due.Token, "auth_req_id=" + due.AuthReqID, 400},
				{"tokens instead of a ping", "Bearer " + due.Token, `{"auth_req_id":"` + due.AuthReqID + `","access_token":"a","id_token":"b","token_type":"Bearer"}`, 400},
				{"an error instead of a ping", "Bearer " + due.Token, `{"auth_req_id":"` + due.AuthReqID + `","error":"access_denied"}`, 400},
				{"20 KB", "Bearer " + due.Token, strings.Repeat(" ", 20<<10) + body, 400},
			} {
				if got := notify(endpoint, l.authorization, l.body); got != l.want {
					t.Errorf("%s: %d, want %d", l.name, got, l.want)
				}
			}
			r := httptest.NewRequest("GET", "https://app.example/ping", nil)
			w := httptest.NewRecorder()
			if endpoint.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
				t.Errorf("GET: %d", w.Code)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if p.Count("token") != 0 {
				t.Fatal("a notification that was refused made the client ask")
			}
			if got := notify(endpoint, "bearer "+due.Token, body); got != http.StatusNoContent {
				t.Errorf("the notification: %d", got)
			}
			if err := <-done; err != nil || time.Since(began) != 2*time.Second || p.Count("token") != 1 {
				t.Errorf("after %s and %d questions: %v", time.Since(began), p.Count("token"), err)
			}
			if got := notify(endpoint, "Bearer "+due.Token, body); got != http.StatusUnauthorized {
				t.Errorf("the token is still good after its request: %d", got)
			}
			if len(endpoint.pending) != 0 {
				t.Errorf("%d requests are remembered", len(endpoint.pending))
			}
		})
	})
}

// TestPingBeforeTheAnswer: a server may notify faster than it answers.
func TestPingBeforeTheAnswer(t *testing.T) {
	for _, l := range []struct {
		name, id string
		want     time.Duration
	}{{"the request's own", "", 0}, {"another", "other", 30 * time.Second}} {
		inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			endpoint := new(PingEndpoint)
			p.Decision.Backchannel = func(m map[string]any) {
				id := l.id
				if id == "" {
					id = m["auth_req_id"].(string)
				}
				for hash := range endpoint.pending {
					if got := notify(endpoint, "Bearer "+endpoint.pending[hash].token, `{"auth_req_id":"`+id+`"}`); got != http.StatusNoContent {
						t.Errorf("%s: %d", l.name, got)
					}
				}
			}
			began := time.Now()
			if _, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", Ping: endpoint}); err != nil || time.Since(began) != l.want {
				t.Errorf("%s: after %s: %v", l.name, time.Since(began), err)
			}
		})
	}
}

// TestPingThatIsLost: another process got it; the client asks by itself, if rarely.
func TestPingThatIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.Decision.Answers = []string{"authorization_pending", ""}
		began := time.Now()
		if _, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", Ping: new(PingEndpoint)}); err != nil {
			t.Fatal(err)
		}
		if got := pauses(p, began); !slices.Equal(got, []int{30, 30}) {
			t.Errorf("asked after %v s", got)
		}
	})
}
