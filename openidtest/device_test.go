package openidtest_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/openidtest"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

func deviceClient() []openidtest.Client {
	return []openidtest.Client{{ID: "tv", Name: "The TV", Secret: secret, GrantTypes: []string{deviceGrant, "refresh_token"}}}
}

func (c *rp) beginDevice() answer {
	c.t.Helper()
	return c.post("/device_authorization", url.Values{"scope": {"openid email"}}).ok(c.t)
}

func (c *rp) pollDevice(began answer) answer {
	return c.token(url.Values{"grant_type": {deviceGrant}, "device_code": {began.doc["device_code"].(string)}})
}

func TestDevice(t *testing.T) {
	op := start(t, openidtest.Config{Clients: deviceClient()})
	tv, user := newRP(t, op, "tv"), newBrowser(t, op)
	began := tv.beginDevice()
	code := began.doc["user_code"].(string)
	if began.doc["interval"] != 1.0 || began.doc["verification_uri_complete"] != op.Issuer()+"/device?user_code="+code {
		t.Errorf("got %s", began.raw)
	}
	tv.pollDevice(began).refused(t, 400, "authorization_pending")
	tv.pollDevice(began).refused(t, 400, "slow_down")

	if page := user.open(op.Issuer() + "/device"); !strings.Contains(page.body, `name="user_code"`) {
		t.Errorf("nobody asks for the code: %s", page.body)
	}
	if page := user.open(op.Issuer() + "/device?user_code=WRONG"); page.status != 400 || !strings.Contains(page.body, "no such code") {
		t.Errorf("a code that nobody gave out: %d %s", page.status, page.body)
	}
	consent := user.answer(user.open(op.Issuer()+"/device?user_code="+strings.ToLower(code)), alice)
	for _, want := range []string{"The TV", code, "See your email address"} {
		if !strings.Contains(consent.body, want) {
			t.Errorf("the consent page lacks %s", want)
		}
	}
	if done := user.answer(consent, allow); !strings.Contains(done.body, "connected") {
		t.Errorf("got %s", done.body)
	}
	tokens := tv.pollDevice(began).ok(t)
	if _, claims := tv.claims(tokens.doc["id_token"]); claims["sub"] != "alice" || claims["auth_time"] == nil {
		t.Errorf("got %v", claims)
	}
	if page := user.open(op.Issuer() + "/device?user_code=" + code); !strings.Contains(page.body, "no such code") {
		t.Errorf("a code that was used is taken again: %s", page.body)
	}
	// Another device of the same client is another decision, whoever sent the user here (RFC 8628 section 5.4).
	if page := user.open(op.Issuer() + "/device?user_code=" + tv.beginDevice().doc["user_code"].(string)); !strings.Contains(page.body, `value="allow"`) {
		t.Errorf("nobody was asked: %s", page.body)
	}

	tv.pollDevice(began).refused(t, 400, "invalid_grant")
	tv.refresh(tokens.doc["refresh_token"]).refused(t, 400, "invalid_grant") // a code that came back revokes what it gave
	tv.pollDevice(began).refused(t, 400, "invalid_grant")
}

func TestDeviceIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{Clients: append(deviceClient(), openidtest.Client{ID: "app", Secret: secret, RedirectURIs: []string{callback}})})
	tv := newRP(t, op, "tv")
	for lie, deny := range map[string]func(*browser, stop) stop{
		"on the login page":   func(b *browser, page stop) stop { return b.answer(page, deny) },
		"on the consent page": func(b *browser, page stop) stop { return b.answer(b.answer(page, alice), deny) },
	} {
		t.Run(lie, func(t *testing.T) {
			began, user := tv.beginDevice(), newBrowser(t, op)
			if page := deny(user, user.open(began.doc["verification_uri_complete"].(string))); page.status != 200 || !strings.Contains(page.body, "You have said no") {
				t.Errorf("got %d %s", page.status, page.body)
			}
			tv.pollDevice(began).refused(t, 400, "access_denied")
		})
	}
	newRP(t, op, "app").post("/device_authorization", url.Values{"scope": {"openid"}}).refused(t, 400, "unauthorized_client")
	tv.token(url.Values{"grant_type": {deviceGrant}, "device_code": {"another"}}).refused(t, 400, "invalid_grant")
}

func TestDeviceIsApprovedAutomatically(t *testing.T) {
	op := start(t, openidtest.Config{Clients: deviceClient(), AutoApprove: "bob"})
	tv := newRP(t, op, "tv")
	began := tv.beginDevice()
	newBrowser(t, op).open(began.doc["verification_uri_complete"].(string))
	if _, claims := tv.claims(tv.pollDevice(began).ok(t).doc["id_token"]); claims["sub"] != "bob" {
		t.Errorf("got %v", claims)
	}
}
