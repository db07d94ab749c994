package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

const backchannelURI = "https://app.example/backchannel-logout"

// A logoutLie is something false about a logout token, and the one check that must refuse it.
type logoutLie struct {
	name   string
	lie    func(*hostile.Token)
	check  string
	tune   func(*Config)
	script func(*testing.T, *hostile.Provider)
	twice  bool // it is the second time that it comes
}

func logoutEventIs(value string) func(*hostile.Token) {
	return claim("events", `{"http://schemas.openid.net/event/backchannel-logout":`+value+`}`)
}

// logoutLies have the numbers of the hostile inputs.
var logoutLies = []logoutLie{
	{name: "five parts, nothing to decrypt with", lie: compact(func(s string) string { return s + ".a.b" }), check: "encryption"},
	{name: "two parts", lie: compact(hostile.DropPart), check: "compact"},
	{name: "I39 alg twice in the header", lie: func(tok *hostile.Token) { tok.RawHeader = hostile.WithMember(tok.HeaderJSON(), "alg", `"none"`) }, check: "header"},
	{name: "I01 none", lie: func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, check: "alg"},
	{name: "a good key of another algorithm", check: "alg", tune: func(c *Config) { c.IDTokenSigningAlgs = []string{"RS256"} }},
	{name: "I04 HS256 that nobody asked for", check: "alg", lie: func(tok *hostile.Token) {
		tok.Header["alg"] = "HS256"
		tok.Key = hostile.NewSecretKey("HS256", "", []byte(strings.Repeat("x", 64)))
	}},
	{name: "I07 the key of another issuer", check: "key issuer", script: func(t *testing.T, p *hostile.Provider) { p.LogoutToken = keyOf(t, p, "https://evil.example") }},
	{name: "tid of another tenant", lie: and(claim("iss", `"`+issuerOf(contoso)+`"`), claim("tid", `"`+fabrikam+`"`)), check: "tid", tune: ofTenants},
	{name: "a tenant that is not listed", lie: and(claim("iss", `"`+issuerOf(stranger)+`"`), claim("tid", `"`+stranger+`"`)), check: "iss", tune: ofTenants},
	{name: "I36 crit", lie: header("crit", `["exp"]`), check: "crit"},
	{name: "I38 b64 false", lie: header("b64", `false`), check: "b64"},
	{name: "I05 jwk", lie: header("jwk", `{"kty":"EC"}`), check: "embedded key"},
	{name: "L11 typ at+jwt", lie: header("typ", `"at+jwt"`), check: "typ"},
	{name: "typ of a security event", lie: header("typ", `"secevent+jwt"`), check: "typ"},
	{name: "a kid that nobody published", lie: header("kid", `"other"`), check: "key"},
	{name: "a flipped bit", lie: compact(hostile.BreakSignature), check: "signature"},
	{name: "I07 the key of another issuer", check: "signature", script: func(t *testing.T, p *hostile.Provider) {
		other := hostile.NewKey(t, "ES256", p.SigningKey().ID)
		p.LogoutToken = func(tok *hostile.Token) { tok.Key = other }
	}},
	{name: "I08 sub twice", lie: func(tok *hostile.Token) { tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "sub", `"mallory"`) }, check: "payload"},
	{name: "L12 iss of another", lie: claim("iss", `"https://evil.example"`), check: "iss"},
	{name: "I13 iss with a slash more", lie: func(tok *hostile.Token) { tok.Claims["iss"] = fmt.Sprint(tok.Claims["iss"], "/") }, check: "iss"},
	{name: "iss missing", lie: claim("iss", ""), check: "iss"},
	{name: "L12 aud names another client", lie: claim("aud", `"another"`), check: "aud"},
	{name: "I21 aud missing", lie: claim("aud", ""), check: "aud"},
	{name: "I23 aud with an untrusted other", lie: claim("aud", `["client","another"]`), check: "aud"},
	{name: "L06 iat missing", lie: claim("iat", ""), check: "iat"},
	{name: "L06 iat in an hour", lie: claim("iat", at(time.Hour)), check: "iat"},
	{name: "I15 exp missing", lie: claim("exp", ""), check: "exp"},
	{name: "exp just outside the tolerance", lie: claim("exp", at(-31*time.Second)), check: "exp"},
	{name: "I15 exp a string", lie: claim("exp", `"9999999999"`), check: "exp"},
	{name: "of yesterday, good for a year", lie: func(tok *hostile.Token) {
		claim("iat", at(-24*time.Hour))(tok)
		claim("exp", at(365*24*time.Hour))(tok)
	}, check: "age"},
	{name: "I20 nbf in an hour", lie: claim("nbf", at(time.Hour)), check: "nbf"},
	{name: "nbf a string", lie: claim("nbf", `"0"`), check: "nbf"},
	{name: "I24 sub a number", lie: claim("sub", `7`), check: "sub"},
	{name: "sub of 256 bytes", lie: claim("sub", `"`+strings.Repeat("s", 256)+`"`), check: "sub"},
	{name: "sub empty beside a sid", lie: claim("sub", `""`), check: "sub"},
	{name: "sub null", lie: claim("sub", `null`), check: "sub"},
	{name: "sid a number", lie: claim("sid", `7`), check: "sid"},
	{name: "sid empty beside a sub", lie: claim("sid", `""`), check: "sid"},
	{name: "L10 sub and sid absent", lie: func(tok *hostile.Token) {
		delete(tok.Claims, "sub")
		delete(tok.Claims, "sid")
	}, check: "sub or sid"},
	{name: "L11 a plain ID Token", lie: func(tok *hostile.Token) {
		delete(tok.Claims, "events")
		tok.Header["typ"] = "JWT"
	}, check: "events"},
	{name: "L03 events missing", lie: claim("events", ""), check: "events"},
	{name: "L05 events a list", lie: claim("events", `["http://schemas.openid.net/event/backchannel-logout"]`), check: "events"},
	{name: "L05 another event", lie: claim("events", `{"http://schemas.openid.net/event/backchannel-logout1":{}}`), check: "events"},
	{name: "L04 event 0", lie: logoutEventIs(`0`), check: "events"},
	{name: "L04 event null", lie: logoutEventIs(`null`), check: "events"},
	{name: "L04 event a string", lie: logoutEventIs(`"{}"`), check: "events"},
	{name: "L05 event a list", lie: logoutEventIs(`[]`), check: "events"},
	{name: "L01 nonce present", lie: claim("nonce", `"n"`), check: "nonce"},
	{name: "L02 nonce null", lie: claim("nonce", `null`), check: "nonce"},
	{name: "L07 jti missing", lie: claim("jti", ""), check: "jti"},
	{name: "jti empty", lie: claim("jti", `""`), check: "jti"},
	{name: "jti a number", lie: claim("jti", `7`), check: "jti"},
	{name: "L08 jti replay", lie: claim("jti", `"once"`), check: "replay", twice: true},
}

