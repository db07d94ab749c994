package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxLoginHint bounds a hint of a stranger's, in bytes.
const maxLoginHint = 1 << 10

// A LoginInitiation is what a third party asks for: a login at the server that Client is for (OpenID Connect Core 1.0 section 4). The names
// in it come from strangers; they are no proof of anything.
type LoginInitiation struct {
	Client    *Client // the one whose issuer is named
	LoginHint string  // for [AuthorizationRequest].LoginHint; empty when there is none
	// Target is where the user shall be afterwards, an address that was allowed; empty when none is named. Let it be the AppState of the login.
	Target string
}

// initiation is such a request, under judgement.
type initiation struct {
	wrong   string
	values  url.Values
	clients []*Client
	targets []*url.URL
	chosen  *Client
	target  string
	refusal string // what is wrong with target_link_uri
}

func (*initiation) kind() string { return "login initiation" }
func (*initiation) cause() error { return nil }

var initiationChecks = []check[*initiation]{
	{"request", "OpenID Connect Core 1.0 §4",
		func(_ context.Context, d *initiation) bool { return d.wrong == "" },
		func(d *initiation) (string, string) {
			return "a GET with a query or a POST with a form", or(d.wrong, "one")
		}},
	{"repeated parameter", "RFC 6749 §3.1",
		func(_ context.Context, d *initiation) bool { return d.repeated() == "" },
		func(d *initiation) (string, string) {
			if name := d.repeated(); name != "" {
				return "every parameter once", name + " more than once"
			}
			return "every parameter once", "every parameter once"
		}},
	{"iss", "OpenID Connect Core 1.0 §4",
		func(_ context.Context, d *initiation) bool {
			for _, c := range d.clients {
				if c.isIssuer(d.values.Get("iss")) {
					d.chosen = c
				}
			}
			return d.chosen != nil
		},
		func(d *initiation) (string, string) {
			return fmt.Sprintf("one of %d issuers", len(d.clients)), single(d.values["iss"])
		}},
	{"login_hint", "OpenID Connect Core 1.0 §4",
		func(_ context.Context, d *initiation) bool {
			hint := d.values.Get("login_hint")
			return len(hint) <= maxLoginHint && utf8.ValidString(hint) && !strings.ContainsFunc(hint, func(r rune) bool { return r < ' ' || r == 0x7f })
		},
		func(d *initiation) (string, string) {
			return fmt.Sprintf("nothing, or at most %d bytes of text", maxLoginHint), fmt.Sprintf("%d bytes", len(d.values.Get("login_hint")))
		}},
	{"target_link_uri", "OpenID Connect Core 1.0 §4, RFC 9700 §4.11.1",
		func(_ context.Context, d *initiation) bool {
			d.target, d.refusal = allowedTarget(d.values.Get("target_link_uri"), d.targets)
			return d.refusal == ""
		},
		func(d *initiation) (string, string) {
			expected := fmt.Sprintf("nothing, or below one of %d addresses", len(d.targets))
			if d.refusal != "" {
				return expected, d.refusal + ": " + quoted(d.values.Get("target_link_uri"))
			}
			return expected, or(quoted(d.target), "nothing")
		}},
}

func (d *initiation) repeated() string {
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(d.values[name]) > 1 {
			return name
		}
	}
	return ""
}

// allowedTarget returns raw if it is one of the addresses, or below one that ends in a slash. Browsers read addresses in their own way, so
// that what two readers might understand differently is refused instead of being repaired.
func allowedTarget(raw string, targets []*url.URL) (target, refusal string) {
	if raw == "" {
		return "", ""
	}
	u, err := url.Parse(raw)
	switch {
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return "", "characters that do not belong into an address"
	case err != nil || u.Opaque != "" || u.Host == "":
		return "", "no absolute address"
	case u.User != nil:
		return "", "an address with a user"
	}
	path := u.EscapedPath()
	lower := strings.ToLower(path)
	if strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../") ||
		strings.Contains(lower, "%2e") || strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") {
		return "", "a path that leads elsewhere"
	}
	for _, t := range targets {
		below := strings.HasSuffix(t.Path, "/") && strings.HasPrefix(path, t.EscapedPath())
		same := path == t.EscapedPath() && u.RawQuery == t.RawQuery && u.Fragment == ""
		if u.Scheme == t.Scheme && u.Host == t.Host && (below || same) {
			return raw, ""
		}
	}
	return "", "an address elsewhere"
}

// VerifyLoginInitiation judges a request to the client's initiate_login_uri, a GET or a POST (OpenID Connect Core 1.0 section 4). Anybody can
// make a browser send one. The clients are the servers that a login may be started at, each for its issuer; targets are the addresses that
// target_link_uri may name, absolute, without user and fragment: exactly that one, or, when it ends in a slash, all below it with any query. Then
// call [Client.Authorize], as for every login:
//
//	url, tx, err := i.Client.Authorize(ctx, openid.AuthorizationRequest{Scope: scope, LoginHint: i.LoginHint, AppState: i.Target})
//
// Errors: *[VerificationError]; a mistake in targets, or no client.
func VerifyLoginInitiation(ctx context.Context, r *http.Request, targets []string, clients ...*Client) (*LoginInitiation, error) {
	return verifyLoginInitiation(ctx, r, targets, clients, initiationChecks)
}

func verifyLoginInitiation(ctx context.Context, r *http.Request, targets []string, clients []*Client, rows []check[*initiation]) (*LoginInitiation, error) {
	if len(clients) == 0 {
		return nil, errors.New("openid: VerifyLoginInitiation: no client to log in with")
	}
	d := &initiation{clients: clients}
	for i, raw := range targets {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" || u.Path == "" {
			return nil, fmt.Errorf("openid: VerifyLoginInitiation: targets[%d]: expected an absolute address with a path, without user and fragment, got %s", i, quoted(raw))
		}
		d.targets = append(d.targets, u)
	}
	_, d.values, d.wrong = readCallback(r)
	c := clients[0] // whose Trace hears of what no client is chosen for
	if i := d.values.Get("iss"); i != "" {
		for _, other := range clients {
			if other.isIssuer(i) {
				c = other
			}
		}
	}
	if err := judge(c.newFlow(ctx), c, rows, d); err != nil {
		return nil, err
	}
	return &LoginInitiation{Client: d.chosen, LoginHint: d.values.Get("login_hint"), Target: d.target}, nil
}
