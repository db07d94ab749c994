package openidtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// backchannel is a request of CIBA whose user has not decided.
type backchannel struct {
	id, client, username, message string
	scopes                        []string
}

// SessionByAuthReqID implements the engine's CIBAManager.
func (s *storage) SessionByAuthReqID(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	return s.Session(ctx, "ciba:"+id)
}

// GrantByAuthReqID implements the engine's CIBAManager.
func (s *storage) GrantByAuthReqID(_ context.Context, id string) (*goidc.Grant, error) {
	return s.grant("ciba:" + id)
}

// beginBackchannel finds the user whom the request names (CIBA section 7.1).
func (p *Provider) beginBackchannel(_ context.Context, as *goidc.AuthnSession, c *goidc.Client) error {
	u, ok := p.user(as.LoginHint)
	if sub, isHint := as.IDTokenHintClaims["sub"].(string); isHint {
		u = p.userBySubject(sub)
		ok = u.Subject == sub
	}
	if !ok {
		return goidc.NewError(goidc.ErrorCodeUnknownUserID, "there is no such user")
	}
	as.Subject, as.Username, as.GrantedScopes = u.Subject, u.Username, as.Scopes
	as.GrantedResources, as.GrantedAuthDetails = as.Resources, as.AuthDetails
	return p.waiting.put(as.AuthReqID, backchannel{id: as.AuthReqID, client: cmp.Or(c.Name, c.ID), username: u.Username, message: as.BindingMessage, scopes: strings.Fields(as.Scopes)})
}

// decideBackchannel ends the wait; a client that is registered for pings hears of it before this returns.
func (p *Provider) decideBackchannel(ctx context.Context, id string, agreed bool) error {
	p.waiting.delete(id)
	if !agreed {
		return p.op.DenyCIBARequest(ctx, id, goidc.NewError(goidc.ErrorCodeAccessDenied, "the user said no"))
	}
	as, err := p.store.SessionByAuthReqID(ctx, id)
	if err != nil {
		return err
	}
	as.Store[storedAuthTime] = time.Now().Unix()
	if err := p.store.SaveSession(ctx, as); err != nil {
		return err
	}
	return p.op.GrantCIBARequest(ctx, id)
}

// serveBackchannel is what users open on a device of their own: what waits for them, one after the other.
func (p *Provider) serveBackchannel(w http.ResponseWriter, r *http.Request) {
	_, l, ok := p.currentLogin(r)
	if !ok {
		d := page{Kind: pageLogin, Action: backchannelPage}
		if p.demoUsers {
			d.Users = p.users
		}
		u, right := p.checkPassword(r.PostFormValue("username"), r.PostFormValue("password"))
		switch {
		case r.Method != http.MethodPost:
			_ = p.show(w, d)
			return
		case !right:
			d.Status, d.Error = http.StatusForbidden, "That username and password do not match. Please try again."
			_ = p.show(w, d)
			return
		}
		l = p.startLogin(w, u, p.usualClass())
		r.PostForm.Del("action") // that was the answer to the login page
	}
	id, action := r.PostFormValue("id"), r.PostFormValue("action")
	asked, err := p.waiting.get(id)
	if err == nil && asked.username == l.user.Username && (action == "allow" || action == "deny") {
		title := map[string]string{"allow": "You have agreed", "deny": "You have said no"}[action]
		if err := p.decideBackchannel(r.Context(), id, action == "allow"); err != nil {
			p.log("openidtest: backchannel: %s", reason(err))
			title = "The request is over"
		}
		_ = p.show(w, page{Kind: pageMessage, Title: title, Text: "You may close this page."})
		return
	}
	asked, ok = p.waiting.find(func(b backchannel) bool { return b.username == l.user.Username })
	if !ok {
		_ = p.show(w, page{Kind: pageMessage, Title: "Nothing waits for you"})
		return
	}
	d := page{Kind: pageConsent, Action: backchannelPage, ID: asked.id, Client: asked.client, Username: l.user.Username, Scopes: describe(asked.scopes)}
	if asked.message != "" {
		d.Text = fmt.Sprintf("It has to show the same as this: %s", asked.message)
	}
	_ = p.show(w, d)
}

const backchannelPage = "/backchannel"
