package openid

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// inBubble plays with a provider behind net.Pipe, where time is cheap.
func inBubble(t *testing.T, f func(t *testing.T, p *hostile.Provider, c *Client), tune ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		f(t, p, newTestClient(t, p, tune...))
	})
}

// pauses are those before each request to the token endpoint, in seconds.
func pauses(p *hostile.Provider, began time.Time) (list []int) {
	for _, r := range p.Requests("token") {
		list = append(list, int(r.At.Sub(began).Round(time.Second)/time.Second))
		began = r.At
	}
	return list
}

func quietly(DevicePrompt) {}

func TestDevice(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.Decision = hostile.Decision{Answers: []string{"authorization_pending", "authorization_pending", ""}, Interval: 7}
		began := time.Now()
		var prompt DevicePrompt
		tokens, err := c.Tokens(t.Context(), Device{Scope: []string{"openid", "offline_access"}, Show: func(p DevicePrompt) { prompt = p }})
		if err != nil {
			t.Fatal(err)
		}
		if tokens.IDToken.Subject() != p.Subject || tokens.RefreshToken.IsEmpty() {
			t.Errorf("got %v", tokens)
		}
		if prompt.UserCode != "WDJB-MJHT" || prompt.URI != p.URL("device") || prompt.QR() != prompt.URI+"?user_code=WDJB-MJHT" || !prompt.Expiry.Equal(began.Add(10*time.Minute)) {
			t.Errorf("shown: %+v", prompt)
		}
		if got := pauses(p, began); !slices.Equal(got, []int{7, 7, 7}) {
			t.Errorf("asked after %v s", got)
		}
		form := p.Requests("device_authorization")[0].Form
		if form.Get("scope") != "openid offline_access" || form.Get("client_id") != p.ClientID || form.Has("grant_type") {
			t.Errorf("sent %v", form)
		}
	})
}

// TestHostilePolling: RFC 8628 section 3.5, for both grants that wait.
func TestHostilePolling(t *testing.T) {
	busy := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			hostile.Status(status, "text/plain", "busy")(w, r)
		}
	}
	pending := func(header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			hostile.Error(400, "authorization_pending", "")(w, r)
		}
	}
	date := func(w http.ResponseWriter, r *http.Request) {
		pending("Retry-After", time.Now().Add(33*time.Second).UTC().Format(http.TimeFormat))(w, r)
	}
	for _, l := range []struct {
		name  string
		first []http.HandlerFunc // what comes before the provider's own answer
		want  []int
	}{
		{"pending", []http.HandlerFunc{pending()}, []int{5, 5}},
		{"T18 slow_down, for good", []http.HandlerFunc{hostile.Error(400, "slow_down", ""), pending()}, []int{5, 10, 10}},
		{"T18 slow_down twice", []http.HandlerFunc{hostile.Error(400, "slow_down", ""), hostile.Error(400, "slow_down", "")}, []int{5, 10, 15}},
		{"T18 slow_down, ever more", slices.Repeat([]http.HandlerFunc{hostile.Error(400, "slow_down", "")}, 4), []int{5, 10, 15, 20, 25}},
		{"Retry-After in seconds", []http.HandlerFunc{pending("Retry-After", "12"), pending()}, []int{5, 12, 5}},
		{"Retry-After as a date", []http.HandlerFunc{date}, []int{5, 33}},
		{"Retry-After shorter than the interval", []http.HandlerFunc{pending("Retry-After", "1")}, []int{5, 5}},
		{"Retry-After that is nonsense", []http.HandlerFunc{pending("Retry-After", "soon")}, []int{5, 5}},
		{"Retry-After in the past", []http.HandlerFunc{pending("Retry-After", "Sat, 01 Jan 2000 00:00:00 GMT")}, []int{5, 5}},
		{"Retry-After negative", []http.HandlerFunc{pending("Retry-After", "-5")}, []int{5, 5}},
		{"503 with Retry-After", []http.HandlerFunc{busy(503, "Retry-After", "20")}, []int{5, 20}},
		{"500, ever slower", []http.HandlerFunc{busy(500), busy(502), busy(500), pending()}, []int{5, 10, 20, 40, 5}},
		{"an OAuth error with status 500", []http.HandlerFunc{hostile.Error(500, "server_error", "")}, []int{5, 10}},
		{"429", []http.HandlerFunc{busy(429, "Retry-After", "9")}, []int{5, 10}},
		{"a connection that dies", []http.HandlerFunc{hostile.Reset()}, []int{5, 10}},
		{"an answer that never comes", []http.HandlerFunc{hostile.Hang()}, []int{5, 40}}, // 30 s are the exchange's own limit
	} {
		for name, grant := range map[string]Grant{"device": Device{Scope: []string{"openid"}, Show: quietly}, "CIBA": CIBA{LoginHint: "alice"}} {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+ jwks")
				inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
					p.Serve("token", hostile.InTurn(append(slices.Clone(l.first), p.Honest("token"))...))
					began := time.Now()
					tokens, err := c.Tokens(t.Context(), grant)
					hostile.Hear(tokens, err)
					if err != nil || tokens.IDToken.Subject() != p.Subject {
						t.Fatalf("got %v, %v", tokens, err)
					}
					if got := pauses(p, began); !slices.Equal(got, l.want) {
						t.Errorf("asked after %v s, want %v", got, l.want)
					}
				})
			})
		}
	}
}

