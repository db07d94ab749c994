package openid

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

// A cibaLie is something that a backchannel authentication must not be, and the one check that must refuse it. The client is what FAPI-CIBA wants
// but for tune and ask.
type cibaLie struct {
	name   string
	script func(*hostile.Provider)
	tune   func(*Config)
	ask    func(*CIBA)
	check  string
}

// cibaLacking is the grant without a row.
type cibaLacking struct {
	CIBA
	drop string
}

func (g cibaLacking) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	return g.obtain(ctx, c, cibaTables{dropRow(cibaSupportChecks, g.drop), dropRow(fapiCIBAChecks, g.drop), dropRow(cibaIDTokenChecks, g.drop)})
}

// fapiCIBA is a client that conforms.
func fapiCIBA(t *testing.T) func(*Config) {
	key := newKey(t)
	return func(cfg *Config) {
		cfg.Auth, cfg.RequestObject, cfg.DPoP = PrivateKeyJWT(key, "k1"), &RequestObject{Key: key, KeyID: "k1"}, DPoPKey(key)
	}
}

func announcing(name string, values ...any) func(*hostile.Provider) {
	return func(p *hostile.Provider) { p.Metadata = func(m map[string]any) { m[name] = values } }
}

// signingRequests edits what is signed.
func signingRequests(modify func(claims map[string]json.RawMessage)) func(*Config) {
	return func(cfg *Config) {
		cfg.RequestObject.(*RequestObject).Signing.Modify = func(_, claims map[string]json.RawMessage) { modify(claims) }
	}
}

func dropClaim(name string) func(map[string]json.RawMessage) {
	return func(claims map[string]json.RawMessage) { delete(claims, name) }
}

func claimAt(name string, d time.Duration) func(map[string]json.RawMessage) {
	return func(claims map[string]json.RawMessage) { claims[name] = json.RawMessage(at(d)) }
}