// tell plays the lie against tables that have lost the row drop.
func (l logoutLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	p.SessionID = "session-1"
	tune := l.tune
	if tune == nil {
		tune = func(*Config) {}
	}
	c := newTestClient(t, p, tune)
	if c.cfg.Issuer == template {
		p.Metadata = func(m map[string]any) { m["issuer"] = template }
	}
	p.LogoutToken = l.lie
	if l.script != nil {
		l.script(t, p)
	}
	if l.twice {
		if _, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); err != nil {
			t.Fatal(err)
		}
	}
	return tellLogoutRequest(t, c, p.BackchannelLogout(backchannelURI), drop)
}

func tellLogoutRequest(t *testing.T, c *Client, r *http.Request, drop string) error {
	_, err := c.verifyLogoutToken(t.Context(), r, dropRow(backchannelLogoutChecks, drop), dropRow(logoutTokenChecks(), drop))
	return err
}

// logoutRequestLies are those of the request around the token.
var logoutRequestLies = []struct {
	name  string
	twist func(*http.Request) *http.Request
	check string
}{
	{"L13 GET", func(r *http.Request) *http.Request {
		return httpGet(backchannelURI + "?" + postedForm(r).Encode())
	}, "request"},
	{"JSON", func(r *http.Request) *http.Request {
		r.Header.Set("Content-Type", "application/json")
		return r
	}, "request"},
	{"PUT", func(r *http.Request) *http.Request { r.Method = "PUT"; return r }, "request"},
	{"a body without an end", func(r *http.Request) *http.Request {
		return post("", url.Values{"logout_token": {strings.Repeat("a", maxCallbackBody)}})
	}, "request"},
	{"no logout_token", func(*http.Request) *http.Request { return post("", url.Values{"token": {"a"}}) }, "logout_token"},
	{"an empty logout_token", func(*http.Request) *http.Request { return post("", url.Values{"logout_token": {""}}) }, "logout_token"},
	{"logout_token in the query", func(r *http.Request) *http.Request {
		return post("?"+postedForm(r).Encode(), url.Values{})
	}, "logout_token"},
	{"L13 duplicate logout_token", func(r *http.Request) *http.Request {
		form := postedForm(r)
		return post("", url.Values{"logout_token": append(form["logout_token"], form["logout_token"]...)})
	}, "logout_token"},
}

func postedForm(r *http.Request) url.Values {
	r.ParseForm()
	return r.PostForm
}

