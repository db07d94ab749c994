package openidtest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// pollInterval is how often a client may ask whether its user has decided (RFC 8628 section 3.2, CIBA section 7.3).
const pollInterval = time.Second

// askUserCode is the page where the code that a device shows is entered.
func (p *Provider) askUserCode(w http.ResponseWriter, r *http.Request) error {
	d := page{Kind: pageCode}
	if r.URL.Query().Has("user_code") {
		d.Status, d.Error = http.StatusBadRequest, "There is no such code, or it was used."
	}
	return p.show(w, d)
}

func (p *Provider) deviceConnected(w http.ResponseWriter, _ *http.Request) error {
	return p.show(w, page{Kind: pageMessage, Title: "The device is connected", Text: "You may close this page and go on there."})
}

// plainCode is a user code as people may type it.
func plainCode(code string) string { return strings.ToUpper(strings.ReplaceAll(code, "-", "")) }

// SessionByUserCode implements the engine's DeviceAuthManager. A code is good for one decision.
func (s *storage) SessionByUserCode(ctx context.Context, code string) (*goidc.AuthnSession, error) {
	as, err := s.Session(ctx, "user:"+plainCode(code))
	if err == nil && as.Status != goidc.StatusPending {
		return as, goidc.ErrNotFound
	}
	return as, err
}

// SessionByDeviceCode implements the engine's DeviceAuthManager.
func (s *storage) SessionByDeviceCode(ctx context.Context, code string) (*goidc.AuthnSession, error) {
	return s.Session(ctx, "device:"+code)
}

// GrantByDeviceCode implements the engine's DeviceAuthManager.
func (s *storage) GrantByDeviceCode(_ context.Context, code string) (*goidc.Grant, error) {
	return s.grant("device:" + code)
}

// polls tells whether a token request asks about a decision that is still to come.
func polls(r *http.Request) (code string, ok bool) {
	switch goidc.GrantType(r.PostFormValue("grant_type")) {
	case goidc.GrantDeviceCode:
		return r.PostFormValue("device_code"), true
	case goidc.GrantCIBA:
		return r.PostFormValue("auth_req_id"), true
	}
	return "", false
}

// tooSoon notes a question, and tells whether it came before its time. The engine never says slow_down.
func (p *Provider) tooSoon(code string) bool {
	last, err := p.polled.get(code)
	_ = p.polled.put(code, time.Now())
	return err == nil && time.Since(last) < pollInterval*9/10 // clocks and networks are not that exact
}