// TestHostilePollingEnds: what ends the wait does so at once, with an error that says who ended it.
func TestHostilePollingEnds(t *testing.T) {
	grants := map[string]Grant{"device": Device{Show: quietly}, "CIBA": CIBA{LoginHint: "alice"}}
	for _, l := range []struct {
		name  string
		serve http.HandlerFunc
		want  func(error) bool
	}{
		{"the user says no", hostile.Error(400, "access_denied", ""), func(err error) bool { return errors.Is(err, ErrAccessDenied) }},
		{"T18 the server's time is over", hostile.Error(400, "expired_token", ""), func(err error) bool {
			var r *ResponseError
			return errors.Is(err, ErrExpiredToken) && errors.As(err, &r)
		}},
		{"the code is unknown", hostile.Error(400, "invalid_grant", ""), func(err error) bool { return errors.Is(err, ErrInvalidGrant) }},
		{"the client is unknown", hostile.Error(401, "invalid_client", ""), func(err error) bool { return errors.Is(err, ErrInvalidClient) }},
		{"a page where tokens were expected", hostile.HTML(), exchangeFailed("text/html")},
		{"a redirect", hostile.Redirect("https://evil.example/"), exchangeFailed("307")},
		{"a token of another kind", hostile.JSON(`{"access_token":"a","token_type":"mac"}`), func(err error) bool { return refusedBy(err) == "token_type" }},
	} {
		for name, grant := range grants {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token")
				inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
					p.Serve("token", l.serve)
					tokens, err := c.Tokens(t.Context(), grant)
					hostile.Hear(err)
					if tokens != nil || !l.want(err) {
						t.Errorf("got %v, %v", tokens, err)
					}
					if n := p.Count("token"); n != 1 {
						t.Errorf("asked %d times", n)
					}
				})
			})
		}
	}
	for name, grant := range grants {
		t.Run("our time is over/"+name, func(t *testing.T) {
			hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Decision = hostile.Decision{Lifetime: time.Minute}
				p.Serve("token", hostile.Error(400, "authorization_pending", ""))
				began := time.Now()
				_, err := c.Tokens(t.Context(), grant)
				hostile.Hear(err)
				if refusedBy(err) != "expires_in" || !errors.Is(err, ErrExpiredToken) || time.Since(began) != time.Minute {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
		t.Run("the server went away for good/"+name, func(t *testing.T) {
			hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Decision = hostile.Decision{Lifetime: time.Minute}
				p.Serve("token", hostile.Reset())
				_, err := c.Tokens(t.Context(), grant)
				hostile.Hear(err)
				var failed *ExchangeError
				if !errors.Is(err, ErrExpiredToken) || !errors.As(err, &failed) {
					t.Errorf("the error does not say why nobody was heard: %v", err)
				}
			})
		})
		t.Run("the laptop slept/"+name, func(t *testing.T) {
			hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Serve("token", hostile.Error(400, "authorization_pending", ""))
				p.Serve("token", func(w http.ResponseWriter, r *http.Request) {
					c.cfg.ClockSkew = time.Hour // to this client's clock, which no timer hears of
					hostile.Error(400, "authorization_pending", "")(w, r)
				})
				_, err := c.Tokens(t.Context(), grant)
				hostile.Hear(err)
				if refusedBy(err) != "expires_in" || p.Count("token") != 1 {
					t.Errorf("asked %d times, then: %v", p.Count("token"), err)
				}
			})
		})
		t.Run("the caller goes/"+name, func(t *testing.T) {
			hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Serve("token", hostile.Error(400, "authorization_pending", ""))
				ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
				defer cancel()
				began := time.Now()
				_, err := c.Tokens(ctx, grant)
				hostile.Hear(err)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 12*time.Second || p.Count("token") != 2 {
					t.Errorf("after %s and %d questions: %v", time.Since(began), p.Count("token"), err)
				}
			})
		})
		t.Run("the caller goes while a question is asked/"+name, func(t *testing.T) {
			hostile.Watch(t, "discovery (device_authorization|backchannel_authentication) token+")
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Serve("token", hostile.InTurn(hostile.Error(400, "authorization_pending", ""), hostile.Hang()))
				ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
				defer cancel()
				began := time.Now()
				_, err := c.Tokens(ctx, grant)
				hostile.Hear(err)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 12*time.Second {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}

var deviceLies = []struct{ name, member, value, check string }{
	{"B01 device_code missing", "device_code", "", "device_code"},
	{"B01 device_code empty", "device_code", `""`, "device_code"},
	{"B01 device_code a number", "device_code", `1`, "device_code"},
	{"B01 device_code with a line break", "device_code", `"a\nb"`, "device_code"},
	{"B02 user_code missing", "user_code", "", "user_code"},
	{"B02 user_code that clears the screen", "user_code", `"\u001b[2J"`, "user_code"},
	{"B02 user_code that turns the text around", "user_code", `"\u202eABC"`, "user_code"},
	{"B02 user_code of a kilobyte", "user_code", `"` + strings.Repeat("A", 1000) + `"`, "user_code"},
	{"B02 user_code an array", "user_code", `["A"]`, "user_code"},
	{"B03 verification_uri missing", "verification_uri", "", "verification_uri"},
	{"B03 verification_uri without TLS", "verification_uri", `"http://op.example/device"`, "verification_uri"},
	{"B03 verification_uri a script", "verification_uri", `"javascript:alert(1)"`, "verification_uri"},
	{"B03 verification_uri a file", "verification_uri", `"file:///etc/passwd"`, "verification_uri"},
	{"B03 verification_uri null", "verification_uri", `null`, "verification_uri"},
	{"B03 verification_uri_complete without TLS", "verification_uri_complete", `"http://op.example/"`, "verification_uri_complete"},
	{"B03 verification_uri_complete an object", "verification_uri_complete", `{}`, "verification_uri_complete"},
	{"B04 expires_in missing", "expires_in", "", "expires_in"},
	{"B04 expires_in 0", "expires_in", `0`, "expires_in"},
	{"B04 expires_in negative", "expires_in", `-1`, "expires_in"},
	{"B04 expires_in of a thousand years", "expires_in", `31536000000`, "expires_in"},
	{"B05 interval 0", "interval", `0`, "interval"},
	{"B05 interval negative", "interval", `-5`, "interval"},
	{"B05 interval of a day", "interval", `86400`, "interval"},
	{"B05 interval a word", "interval", `"often"`, "interval"},
}

func TestHostileDevice(t *testing.T) {
	for _, l := range deviceLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery device_authorization") // the server is not bothered with a code that nobody can enter
			p := hostile.New(t)
			p.Decision.Device = responseMember(l.member, l.value)
			shown := false
			grant := Device{Show: func(DevicePrompt) { shown = true }}
			c := newTestClient(t, p)
			_, err := c.Tokens(t.Context(), grant)
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
			if shown {
				t.Error("the user was bothered")
			}
		})
	}
	t.Run("B07 status 201", func(t *testing.T) {
		hostile.Watch(t, "discovery device_authorization")
		p := hostile.New(t)
		p.Serve("device_authorization", hostile.Status(201, "application/json", `{"device_code":"a"}`))
		_, err := newTestClient(t, p).Tokens(t.Context(), Device{Show: quietly})
		hostile.Hear(err)
		if refusedBy(err) != "status" {
			t.Errorf("got %v", err)
		}
	})
}

