package openidtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// registration is what a client sent to register itself. The engine sees it with https in the place of http, which it
// refuses for web clients and for jwks_uri although development on loopback needs it.
type registration struct {
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	JWKSURI                string   `json:"jwks_uri"`
	RequestURIs            []string `json:"request_uris"`
	NotificationEndpoint   string   `json:"backchannel_client_notification_endpoint"`
}

// hideHTTP changes the body of a registration for the engine's eyes and notes what was there.
func (n *note) hideHTTP(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil || json.Unmarshal(body, &n.registered) != nil {
		return nil // the engine will say what is wrong
	}
	var native bool
	if t := doc["application_type"]; t != nil {
		native = string(t) == `"native"`
	}
	set := func(name string, value any) {
		if doc[name] != nil {
			doc[name], _ = json.Marshal(value)
		}
	}
	if !native {
		set("redirect_uris", hiddenAll(n.registered.RedirectURIs))
	}
	set("post_logout_redirect_uris", hiddenAll(n.registered.PostLogoutRedirectURIs))
	set("jwks_uri", hidden(n.registered.JWKSURI))
	set("request_uris", hiddenAll(n.registered.RequestURIs))
	set("backchannel_client_notification_endpoint", hidden(n.registered.NotificationEndpoint))
	shown, _ := json.Marshal(doc)
	r.Body = io.NopCloser(bytes.NewReader(shown))
	return nil
}

// hidden says https for http, on loopback only.
func hidden(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
		return uri
	}
	u.Scheme = "https"
	return u.String()
}

func hiddenAll(uris []string) []string {
	out := make([]string, len(uris))
	for i, u := range uris {
		out[i] = hidden(u)
	}
	return out
}

// register runs after the engine's own checks of a registration.
func (p *Provider) register(ctx context.Context, _ string, m *goidc.ClientMeta) error {
	sent := noteIn(ctx).registered
	m.RedirectURIs, m.PostLogoutRedirectURIs, m.JWKSURI = sent.RedirectURIs, sent.PostLogoutRedirectURIs, sent.JWKSURI
	m.RequestURIs, m.CIBANotificationEndpoint = sent.RequestURIs, sent.NotificationEndpoint
	if m.ScopeIDs == "" {
		m.ScopeIDs = strings.Join(p.scopes, " ") // or the client could ask for nothing at all
	}
	for _, name := range []string{"client_secret", "client_id_issued_at", "registration_access_token", "registration_client_uri"} {
		delete(m.CustomAttributes, name) // an update sends them back, and they would overwrite those of the answer
	}
	return p.keys.need(m.IDTokenSigAlg, m.UserInfoSigAlg, m.JARMSigAlg)
}
