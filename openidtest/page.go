package openidtest

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// page is what the user sees.
type page struct {
	Kind     pageKind
	Status   int // 200 when 0
	Title    string
	Text     string
	Error    string
	Action   string // where the form goes
	ID       string // of what the form decides about
	Client   string // who asks; nobody on the login page of what waits for a user
	Username string
	Class    string   // of the login that is asked for
	Users    []User   // to choose from, with their passwords
	Scopes   []string // in words
}

type pageKind string

const (
	pageLogin   pageKind = "login"
	pageConsent pageKind = "consent"
	pageLogout  pageKind = "logout"
	pageCode    pageKind = "code"
	pageMessage pageKind = "message"
)

var (
	//go:embed page.css
	style string
	//go:embed page.html
	pageSource string

	pageTemplate = template.Must(template.New("page").Parse(pageSource))

	// No form-action: browsers apply it to the redirect that follows the form as well, and that one leads to the client.
	pagePolicy = "default-src 'none'; style-src " + sourceHash(style) + "; base-uri 'none'; frame-ancestors 'none'"

	// The engine's page submits itself in an onload attribute.
	formPostPolicy = "default-src 'none'; script-src 'unsafe-hashes' " + sourceHash("javascript:document.forms[0].submit()") + "; base-uri 'none'; frame-ancestors 'none'"
)

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Style is the style sheet, for the template.
func (page) Style() template.CSS { return template.CSS(style) }

func (p *Provider) show(w http.ResponseWriter, d page) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(cmp.Or(d.Status, http.StatusOK))
	return pageTemplate.Execute(w, d)
}

func (p *Provider) showError(w http.ResponseWriter, r *http.Request, err error) error {
	e := engineError(err)
	if e.Code == goidc.ErrorCodeAccessDenied && strings.HasPrefix(r.URL.Path, "/device/") { // the device hears of it; here it is no mistake
		return p.show(w, page{Kind: pageMessage, Title: "You have said no", Text: "You may close this page."})
	}
	return p.show(w, page{Kind: pageMessage, Status: e.StatusCode(), Title: "This does not work", Error: string(e.Code) + ": " + explain(r.Context(), err)})
}

// describe says in words what the scopes mean.
func describe(scopes []string) []string {
	words := map[string]string{
		"openid":         "Know who you are",
		"profile":        "See your profile: name, picture, birthdate and so on",
		"email":          "See your email address",
		"phone":          "See your phone number",
		"address":        "See your postal address",
		"offline_access": "Stay connected while you are away",
	}
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = cmp.Or(words[s], s)
	}
	return out
}