var cibaLies = map[string][]cibaLie{
	"cibaSupport": {
		{name: "a server that only pushes", script: announcing("backchannel_token_delivery_modes_supported", "push"), check: "backchannel_token_delivery_modes_supported"},
		{name: "a ping to be sent by a server that only polls know", script: announcing("backchannel_token_delivery_modes_supported", "poll", "push"),
			ask: func(g *CIBA) { g.Ping = new(PingEndpoint) }, check: "backchannel_token_delivery_modes_supported"},
		{name: "an algorithm that the server does not verify", script: announcing("backchannel_authentication_request_signing_alg_values_supported", "PS256"),
			check: "backchannel_authentication_request_signing_alg_values_supported"},
	},
	"fapiCIBA": {
		{name: "plain parameters", tune: func(cfg *Config) { cfg.RequestObject = nil }, check: "signed request"},
		{name: "an unsigned object", tune: func(cfg *Config) { cfg.RequestObject = &RequestObject{InsecureUnsigned: true} }, check: "signed request"},
		{name: "RS256", tune: func(cfg *Config) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			cfg.RequestObject = &RequestObject{Key: key}
		}, check: "alg"},
		{name: "without jti", tune: signingRequests(dropClaim("jti")), check: "jti"},
		{name: "an empty jti", tune: signingRequests(func(claims map[string]json.RawMessage) { claims["jti"] = json.RawMessage(`""`) }), check: "jti"},
		{name: "for the token endpoint", tune: func(cfg *Config) { cfg.RequestObject.(*RequestObject).Signing.Audience = cfg.Issuer + "/token" }, check: "aud"},
		{name: "for several", tune: signingRequests(func(claims map[string]json.RawMessage) {
			claims["aud"] = json.RawMessage(`["https://op.example/t","x"]`)
		}), check: "aud"},
		{name: "without nbf", tune: signingRequests(dropClaim("nbf")), check: "nbf"},
		{name: "good since two hours", tune: signingRequests(claimAt("nbf", -2*time.Hour)), check: "nbf"},
		{name: "good tomorrow", tune: signingRequests(claimAt("nbf", 24*time.Hour)), check: "nbf"},
		{name: "without exp", tune: signingRequests(dropClaim("exp")), check: "exp"},
		{name: "good for 61 minutes", tune: signingRequests(claimAt("exp", 61*time.Minute)), check: "exp"},
		{name: "no longer good", tune: signingRequests(claimAt("exp", -time.Minute)), check: "exp"},
		{name: "nothing to compare", ask: func(g *CIBA) { g.BindingMessage = "" }, check: "authorization context"},
		{name: "a secret", tune: func(cfg *Config) { cfg.Auth = ClientSecret(NewSecret(strings.Repeat("s", 32))) }, check: "client authentication"},
		{name: "an assertion by a secret", tune: func(cfg *Config) { cfg.Auth = ClientSecretJWT(NewSecret(strings.Repeat("s", 32))) }, check: "client authentication"},
		{name: "a public client", tune: func(cfg *Config) { cfg.Auth = None() }, check: "client authentication"},
		{name: "bearer tokens", tune: func(cfg *Config) { cfg.DPoP = DPoP{} }, check: "bound tokens"},
	},
	"cibaIDToken": {
		{name: "B08 of another request", script: inBack(claim(authReqIDClaim, `"other"`)), check: "auth_req_id"},
		{name: "B08 of a request that is a number", script: inBack(claim(authReqIDClaim, `1`)), check: "auth_req_id"},
		{name: "B09 of another refresh token", script: inBack(claim(refreshHashClaim, `"AAAAAAAAAAAAAAAAAAAAAA"`)), ask: func(g *CIBA) { g.Scope = []string{"offline_access"} }, check: "rt_hash"},
		{name: "B09 of a refresh token that did not come", script: inBack(claim(refreshHashClaim, `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "rt_hash"},
		{name: "B09 a hash that is an object", script: inBack(claim(refreshHashClaim, `{}`)), ask: func(g *CIBA) { g.Scope = []string{"offline_access"} }, check: "rt_hash"},
	},
}

// tell tells the lie to somebody who asks without the row drop.
func (l cibaLie) tell(t *testing.T, drop string) (err error) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		if l.script != nil {
			l.script(p)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		g := CIBA{LoginHint: "alice", BindingMessage: "W4SCT", FAPI: true}
		if l.ask != nil {
			l.ask(&g)
		}
		_, err = c.Tokens(ctx, cibaLacking{g, drop})
		if drop == "" && l.check != "auth_req_id" && l.check != "rt_hash" && p.Count("backchannel_authentication") != 0 {
			t.Errorf("%s: the server was asked", l.name)
		}
	}, fapiCIBA(t), func(cfg *Config) {
		if l.tune != nil {
			l.tune(cfg)
		}
	})
	return err
}

// TestHostileCIBA: each is refused by its row, before the server is asked where it is about the request.
func TestHostileCIBA(t *testing.T) {
	for table, lies := range cibaLies {
		for _, l := range lies {
			t.Run(l.name+"/"+table, func(t *testing.T) {
				hostile.Watch(t, "discovery backchannel_authentication? token? jwks?")
				err := l.tell(t, "")
				hostile.Hear(err)
				if refusedBy(err) != l.check {
					t.Errorf("refused by %v, want %s", err, l.check)
				}
			})
		}
	}
}

// TestCIBATruths: what the rows leave alone.
func TestCIBATruths(t *testing.T) {
	certificate := newCertificate(t, "the client")
	for _, l := range []cibaLie{
		{name: "what conforms"},
		{name: "a server that says nothing of modes", script: func(p *hostile.Provider) {
			p.Metadata = func(m map[string]any) { delete(m, "backchannel_token_delivery_modes_supported") }
		}},
		{name: "the algorithm is among the server's", script: announcing("backchannel_authentication_request_signing_alg_values_supported", "PS256", "ES256")},
		{name: "details instead of a message", ask: func(g *CIBA) {
			g.BindingMessage, g.AuthorizationDetails = "", []AuthorizationDetail{{Type: "payment"}}
		}},
		{name: "a lodged intent instead of a message", ask: func(g *CIBA) { g.BindingMessage, g.Extra = "", url.Values{"intent_id": {"1"}} }},
		{name: "an hour", tune: signingRequests(claimAt("exp", time.Hour))},
		{name: "a certificate", tune: func(cfg *Config) { cfg.DPoP, cfg.Auth, cfg.Certificate = DPoP{}, TLSClientAuth(), certificate }},
		{name: "its own request and refresh token", ask: func(g *CIBA) { g.Scope = []string{"offline_access"} }, script: func(p *hostile.Provider) {
			var id string
			p.Decision.Backchannel = func(m map[string]any) { id, _ = m["auth_req_id"].(string) }
			p.IDToken = func(tok *hostile.Token) { tok.Claims[authReqIDClaim] = id }
			p.TokenResponse = func(m map[string]any) {
				hash, _ := jose.HalfHash(p.Alg, m["refresh_token"].(string))
				payload, err := base64.RawURLEncoding.DecodeString(strings.Split(m["id_token"].(string), ".")[1])
				claims := map[string]any{}
				if err != nil || json.Unmarshal(payload, &claims) != nil {
					t.Error(err)
				}
				claims[refreshHashClaim] = hash
				m["id_token"] = hostile.NewToken(p.SigningKey(), claims).String()
			}
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			if err := l.tell(t, "nothing"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCIBAUnderProfiles: the profile that FAPI-CIBA belongs to switches its clauses on, and no other does.
func TestCIBAUnderProfiles(t *testing.T) {
	for _, x := range profiles {
		p := profiledProvider(t)
		want := ""
		if x.make().String() == "FAPI1Advanced" {
			want = "authorization context"
		}
		p.Serve("backchannel_authentication", hostile.Error(400, string(ErrAccessDenied), ""))
		c, err := New(x.config(t, p))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Tokens(t.Context(), CIBA{LoginHint: "alice"})
		if refusedBy(err) != want || (want == "") != errors.Is(err, ErrAccessDenied) {
			t.Errorf("%s: %v", x.make(), err)
		}
	}
}

// TestRequestContext: FAPI-CIBA section 5.3. It is a JSON object in the signed request too.
func TestRequestContext(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		_, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", BindingMessage: "W4SCT", FAPI: true, RequestContext: map[string]json.RawMessage{
			"geo": json.RawMessage(`{"lat":52.5}`), "device": json.RawMessage(`"pos"`)}})
		if err != nil {
			t.Fatal(err)
		}
		_, claims := decoded(t, string(p.Requests("request object")[0].Body))
		if got := string(claims["request_context"]); got != `{"device":"pos","geo":{"lat":52.5}}` {
			t.Errorf("sent %s", got)
		}
		for name, g := range map[string]CIBA{
			"not JSON": {RequestContext: map[string]json.RawMessage{"geo": json.RawMessage("{")}},
			"twice":    {RequestContext: map[string]json.RawMessage{"geo": json.RawMessage("1")}, Extra: url.Values{"request_context": {"{}"}}},
		} {
			g.LoginHint = "alice"
			var failed *ExchangeError
			if _, err := c.Tokens(t.Context(), g); err == nil || errors.As(err, &failed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}, fapiCIBA(t))
}

// TestNotificationTokens: each request has one of its own, which no caller can choose.
func TestNotificationTokens(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		pings := new(PingEndpoint)
		p.Decision.Notify = func(due hostile.Ping) { notify(pings, "Bearer "+due.Token, `{"auth_req_id":"`+due.AuthReqID+`"}`) }
		seen := map[string]bool{}
		for range 3 {
			if _, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", Ping: pings}); err != nil {
				t.Fatal(err)
			}
		}
		for _, due := range p.Pings() {
			seen[due.Token] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d tokens for 3 requests", len(seen))
		}
		synctest.Wait()
	})
}

// TestSlowDownIsExact: five seconds more each time, also where the interval is as long as one may be.
func TestSlowDownIsExact(t *testing.T) {
	for name, grant := range map[string]Grant{"device": Device{Scope: []string{"openid"}, Show: quietly}, "CIBA": CIBA{LoginHint: "alice"}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.Decision = hostile.Decision{Interval: 600, Lifetime: time.Hour, Answers: []string{"slow_down", "authorization_pending", "slow_down", ""}}
				began := time.Now()
				if _, err := c.Tokens(t.Context(), grant); err != nil {
					t.Fatal(err)
				}
				if got := pauses(p, began); !slices.Equal(got, []int{600, 605, 605, 610}) {
					t.Errorf("asked after %v s", got)
				}
			})
		})
	}
}
