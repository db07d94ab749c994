package openid

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// authorizationResponse is what the browser brought back, under judgement.
type authorizationResponse struct {
	c       *Client
	meta    *ServerMetadata
	mode    string // how it came
	values  url.Values
	wrong   string // why the request could not be read at all
	jwt     string // the response as a JWT, decrypted; empty: there was none
	sealed  error  // why it could not be decrypted
	given   string // the state that came
	issuer  string // what iss stands for; empty: there was none
	opaque  bool   // it is no JWT whose parameters can be read
	tx      *transaction
	none    bool  // nothing was pending
	fresh   bool  // it was not used before
	trouble error // why the store could not say
}

func (*authorizationResponse) kind() string   { return "authorization response" }
func (d *authorizationResponse) cause() error { return d.trouble }

// asked is the response type of the login it belongs to.
func (d *authorizationResponse) asked() responseType {
	if d.tx == nil {
		return responseType{}
	}
	rt, _ := findResponseType(d.tx.responseType)
	return rt
}

// modes names how it came, as a response mode, and how it was to come.
func (d *authorizationResponse) modes() (expected, got string) {
	got = d.mode
	if d.jwt != "" {
		got += ".jwt"
	}
	if d.tx == nil {
		return "the mode that was asked for", got
	}
	mode := responseModes[d.tx.responseMode]
	expected = d.asked().carrier(mode)
	if mode.jwt {
		expected += ".jwt"
	}
	return expected, got
}

var callbackChecks = []check[*authorizationResponse]{
	{"request", "OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §2",
		func(_ context.Context, d *authorizationResponse) bool { return d.wrong == "" },
		func(d *authorizationResponse) (string, string) {
			return "a GET with a query or a POST with a form", d.came()
		}},
	{"repeated parameter", "RFC 6749 §3.1",
		func(_ context.Context, d *authorizationResponse) bool { return d.repeated() == "" },
		func(d *authorizationResponse) (string, string) { return "every parameter once", d.times() }},
	{"encryption", "JARM §2.4 (1), RFC 7516 §5.2",
		func(_ context.Context, d *authorizationResponse) bool { return d.sealed == nil },
		func(d *authorizationResponse) (string, string) { return decryption(d.sealed) }},
	{"response", "JARM §2.1",
		func(_ context.Context, d *authorizationResponse) bool { return !d.opaque },
		func(d *authorizationResponse) (string, string) {
			if d.opaque {
				return "a JWT, if anything", "something else"
			}
			return "a JWT, if anything", or(map[bool]string{true: "a JWT"}[d.jwt != ""], "nothing")
		}},
	{"state", "RFC 6749 §10.12, RFC 9700 §4.7",
		func(_ context.Context, d *authorizationResponse) bool { return d.tx != nil },
		func(d *authorizationResponse) (string, string) {
			return "the state of a pending login of this browser", d.state()
		}},
	{"response_mode", "OAuth 2.0 Multiple Response Types §2.1, JARM §2.3",
		func(_ context.Context, d *authorizationResponse) bool {
			expected, got := d.modes()
			return expected == got
		},
		func(d *authorizationResponse) (string, string) { return d.modes() }},
	{"age", "RFC 9700 §4.7",
		func(_ context.Context, d *authorizationResponse) bool { return d.tx.young() },
		func(d *authorizationResponse) (string, string) {
			return "a login that " + d.tx.limit(), "one " + d.tx.age()
		}},
}

