package openid

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestUserInfo(t *testing.T) {
	p := hostile.New(t)
	p.UserInfo = func(m map[string]any) { m["email"], m["email_verified"] = "a@x@corp", true }
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.UserInfo(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := Claims[struct {
		Subject  string `json:"sub"`
		Email    string `json:"email"` // U06 verbatim
		Verified bool   `json:"email_verified"`
	}](info)
	if err != nil || claims.Subject != p.Subject || info.Subject() != p.Subject || claims.Email != "a@x@corp" || !claims.Verified {
		t.Errorf("got %+v, %v", claims, err)
	}
}

func TestUserInfoLies(t *testing.T) {
	for _, l := range []struct {
		name   string
		script func(p *hostile.Provider)
		want   func(error) bool
	}{
		{"U01 another subject", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { m["sub"] = "mallory" } }, bySub},
		{"U02 no subject", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { delete(m, "sub") } }, bySub},
		{"a subject of another kind", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { m["sub"] = []string{"alice-sub"} } }, bySub},
		{"U03 an array", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`[]`)) }, noAnswer},
		{"sub twice", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`{"sub":"mallory","sub":"alice-sub"}`)) }, noAnswer},
		{"a page", func(p *hostile.Provider) { p.Serve("userinfo", hostile.HTML()) }, noAnswer},
		{"401", func(p *hostile.Provider) { p.Serve("userinfo", hostile.Error(401, "invalid_token", "expired")) },
			func(err error) bool { return errors.Is(err, ErrInvalidToken) }},
	} {
		t.Run(l.name, func(t *testing.T) {
			p := hostile.New(t)
			c := newTestClient(t, p)
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			l.script(p)
			info, err := c.UserInfo(t.Context(), tokens)
			if err == nil || info != nil || !l.want(err) || strings.Contains(err.Error(), hostile.Canary) {
				t.Errorf("got %v, %v", info, err)
			}
		})
	}
}

func httpGet(url string) *http.Request { return httptest.NewRequest("GET", url, nil) }

func bySub(err error) bool { return refusedBy(err) == "sub" }

func noAnswer(err error) bool {
	var e *ExchangeError
	return errors.As(err, &e) && e.Endpoint == "userinfo"
}

func TestClaimsAreExact(t *testing.T) {
	p := hostile.New(t)
	p.IDToken = func(tok *hostile.Token) {
		tok.Claims["EMAIL"] = "evil@example"
		tok.Claims["email_verified"] = json.RawMessage(`"true"`)
	}
	tokens, err := logIn(t, newTestClient(t, p), p)
	if err != nil {
		t.Fatal(err)
	}
	mail, err := Claims[struct {
		Email string `json:"email"`
	}](tokens.IDToken)
	if err != nil || mail.Email == "evil@example" {
		t.Errorf("a name of other case was taken: %+v, %v", mail, err)
	}
	if _, err := Claims[struct {
		Verified bool `json:"email_verified"`
	}](tokens.IDToken); err == nil {
		t.Error(`U05 "true" was taken for true`)
	}
}

func TestLogout(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	rawURL, tx, err := c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("id_token_hint") != tokens.IDToken.Raw().Reveal() || q.Get("client_id") != p.ClientID || q.Get("post_logout_redirect_uri") != "https://app.example/bye" {
		t.Errorf("got %s", strings.ReplaceAll(rawURL, q.Get("id_token_hint"), "…"))
	}
	back := func(state ...string) error {
		r := httpGet("https://app.example/bye?" + url.Values{"state": state}.Encode())
		return c.LogoutCallback(t.Context(), r, tx)
	}
	if err := back(q.Get("state")); err != nil {
		t.Error(err)
	}
	for name, state := range map[string][]string{"C16 another state": {"other"}, "no state": nil, "state twice": {q.Get("state"), q.Get("state")}} {
		if err := back(state...); refusedBy(err) != "state" {
			t.Errorf("%s: %v", name, err)
		}
	}
	old, _ := c.openTransaction(tx)
	old.created = old.created.Add(-transactionLifetime - time.Second)
	yesterday, err := c.sealTransaction(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?state="+q.Get("state")), yesterday); refusedBy(err) != "age" {
		t.Errorf("a logout of yesterday: %v", err)
	}
	// A login is no logout.
	_, login, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	opened, _ := c.openTransaction(login)
	if err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?state="+opened.state), login); refusedBy(err) != "state" {
		t.Errorf("the transaction of a login: %v", err)
	}
	before := p.Count("")
	cold := newTestClient(t, p)
	if _, _, err := cold.LogoutURL(t.Context(), nil, "http://app.example/bye"); err == nil || !strings.Contains(err.Error(), "returnTo") || p.Count("") != before {
		t.Errorf("a returnTo without TLS: %v", err)
	}
	bare, none, err := c.LogoutURL(t.Context(), nil, "")
	if err != nil || none != "" || strings.Contains(bare, "state=") {
		t.Errorf("got %s, %q, %v", bare, none, err)
	}
}

func TestUserInfoChecksBite(t *testing.T) {
	p := hostile.New(t)
	p.UserInfo = func(m map[string]any) { m["sub"] = "mallory" }
	for _, row := range userInfoChecks {
		c := newTestClient(t, p)
		c.without(row.name)
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UserInfo(t.Context(), tokens); err != nil {
			t.Errorf("still refused without %q: %v", row.name, err)
		}
	}
}

func TestLogoutChecksBite(t *testing.T) {
	p := hostile.New(t)
	for _, row := range logoutChecks {
		c := newTestClient(t, p)
		_, tx, err := c.LogoutURL(t.Context(), nil, "https://app.example/bye")
		if err != nil {
			t.Fatal(err)
		}
		opened, _ := c.openTransaction(tx)
		r := httpGet("https://app.example/bye?state=" + opened.state)
		switch row.name {
		case "request":
			r = post("", url.Values{"state": {opened.state}})
		case "state":
			r = httpGet("https://app.example/bye?state=other")
		case "age":
			opened.created = opened.created.Add(-2 * transactionLifetime)
			if tx, err = c.sealTransaction(opened); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.LogoutCallback(t.Context(), r, tx); refusedBy(err) != row.name {
			t.Errorf("%s: %v", row.name, err)
		}
		c.without(row.name)
		if err := c.LogoutCallback(t.Context(), r, tx); refusedBy(err) == row.name {
			t.Errorf("still refused without %q: %v", row.name, err)
		}
	}
}
