package openidtest

import (
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// logout is asked by the engine after it has checked a logout request (OpenID Connect RP-Initiated Logout 1.0). Without
// an id_token_hint the user is asked, since any page can send a browser here.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request, ls *goidc.LogoutSession) (goidc.Status, error) {
	action := ""
	if r.PathValue("callback") != "" {
		action = r.PostFormValue("action")
	}
	id, l, ok := p.currentLogin(r)
	switch {
	case action == "deny":
		return goidc.StatusPending, p.show(w, page{Kind: pageMessage, Title: "Still signed in", Text: "You are still signed in. You can close this page."})
	case ok && ls.IDTokenHint == "" && action != "allow" && p.autoApproved() == "":
		return goidc.StatusPending, p.show(w, page{Kind: pageLogout, Action: "/logout/" + ls.ID, Username: l.user.Username})
	}
	p.logins.delete(id)
	gone := p.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	return goidc.StatusSuccess, nil
}

func (p *Provider) loggedOut(w http.ResponseWriter, _ *http.Request, _ *goidc.LogoutSession) error {
	return p.show(w, page{Kind: pageMessage, Title: "Signed out", Text: "You are signed out. You can close this page."})
}

// freshenHint renews an id_token_hint of this provider that has expired or is signed with a client secret. The engine
// refuses both, although an expired one is to be accepted (RP-Initiated Logout, section 2).
func (p *Provider) freshenHint(r *http.Request) {
	hint, ok := p.renewed(r.FormValue("id_token_hint"))
	if !ok {
		return
	}
	if r.Method == http.MethodPost {
		r.PostForm.Set("id_token_hint", hint)
		return
	}
	q := r.URL.Query()
	q.Set("id_token_hint", hint)
	r.URL.RawQuery = q.Encode()
}

func (p *Provider) renewed(hint string) (string, bool) {
	t, err := jwt.ParseSigned(hint, idTokenAlgs)
	if err != nil {
		return "", false
	}
	var aud struct {
		Audience string `json:"aud"`
	}
	_ = t.UnsafeClaimsWithoutVerification(&aud)
	var key any
	if t.Headers[0].Algorithm == string(goidc.HS256) {
		c, err := p.client(aud.Audience)
		if err != nil {
			return "", false
		}
		key = []byte(c.Secret)
	} else {
		jwk, err := goidc.JSONWebKeySet{Keys: p.keys.all()}.Key(t.Headers[0].KeyID)
		if err != nil {
			return "", false
		}
		key = jwk.Public().Key
	}
	claims := map[string]any{}
	if t.Claims(key, &claims) != nil {
		return "", false
	}
	claims["exp"] = time.Now().Add(time.Minute).Unix()
	signed, err := p.sign(claims)
	return signed, err == nil
}
