package main

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// A lie is one thing that an attacker between provider and application falsifies. Everything else stays honest, so that exactly one check
// has a reason to refuse.
type lie struct {
	name      string
	falsifies string
	why       string // what would happen if the application believed it

	// Who is expected to refuse. Where the rules of the exchange itself refuse (check "answer"), expected says which.
	document, check, expected string

	from     string                      // the answer that is falsified; empty in the front channel
	answer   func(*answer)               // what becomes of the answer
	token    func(header, claims object) // what becomes of the ID Token in it, which the attacker signs
	hidden   bool                        // the attacker's key does not get into the key set
	callback func(url.Values)            // what becomes of the parameters that the browser brings back
	replay   bool                        // the browser's callback is sent once more
}

// The answers that pass between provider and application.
const (
	metadataAnswer = "metadata"
	jwksAnswer     = "jwks"
	tokenAnswer    = "token"
	refreshAnswer  = "refresh"
	userInfoAnswer = "userinfo"
)

const attacker = "https://attacker.example"

var lies = []*lie{
	{name: "metadata-issuer", falsifies: "the metadata names another issuer",
		why:      "Whoever can serve metadata under another name can put its own keys and endpoints in the place of the provider's.",
		document: "server metadata", check: "issuer",
		from: metadataAnswer, answer: set("issuer", attacker)},
	{name: "metadata-endpoint", falsifies: "the metadata's token endpoint is plain http on another host",
		why:      "The code and the client secret would cross the network readable by everybody on the way.",
		document: "server metadata", check: "endpoints",
		from: metadataAnswer, answer: set("token_endpoint", "http://attacker.example/token")},
	{name: "metadata-pkce", falsifies: "the metadata lists code challenge methods without S256",
		why:      "Without PKCE a stolen code is worth a login: who talks the client out of it can inject codes.",
		document: "server metadata", check: "code_challenge_methods_supported",
		from: metadataAnswer, answer: set("code_challenge_methods_supported", []string{"plain"})},
	{name: "metadata-html", falsifies: "the metadata is an HTML page",
		why:      "A captive portal or an error page is no metadata, whatever its status says.",
		document: "discovery endpoint", check: checkAnswer, expected: "application/json",
		from: metadataAnswer, answer: page},

	{name: "callback-state", falsifies: "the callback's state belongs to no login of this browser",
		why:      "Somebody else's callback would log the user into somebody else's account (cross-site request forgery).",
		document: "authorization response", check: "state",
		callback: func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) }},
	{name: "callback-iss", falsifies: "the callback's iss names another provider",
		why:      "This is the mix-up attack: the code of one provider would be sent to another.",
		document: "authorization response", check: "iss",
		callback: func(q url.Values) { q.Set("iss", attacker) }},
	{name: "callback-without-iss", falsifies: "the callback's iss is missing, although the metadata promises it",
		why:      "A mix-up attack would simply leave out what gives it away.",
		document: "authorization response", check: "iss",
		callback: func(q url.Values) { q.Del("iss") }},
	{name: "callback-repeated-code", falsifies: "the callback brings a second code",
		why:      "Two readers of one request could take different codes from it, and only one of them be checked.",
		document: "authorization response", check: "repeated parameter",
		callback: func(q url.Values) { q.Add("code", "another-code") }},
	{name: "callback-token", falsifies: "the callback carries an access token beside the code",
		why:      "A token that comes through the browser was never bound to this client; anybody may have put it there.",
		document: "authorization response", check: "front-channel token",
		callback: func(q url.Values) { q.Set("access_token", "stolen") }},
	{name: "callback-replay", falsifies: "the callback is sent a second time",
		why:      "A response that works twice can be used again by whoever finds it in a history, a log or a referrer.",
		document: "authorization response", check: "replay",
		replay: true},

	{name: "token-type", falsifies: "the token response says token_type MAC",
		why:      "A token of a kind the client does not know would be used as if it were a Bearer token, without the protection it needs.",
		document: "token response", check: "token_type",
		from: tokenAnswer, answer: set("token_type", "MAC")},
	{name: "token-without-id-token", falsifies: "the token response has no ID Token",
		why:      "Without an ID Token nobody has said who logged in.",
		document: "token response", check: "id_token",
		from: tokenAnswer, answer: set("id_token", nil)},
	{name: "token-html", falsifies: "the token endpoint answers with an HTML page",
		why:      "Error pages of proxies come with status 200 as well. They hold no tokens.",
		document: "token endpoint", check: checkAnswer, expected: "application/json",
		from: tokenAnswer, answer: page},
	{name: "token-redirect", falsifies: "the token endpoint redirects to another host",
		why:      "Following it would hand the code and the client secret to whoever the redirect names.",
		document: "token endpoint", check: checkAnswer, expected: "no redirect",
		from: tokenAnswer, answer: func(a *answer) {
			a.status = http.StatusTemporaryRedirect
			a.header.Set("Location", attacker+"/token")
		}},
	{name: "token-size", falsifies: "the token response is 5 MB long",
		why:      "An answer without a limit fills the memory of the application.",
		document: "token endpoint", check: checkAnswer, expected: "a body of at most 1 MiB",
		from: tokenAnswer, answer: set("padding", strings.Repeat("x", 5<<20))},

	idToken("alg", "is unsigned (alg none)",
		"An unsigned token is a text that anybody can write.",
		func(h, _ object) { h["alg"] = "none" }),
	idToken("crit", "demands an extension that nobody knows (crit)",
		"What must be understood and is not may change the meaning of everything else.",
		func(h, _ object) { h["crit"], h["attack"] = []string{"attack"}, true }),
	idToken("embedded key", "brings the key to verify it with (jwk)",
		"A token that names its own key proves only that its author has a key.",
		func(h, _ object) { h["jwk"] = object{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"} }),
	idToken("typ", "is an access token (typ at+jwt)",
		"One kind of token would be taken for another: an API could then log in as its users.",
		func(h, _ object) { h["typ"] = "at+jwt" }),
	{name: "id-token-key", falsifies: "the ID Token is signed with a key that is not in the key set",
		why:      "Only the provider's own keys speak for it.",
		document: "ID Token", check: "key",
		from: tokenAnswer, hidden: true, token: func(_, _ object) {}},
	{name: "id-token-signature", falsifies: "the ID Token is signed by the attacker under the provider's key id",
		why:      "This is the forged token itself. Whoever skips this check accepts any user name from anybody.",
		document: "ID Token", check: "signature",
		from: tokenAnswer, hidden: true, token: func(h, _ object) { h["kid"] = h["original kid"] }},
	idToken("iss", "is of another provider (iss)",
		"Subjects are unique only at their provider: alice there is not alice here.",
		func(_, c object) { c["iss"] = attacker }),
	idToken("sub", "names nobody (no sub)",
		"Without a subject the token says that somebody logged in, and not who.",
		func(_, c object) { delete(c, "sub") }),
	idToken("aud", "is for another client (aud)",
		"Any other application that the user trusts could log in here with the token it was given.",
		func(_, c object) { c["aud"] = "another-client" }),
	idToken("azp", "was handed to another client (azp)",
		"The token was handed to another client, which may not act here.",
		func(_, c object) { c["azp"] = "another-client" }),
	idToken("exp", "expired an hour ago (exp)",
		"An old token from a log or a backup would still log in.",
		func(_, c object) { c["exp"] = fromNow(-time.Hour) }),
	idToken("iat", "is issued an hour from now (iat)",
		"A token from the future was made to outlive its bounds, or one of the clocks is wrong.",
		func(_, c object) { c["iat"] = fromNow(time.Hour) }),
	idToken("nonce", "belongs to another login (nonce)",
		"A token stolen from one login would be accepted in another (token injection).",
		func(_, c object) { c["nonce"] = strings.Repeat("A", 43) }),
	idToken("at_hash", "belongs to another access token (at_hash)",
		"Somebody else's access token would be used together with this login.",
		func(_, c object) { c["at_hash"] = strings.Repeat("A", 22) }),

	{name: "userinfo-sub", falsifies: "UserInfo is about another user",
		why:      "The application would show, or store, the data of somebody else under this login.",
		document: "UserInfo", check: "sub",
		from: userInfoAnswer, answer: set("sub", "mallory")},
	{name: "refreshed-sub", falsifies: "the refreshed ID Token is about another user",
		why:      "A refresh would quietly turn one user's session into another's.",
		document: "refreshed ID Token", check: "same sub",
		from: refreshAnswer, token: func(_, c object) { c["sub"] = "mallory" }},
	{name: "refreshed-auth-time", falsifies: "the refreshed ID Token claims a newer login",
		why:      "A refresh is no login. An application that asks for a fresh one before a payment would believe it had one.",
		document: "refreshed ID Token", check: "same auth_time",
		from: refreshAnswer, token: func(_, c object) { c["auth_time"] = fromNow(0) + 1 }},
}

// idToken makes a lie about the ID Token of a login, told to the check of that name.
func idToken(check, falsifies, why string, token func(header, claims object)) *lie {
	name := "id-token-" + strings.NewReplacer("_", "-", " ", "-").Replace(check)
	return &lie{name: name, falsifies: "the ID Token " + falsifies, why: why, document: "ID Token", check: check, from: tokenAnswer, token: token}
}

func findLie(name string) *lie {
	for _, l := range lies {
		if l.name == name {
			return l
		}
	}
	return nil
}

func set(name string, value any) func(*answer) { return func(a *answer) { a.members[name] = value } }

func page(a *answer) {
	a.header.Set("Content-Type", "text/html; charset=utf-8")
	a.raw = []byte("<!doctype html><title>Welcome to our wireless network</title>")
}

func fromNow(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// frontChannel changes what the browser brings back on its way to the application.
func (l *lie) frontChannel(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) != "callback" {
			next.ServeHTTP(w, r)
			return
		}
		r = r.Clone(r.Context())
		if l.callback != nil {
			q := r.URL.Query()
			l.callback(q)
			r.URL.RawQuery = q.Encode()
		}
		if l.replay {
			first := discarded{}
			next.ServeHTTP(first, r)
			for _, c := range (&http.Response{Header: http.Header(first)}).Cookies() {
				if c.MaxAge >= 0 { // the thief has what the browser had before, and the renewed session
					r = withCookie(r, c)
					http.SetCookie(w, c)
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// withCookie replaces a cookie of a request.
func withCookie(r *http.Request, fresh *http.Cookie) *http.Request {
	kept := r.Cookies()
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	r.AddCookie(fresh)
	for _, c := range kept {
		if c.Name != fresh.Name {
			r.AddCookie(c)
		}
	}
	return r
}

// discarded is the response to a request that nobody waits for.
type discarded http.Header

func (d discarded) Header() http.Header         { return http.Header(d) }
func (d discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d discarded) WriteHeader(int)             {}