func TestDeviceTruths(t *testing.T) {
	for _, truth := range []struct {
		name string
		tell func(map[string]any)
		want int // seconds before the first question
	}{
		{"interval absent", responseMember("interval", ""), 5},
		{"interval null", responseMember("interval", "null"), 5},
		{"interval in quotes", responseMember("interval", `"3"`), 3},
		{"verification_url, a draft's name", func(m map[string]any) {
			m["verification_url"] = m["verification_uri"]
			delete(m, "verification_uri")
		}, 5},
		{"no complete URI", responseMember("verification_uri_complete", ""), 5},
	} {
		t.Run(truth.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Decision.Device = truth.tell
				began := time.Now()
				var prompt DevicePrompt
				if _, err := c.Tokens(t.Context(), Device{Show: func(p DevicePrompt) { prompt = p }}); err != nil {
					t.Fatal(err)
				}
				if got := pauses(p, began); got[0] != truth.want || prompt.URI != p.URL("device") || prompt.QR() == "" {
					t.Errorf("asked after %v s, shown %+v", got, prompt)
				}
			})
		})
	}
}

// TestDeviceBound: the tokens of a device are bound to a key like others, and nonces do not disturb the pace.
func TestDeviceBound(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.DPoP.Nonce = true
		p.Decision.Answers = []string{"authorization_pending", ""}
		tokens, err := c.Tokens(t.Context(), Device{Scope: []string{"openid"}, Show: quietly})
		if err != nil || tokens.Type != "DPoP" || tokens.DPoPThumbprint() == "" {
			t.Fatalf("got %v, %v", tokens, err)
		}
		if p.Count("device_authorization") != 1 || p.Requests("device_authorization")[0].Header.Get("DPoP") != "" {
			t.Error("RFC 9449 knows no proof at the device authorization endpoint")
		}
	}, func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
}

