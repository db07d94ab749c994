package openid

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A LogoutRequest says whose session at the server is to end (OpenID Connect RP-Initiated Logout 1.0 section 2). All of it may be left out.
type LogoutRequest struct {
	// IDToken tells whose session it is; it may be expired. Without it the server asks the user whether to log out.
	IDToken *IDToken
	// ReturnTo is a registered post_logout_redirect_uri, for [Client.LogoutCallback]. Without it the user stays at the server.
	ReturnTo string
	// Hint tells the server who is about to log out where there is no IDToken: what it understands as logout_hint.
	Hint string
	// UILocales are the languages of the server's pages, the best first (RFC 5646).
	UILocales []string
	// Extra parameters of the server's own. They cannot replace what the fields above and the client say.
	Extra url.Values
}

// A LogoutForm is the request that the browser makes at the server: as a POST, where it is an [http.Handler] that shows the page that
// sends it, or as a URL to redirect to. It holds the ID Token and prints nothing of it.
type LogoutForm struct {
	v **logoutForm
}

type logoutForm struct {
	endpoint *url.URL
	values   url.Values
}

func (f *LogoutForm) content() *logoutForm {
	if f == nil || f.v == nil {
		return &logoutForm{endpoint: new(url.URL)}
	}
	return *f.v
}

// Logout starts a logout at the server: it returns the form to send the browser there with, and the transaction to keep until
// [Client.LogoutCallback], which is empty without a ReturnTo. End the application's own session first; the user may never come back.
//
// A POST keeps the ID Token out of addresses, and with them out of histories, logs and Referer headers. Some servers do not recognize the
// user then, because their cookies are not sent with a form from another site: [LogoutForm.URL] is for those.
//
// Errors: a mistake in r; the server's metadata could not be had (*[ExchangeError]) or has no end_session_endpoint (*[VerificationError]).
func (c *Client) Logout(ctx context.Context, r LogoutRequest) (*LogoutForm, Transaction, error) {
	if err := r.mistake(); err != nil {
		return nil, "", err
	}
	if err := c.own("", r.IDToken); err != nil {
		return nil, "", err
	}
	tx := &transaction{purpose: "logout", flow: random()[:12], state: random(), redirectURI: r.ReturnTo, created: time.Now()}
	s, err := c.current(c.withFlow(ctx, tx.flow))
	if err != nil {
		return nil, "", err
	}
	endpoint, err := s.url(endSessionEndpoint)
	if err != nil {
		return nil, "", err
	}
	form := &logoutForm{endpoint: endpoint, values: maps.Clone(r.Extra)}
	if form.values == nil {
		form.values = url.Values{}
	}
	set := func(name, value string) {
		if value != "" {
			form.values.Set(name, value)
		}
	}
	set("client_id", c.cfg.ClientID)
	set("logout_hint", r.Hint)
	set("ui_locales", strings.Join(r.UILocales, " "))
	set("id_token_hint", r.IDToken.content().raw)
	var sealed Transaction
	if r.ReturnTo != "" {
		set("post_logout_redirect_uri", r.ReturnTo)
		set("state", tx.state)
		if sealed, err = c.sealTransaction(tx); err != nil {
			return nil, "", err
		}
	}
	return &LogoutForm{&form}, sealed, nil
}

// LogoutURL is [Client.Logout] in short, for a redirect: t tells the server whose session ends, and may be nil when it was not kept;
// returnTo is a registered post_logout_redirect_uri, or empty.
func (c *Client) LogoutURL(ctx context.Context, t *IDToken, returnTo string) (string, Transaction, error) {
	f, tx, err := c.Logout(ctx, LogoutRequest{IDToken: t, ReturnTo: returnTo})
	if err != nil {
		return "", "", err
	}
	return f.URL(), tx, nil
}

func (r *LogoutRequest) mistake() error {
	if expected := badRedirectURI(r.ReturnTo); r.ReturnTo != "" && expected != "" {
		return fmt.Errorf("openid: LogoutRequest.ReturnTo: expected %s, got %s", expected, quoted(r.ReturnTo))
	}
	for _, v := range r.UILocales {
		if !isScope(v) { // with a space in it, it would be two
			return fmt.Errorf("openid: LogoutRequest.UILocales: expected one value in each element, got %s", quoted(v))
		}
	}
	for name := range r.Extra {
		if slices.Contains([]string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state", "ui_locales"}, name) {
			return fmt.Errorf("openid: LogoutRequest.Extra: %s is set by this package and cannot be replaced", name)
		}
	}
	return nil
}

// URL is the request as an address to redirect the browser to: a GET. The ID Token is in it.
func (f *LogoutForm) URL() string {
	u := *f.content().endpoint
	q := u.Query()
	maps.Copy(q, f.content().values)
	u.RawQuery = q.Encode()
	return u.String()
}

// Action is where a form of the application's own sends Values.
func (f *LogoutForm) Action() string { return f.content().endpoint.String() }

// Values are the fields of the form. The ID Token is among them.
func (f *LogoutForm) Values() url.Values {
	values := url.Values{}
	for name, list := range f.content().values {
		values[name] = slices.Clone(list)
	}
	return values
}

// sendForm does not mind a field that is named submit.
const sendForm = "HTMLFormElement.prototype.submit.call(document.forms[0])"

// ServeHTTP shows the page that sends the form by itself, or by a button where no script runs. It loads nothing, is not framed and not
// kept. Set the cookie with the transaction before.
func (f *LogoutForm) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Logout</title></head><body><form method="post" action="`)
	b.WriteString(html.EscapeString(f.Action()) + `">`)
	values := f.content().values
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			b.WriteString(`<input type="hidden" name="` + html.EscapeString(name) + `" value="` + html.EscapeString(v) + `">`)
		}
	}
	b.WriteString(`<button>Log out</button></form><script>` + sendForm + `</script></body></html>`)
	// No form-action: browsers apply it to the server's redirects as well, which may lead anywhere.
	noStorePage(w, "script-src "+scriptHash(sendForm)+"; frame-ancestors 'none'")
	_, _ = io.WriteString(w, b.String())
}

// noStorePage writes the headers of a page of ours: nothing is allowed but what policy says.
func noStorePage(w http.ResponseWriter, policy string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; "+policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// scriptHash allows one script, as it is (Content Security Policy Level 3 section 2.3.1).
func scriptHash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// String names the server and shows nothing of what is sent.
func (f LogoutForm) String() string {
	if f.v == nil {
		return "no logout request"
	}
	return "logout request to " + quoted(f.content().endpoint.Host)
}

// Format writes what String says, for every verb.
func (f LogoutForm) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (f LogoutForm) MarshalText() ([]byte, error) { return []byte(f.String()), nil }
