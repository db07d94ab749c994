package openidtest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// login is the session of a user in one browser.
type login struct {
	id        string
	user      User
	at        time.Time
	class     string   // of authentication; empty: the provider has none
	consented []string // client and scopes
}

// Codes that the engine has no name for.
const (
	errConsentRequired goidc.ErrorCode = "consent_required"
	errServer          goidc.ErrorCode = "server_error"
)

// authenticate is asked by the engine when an authorization request comes in, and again for each answer to a page.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	refuse := func(code goidc.ErrorCode, why string) (goidc.Status, error) {
		return goidc.StatusFailure, goidc.NewError(code, why)
	}
	prompt := strings.Fields(string(as.Prompt))
	silent := slices.Contains(prompt, "none")
	if silent && len(prompt) > 1 {
		return refuse(goidc.ErrorCodeInvalidRequest, "prompt=none cannot be combined with others")
	}
	shown, action := as.Store[storedPage], ""
	if shown != nil {
		action = r.PostFormValue("action")
		if action == "" && shown == pageLogin && r.PostFormValue("username") != "" && r.PostFormValue("password") != "" {
			action = "allow" // a form sent without a button, as by pressing Enter
		}
	}
	if action == "deny" {
		return refuse(goidc.ErrorCodeAccessDenied, "the user said no")
	}
	auto := p.autoApproved()

	id, l, ok := p.usableLogin(r, as, c)
	if !ok {
		var u User
		switch {
		case silent:
			return refuse(goidc.ErrorCodeLoginRequired, "nobody is logged in, or not as it was asked for")
		case auto != "":
			if u, ok = p.user(auto); !ok {
				return refuse(errServer, fmt.Sprintf("there is no user %q to approve automatically", auto))
			}
		case shown == pageLogin && action == "allow":
			if u, ok = p.checkPassword(r.PostFormValue("username"), r.PostFormValue("password")); !ok {
				return p.ask(w, as, c, page{Kind: pageLogin, Status: http.StatusForbidden, Username: r.PostFormValue("username"), Error: "That username and password do not match. Please try again."})
			}
		default:
			return p.ask(w, as, c, unanswered(r, shown, page{Kind: pageLogin, Username: as.LoginHint}))
		}
		l = p.startLogin(w, u, p.wantedClass(as))
		id = l.id
	}
	as.Store[storedLogin] = id

	consent := c.ID + " " + as.Scopes
	remembered := as.DeviceCode == "" && // somebody else may have sent this user here: RFC 8628, section 5.4
		slices.Contains(l.consented, consent) && !slices.Contains(prompt, "consent")
	agreed := auto != "" || shown == pageConsent && action == "allow" || remembered
	switch {
	case !agreed && silent:
		return refuse(errConsentRequired, "the user has not agreed yet")
	case !agreed:
		return p.ask(w, as, c, unanswered(r, shown, page{Kind: pageConsent, Username: l.user.Username}))
	}
	p.rememberConsent(id, consent)
	as.Subject, as.Username, as.GrantedScopes = l.user.Subject, l.user.Username, as.Scopes
	as.GrantedResources, as.GrantedAuthDetails = as.Resources, as.AuthDetails
	as.Store[storedAuthTime] = l.at.Unix()
	if l.class != "" {
		as.Store[storedClass] = l.class
	}
	return goidc.StatusSuccess, nil
}

// wantedClass is the class of a new login: the one that the client would like best, or the usual one.
func (p *Provider) wantedClass(as *goidc.AuthnSession) string {
	for class := range strings.FieldsSeq(as.ACRValues) { // the engine knows them all
		return class
	}
	return p.usualClass()
}

func (p *Provider) usualClass() string {
	if len(p.classes) == 0 {
		return ""
	}
	return p.classes[0]
}

func (p *Provider) startLogin(w http.ResponseWriter, u User, class string) login {
	l := login{id: rand.Text(), user: u, at: time.Now(), class: class}
	_ = p.logins.put(l.id, l)
	http.SetCookie(w, p.cookie(l.id))
	return l
}

// unanswered says what was missing when a page that was shown came back without an answer.
func unanswered(r *http.Request, shown any, d page) page {
	if shown != d.Kind || r.Method != http.MethodPost {
		return d
	}
	d.Status = http.StatusBadRequest
	switch {
	case r.PostFormValue("action") != "":
		d.Error = "The field action must be allow or deny."
	case d.Kind == pageLogin:
		d.Error = "The username or the password is missing."
		d.Username = cmp.Or(r.PostFormValue("username"), d.Username)
	default:
		d.Error = "The field action is missing: allow or deny."
	}
	return d
}

// usableLogin finds the login of this very flow, or one of the browser that the request accepts.
func (p *Provider) usableLogin(r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (id string, l login, ok bool) {
	if id, ok := as.Store[storedLogin].(string); ok {
		l, err := p.logins.get(id)
		return id, l, err == nil
	}
	id, l, ok = p.currentLogin(r)
	if !ok {
		return "", login{}, false
	}
	prompt := strings.Fields(string(as.Prompt))
	maxAge := cmp.Or(as.MaxAuthnAgeSecs, c.DefaultMaxAgeSecs)
	stale := maxAge != nil && time.Since(l.at) >= time.Duration(*maxAge)*time.Second
	other := as.IDTokenHintClaims["sub"] != nil && as.IDTokenHintClaims["sub"] != l.user.Subject
	again := slices.Contains(prompt, "login") || slices.Contains(prompt, "select_account")
	classes := strings.Fields(as.ACRValues)
	weak := len(classes) > 0 && !slices.Contains(classes, l.class)
	return id, l, !stale && !other && !again && !weak
}

// currentLogin is the login of the browser, by its cookie.
func (p *Provider) currentLogin(r *http.Request) (id string, l login, ok bool) {
	cookie, err := r.Cookie(p.cookieName)
	if err != nil {
		return "", login{}, false
	}
	l, err = p.logins.get(cookie.Value)
	return cookie.Value, l, err == nil
}

func (p *Provider) cookie(value string) *http.Cookie {
	return &http.Cookie{Name: p.cookieName, Value: value, Path: "/", HttpOnly: true, Secure: p.certificate != nil, SameSite: http.SameSiteLaxMode}
}

func (p *Provider) rememberConsent(id, consent string) {
	_ = p.logins.update(id, nil, func(old *login) (login, error) {
		if old == nil {
			return login{}, goidc.ErrNotFound // logged out meanwhile
		}
		l := *old
		if !slices.Contains(l.consented, consent) && len(l.consented) < maxAliases {
			l.consented = append(slices.Clip(l.consented), consent)
		}
		return l, nil
	})
}

// ask shows a page and waits for its answer.
func (p *Provider) ask(w http.ResponseWriter, as *goidc.AuthnSession, c *goidc.Client, d page) (goidc.Status, error) {
	as.Store[storedPage] = d.Kind
	d.Action, d.Client = "/authorize/"+as.ID, cmp.Or(c.Name, c.ID)
	if d.Kind == pageConsent {
		d.Scopes = describe(strings.Fields(as.Scopes))
	}
	if as.DeviceCode != "" {
		d.Action = "/device/" + as.ID
		if d.Kind == pageConsent {
			d.Text = "Your device has to show this code: " + as.UserCode
		}
	}
	if d.Kind == pageLogin && as.ACRValues != "" {
		d.Class = p.wantedClass(as)
	}
	if d.Kind == pageLogin && p.demoUsers {
		d.Users = p.users
	}
	return goidc.StatusPending, p.show(w, d)
}