func TestDeviceRefusesItsCaller(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	for name, grant := range map[string]Device{
		"two scopes in one":        {Scope: []string{"a b"}},
		"a resource that is none":  {Resource: []string{"api"}},
		"a scope said twice":       {Scope: []string{"a"}, Extra: map[string][]string{"scope": {"b"}}},
		"a client from outside":    {Extra: map[string][]string{"client_id": {"b"}}},
		"details without a type":   {AuthorizationDetails: []AuthorizationDetail{{}}},
		"details that are no JSON": {AuthorizationDetails: []AuthorizationDetail{{Type: "a", Extra: map[string]json.RawMessage{"b": json.RawMessage("x")}}}},
	} {
		if _, err := c.Tokens(t.Context(), grant); err == nil || p.Count("device_authorization") != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// adding is an authentication that adds where others set.
type adding struct{}

func (adding) Authenticate(_ context.Context, r *AuthRequest) error {
	r.Form.Add("client_id", r.ClientID)
	r.Form.Add("vendor_secret", "x")
	r.Header.Add("X-Vendor", "y")
	return nil
}

// TestPollsShareNothing: what an authentication adds to one question is not in the next one.
func TestPollsShareNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.Decision.Answers = []string{"authorization_pending", "slow_down", ""}
		if _, err := c.Tokens(t.Context(), Device{Show: quietly}); err != nil {
			t.Error(err)
		}
		for i, r := range p.Requests("token") {
			if len(r.Form["client_id"]) != 1 || len(r.Form["vendor_secret"]) != 1 || len(r.Header["X-Vendor"]) != 1 {
				t.Errorf("question %d: %v", i+1, r.Form)
			}
		}
	}, func(cfg *Config) { cfg.Auth = adding{} })
}