// responseChecks follow once the server's metadata is there, which nobody's response must cause to be fetched.
var responseChecks = []check[*authorizationResponse]{
	{"iss", "RFC 9207 §2.4",
		func(_ context.Context, d *authorizationResponse) bool {
			if !d.values.Has("iss") {
				// An ID Token says it as well, section 2.4.
				return d.asked().idToken && !d.values.Has("error") || !d.meta.AuthorizationResponseIssParameter && !d.c.cfg.RequireIss
			}
			n, ok := d.c.issuerNamed(d.values.Get("iss"))
			d.issuer = n.issuer
			return ok
		},
		func(d *authorizationResponse) (string, string) {
			if !d.values.Has("iss") {
				return d.c.anyName(), "nothing"
			}
			return d.c.anyName(), quoted(d.values.Get("iss"))
		}},
	{"code", "RFC 6749 §4.1.2",
		func(_ context.Context, d *authorizationResponse) bool {
			code, refused := d.values.Get("code") != "", d.values.Get("error") != ""
			return !(code && refused) && (refused || code == d.asked().code)
		},
		func(d *authorizationResponse) (string, string) {
			if !d.asked().code {
				return "no code", d.content()
			}
			return "either a code or an error", d.content()
		}},
	{"front-channel token", "RFC 9700 §2.1.2, OAuth 2.0 Multiple Response Types §3",
		func(_ context.Context, d *authorizationResponse) bool { return d.inFront() == "" },
		func(d *authorizationResponse) (string, string) {
			if name := d.inFront(); name != "" {
				return d.wanted(), "the parameter " + name
			}
			return d.wanted(), d.wanted()
		}},
	{"id_token", "OpenID Connect Core 1.0 §3.2.2.5, §3.3.2.5",
		func(_ context.Context, d *authorizationResponse) bool { return !d.lacks("id_token", d.asked().idToken) },
		func(d *authorizationResponse) (string, string) { return d.wanted(), d.has("id_token") }},
	{"access_token", "RFC 6749 §4.2.2, OAuth 2.0 Multiple Response Types §5",
		func(_ context.Context, d *authorizationResponse) bool {
			return !d.lacks("access_token", d.asked().token)
		},
		func(d *authorizationResponse) (string, string) { return d.wanted(), d.has("access_token") }},
	{"replay", "RFC 9700 §4.7, RFC 6749 §10.5",
		func(ctx context.Context, d *authorizationResponse) bool {
			if d.tx != nil {
				d.fresh, d.trouble = d.c.first(ctx, d.tx, d.values.Get("error") == "")
			}
			return d.fresh
		},
		func(d *authorizationResponse) (string, string) {
			got := "a used one"
			if d.fresh {
				got = "a fresh one"
			} else if d.trouble != nil {
				got = "one of which Config.Store cannot say that"
			}
			return "a response that was not used before", got
		}},
}

func (d *authorizationResponse) came() string {
	if d.wrong != "" {
		return d.wrong
	}
	return d.mode
}

func (d *authorizationResponse) repeated() string {
	for _, name := range slices.Sorted(maps.Keys(d.values)) {
		if len(d.values[name]) > 1 {
			return name
		}
	}
	return ""
}

func (d *authorizationResponse) times() string {
	if name := d.repeated(); name != "" {
		return quoted(name) + " more than once"
	}
	return "every parameter once"
}

// state explains without showing: a state is a secret of the browser's.
func (d *authorizationResponse) state() string {
	var got string
	switch {
	case d.tx != nil:
		return "the state of a pending login"
	case d.none:
		return "no pending login (was the cookie lost?)"
	case d.given == "":
		got = "no state"
	default:
		got = "another state"
	}
	if code := d.values.Get("error"); code != "" {
		got += ", with the error " + quoted(code) // unproven, yet it saves a developer an hour
	}
	return got
}

func (d *authorizationResponse) content() string {
	code, refused := d.values.Get("code") != "", d.values.Get("error") != ""
	switch {
	case code && refused:
		return "both"
	case code:
		return "a code"
	case refused:
		return "an error"
	}
	return "neither"
}

// inFront names a token that has no place in this response.
func (d *authorizationResponse) inFront() string {
	for _, row := range []struct {
		name  string
		asked bool
	}{{"access_token", d.asked().token}, {"id_token", d.asked().idToken}, {"response", false}, {"token", false}} {
		if d.values.Has(row.name) && (!row.asked || d.values.Has("error")) {
			return row.name
		}
	}
	return ""
}

func (d *authorizationResponse) wanted() string {
	if d.values.Has("error") {
		return "an error only"
	}
	return or(strings.ReplaceAll(d.asked().name, " ", ", "), "code") + " only"
}

func (d *authorizationResponse) lacks(name string, asked bool) bool {
	return asked && d.values.Get(name) == "" && !d.values.Has("error")
}

func (d *authorizationResponse) has(name string) string {
	if d.values.Get(name) == "" {
		return "no " + name
	}
	return "the parameter " + name
}