func TestHostileLogoutToken(t *testing.T) {
	for _, l := range logoutLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery? jwks?")
			err := l.tell(t, "")
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	p := hostile.New(t)
	c := newTestClient(t, p)
	for _, l := range logoutRequestLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery? jwks?")
			_, err := c.VerifyLogoutToken(t.Context(), l.twist(p.BackchannelLogout(backchannelURI)))
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
}

// TestLogoutTokenTruths: what servers may leave out or say otherwise.
func TestLogoutTokenTruths(t *testing.T) {
	for _, truth := range []struct {
		name     string
		say      func(*hostile.Token)
		sub, sid string
	}{
		{"as it is", func(*hostile.Token) {}, "alice-sub", "session-1"},
		{"without a type", func(tok *hostile.Token) { delete(tok.Header, "typ") }, "alice-sub", "session-1"},
		{"typed JWT", header("typ", `"JWT"`), "alice-sub", "session-1"},
		{"typed in full", header("typ", `"application/Logout+JWT"`), "alice-sub", "session-1"},
		{"a session only", claim("sub", ""), "", "session-1"},
		{"a subject only", claim("sid", ""), "alice-sub", ""},
		{"a subject of 255 bytes", claim("sub", `"`+strings.Repeat("s", 255)+`"`), strings.Repeat("s", 255), "session-1"},
		{"our name in a list", claim("aud", `["client"]`), "alice-sub", "session-1"},
		{"an event that says more", logoutEventIs(`{"why":"because"}`), "alice-sub", "session-1"},
		{"several events", claim("events", `{"urn:other":1,"http://schemas.openid.net/event/backchannel-logout":{}}`), "alice-sub", "session-1"},
		{"good for a day", claim("exp", at(24*time.Hour)), "alice-sub", "session-1"},
		{"expired within the tolerance", claim("exp", at(-20*time.Second)), "alice-sub", "session-1"},
	} {
		t.Run(truth.name, func(t *testing.T) {
			p := hostile.New(t)
			p.SessionID, p.LogoutToken = "session-1", truth.say
			c := newTestClient(t, p)
			tok, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI))
			if err != nil {
				t.Fatal(err)
			}
			if tok.Issuer() != p.Issuer || tok.Subject() != truth.sub || tok.SessionID() != truth.sid || tok.ID() == "" ||
				time.Since(tok.IssuedAt()) > time.Minute || tok.Expiry().Before(tok.IssuedAt().Add(-time.Minute)) {
				t.Errorf("got %q %q %q %q", tok.Issuer(), tok.Subject(), tok.SessionID(), tok.ID())
			}
			if payload := string(tok.Payload()); !strings.Contains(payload, `"jti":"`+tok.ID()+`"`) {
				t.Errorf("payload %s", payload)
			}
			said, err := Claims[struct {
				Ignored string `json:"ignored_claim"`
			}](tok)
			if err != nil || said.Ignored != "ignored" {
				t.Errorf("claims %+v, %v", said, err)
			}
		})
	}
}

// TestLogoutTokenPrints: of a logout token nothing is printed that helps to make one, or names a session.
func TestLogoutTokenPrints(t *testing.T) {
	p := hostile.New(t)
	p.SessionID = hostile.Canary
	tok, err := newTestClient(t, p).VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(tok)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %x %v %+v", tok, tok, tok, *tok, tok, struct{ t *LogoutToken }{tok}, []LogoutToken{*tok}) + string(text)
	if strings.Contains(printed, hostile.Canary) || strings.Contains(printed, fmt.Sprintf("%x", hostile.Canary)) || !strings.Contains(printed, "logout token for") {
		t.Errorf("printed %s", printed)
	}
	marshalled, err := tok.MarshalText()
	if want := tok.String(); err != nil || fmt.Sprint(tok) != want || fmt.Sprintf("%#v", *tok) != want || string(marshalled) != want {
		t.Errorf("printed %v, %#v, %s, want %s", tok, *tok, marshalled, want)
	}
	var none LogoutToken
	if none.String() != "no logout token" || none.Issuer() != "" || none.Payload() != nil {
		t.Errorf("the zero value: %v", none)
	}
}

// TestLogoutTokenOnce: a token counts once in all processes that share a store, for as long as it could be accepted and no longer.
func TestLogoutTokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		shared := store.Memory(2)
		defer shared.Close(t.Context())
		share := func(cfg *Config) { cfg.Store = shared }
		one, other := newTestClient(t, p, share), newTestClient(t, p, share)
		p.LogoutToken = claim("jti", `"a"`)
		sent := postedForm(p.BackchannelLogout(backchannelURI))
		if _, err := one.VerifyLogoutToken(t.Context(), post("", sent)); err != nil {
			t.Fatal(err)
		}
		if _, err := other.VerifyLogoutToken(t.Context(), post("", sent)); refusedBy(err) != "replay" {
			t.Errorf("in another process: %v", err)
		}
		time.Sleep(2*time.Minute + 29*time.Second) // by the fake clock: within the tolerance
		if _, err := other.VerifyLogoutToken(t.Context(), post("", sent)); refusedBy(err) != "replay" {
			t.Errorf("at its very end: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := other.VerifyLogoutToken(t.Context(), post("", sent)); refusedBy(err) != "exp" {
			t.Errorf("after its end: %v", err)
		}
		// The name is free again, and what came before does not fill the store for ever.
		for range 3 {
			if _, err := one.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Minute)
		}
	})
}

// TestHostileLogoutTokenFailsClosed: when nobody can say whether a token came before, it does not count.
func TestHostileLogoutTokenFailsClosed(t *testing.T) {
	t.Run("L09 a store that is full", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks")
		p := hostile.New(t)
		full := store.Memory(1)
		defer full.Close(t.Context())
		c := newTestClient(t, p, func(cfg *Config) { cfg.Store = full })
		if _, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); err != nil {
			t.Fatal(err)
		}
		_, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI))
		hostile.Hear(err)
		if refusedBy(err) != "replay" || !errors.Is(err, store.ErrFull) {
			t.Errorf("got %v", err)
		}
		// A token that another row refuses uses up no name, and no room.
		p.LogoutToken = claim("nonce", `"n"`)
		if _, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); refusedBy(err) != "nonce" {
			t.Errorf("got %v", err)
		}
	})
}

// TestBackchannelLogout: the answers of Back-Channel Logout section 2.8.
func TestBackchannelLogout(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	var ended []string
	var trouble error
	h := c.BackchannelLogout(func(_ context.Context, tok *LogoutToken) error {
		ended = append(ended, tok.Subject())
		return trouble
	})
	serve := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control is %q", w.Header().Get("Cache-Control"))
		}
		return w
	}
	sent := postedForm(p.BackchannelLogout(backchannelURI))

	trouble = errors.New("the database is away, " + hostile.Canary)
	if w := serve(post("", sent)); w.Code != 400 || strings.Contains(w.Body.String(), hostile.Canary) || !strings.Contains(w.Body.String(), `"server_error"`) {
		t.Errorf("where end fails: %d %s", w.Code, w.Body)
	}
	trouble = &VerificationError{Document: hostile.Canary}
	if w := serve(post("", sent)); w.Code != 400 || strings.Contains(w.Body.String(), hostile.Canary) || !strings.Contains(w.Body.String(), `"server_error"`) {
		t.Errorf("where end refuses: %d %s", w.Code, w.Body)
	}
	trouble = nil
	if w := serve(post("", sent)); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("the same token after end failed: %d %s", w.Code, w.Body)
	}
	if w := serve(post("", sent)); w.Code != 400 || w.Body.String() != `{"error":"invalid_request","error_description":"logout token: replay"}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a replay: %d %s", w.Code, w.Body)
	}
	if w := serve(httpGet(backchannelURI)); w.Code != 400 || !strings.Contains(w.Body.String(), "back-channel logout request: request") {
		t.Errorf("a GET: %d %s", w.Code, w.Body)
	}
	if len(ended) != 3 {
		t.Errorf("end was called for %q", ended)
	}
	p.Serve("discovery", hostile.Status(500, "text/plain", "down"))
	cold := newTestClient(t, p)
	w := httptest.NewRecorder()
	cold.BackchannelLogout(nil).ServeHTTP(w, p.BackchannelLogout(backchannelURI))
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"server_error"`) {
		t.Errorf("without metadata: %d %s", w.Code, w.Body)
	}
}

// TestBackchannelLogoutPanic: whoever panics in the middle has not ended the sessions, and the token may come again.
func TestBackchannelLogoutPanic(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	sent := postedForm(p.BackchannelLogout(backchannelURI))
	func() {
		defer func() { _ = recover() }()
		c.BackchannelLogout(func(context.Context, *LogoutToken) error { panic("a mistake") }).ServeHTTP(httptest.NewRecorder(), post("", sent))
	}()
	if _, err := c.VerifyLogoutToken(t.Context(), post("", sent)); err != nil {
		t.Error(err)
	}
}

// TestLogoutTokenIsNoIDToken: neither passes for the other, also where no type tells them apart.
func TestLogoutTokenIsNoIDToken(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	p.LogoutToken = header("typ", `"JWT"`)
	token := postedForm(p.BackchannelLogout(backchannelURI)).Get("logout_token")
	if _, err := c.VerifyIDToken(t.Context(), token, ""); refusedBy(err) != "events" {
		t.Errorf("a logout token as an ID Token: %v", err)
	}
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.VerifyLogoutToken(t.Context(), post("", url.Values{"logout_token": {tokens.IDToken.Raw().Reveal()}})); refusedBy(err) != "events" {
		t.Errorf("an ID Token as a logout token: %v", err)
	}
}
