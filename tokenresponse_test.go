package openid

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func responseMember(name, value string) func(map[string]any) {
	return func(m map[string]any) {
		if value == "" {
			delete(m, name)
			return
		}
		m[name] = json.RawMessage(value)
	}
}

var tokenResponseLies = []struct {
	name  string
	lie   func(map[string]any)
	check string
}{
	{"T06 a line break in the access token", responseMember("access_token", `"a\r\nX-Evil: 1"`), "access_token"},
	{"access_token with a byte that no header may have", responseMember("access_token", `"a\u007f"`), "access_token"},
	{"access_token beyond ASCII", responseMember("access_token", `"ä"`), "access_token"},
	{"T08 access_token an array", responseMember("access_token", `["a"]`), "access_token"},
	{"T08 access_token empty", responseMember("access_token", `""`), "access_token"},
	{"access_token missing", responseMember("access_token", ""), "access_token"},
	{"T17 ACCESS_TOKEN", func(m map[string]any) { m["ACCESS_TOKEN"] = m["access_token"]; delete(m, "access_token") }, "access_token"},
	{"T14 token_type missing", responseMember("token_type", ""), "token_type"},
	{"T14 token_type N_A outside token exchange", responseMember("token_type", `"N_A"`), "token_type"},
	{"T15 token_type MAC", responseMember("token_type", `"mac"`), "token_type"},
	{"T15 DPoP though none was asked", responseMember("token_type", `"DPoP"`), "token_type"},
	{"T09 expires_in negative", responseMember("expires_in", `-4294967000`), "expires_in"},
	{"T10 expires_in a second beyond ten years", responseMember("expires_in", `315360001`), "expires_in"},
	{"T10 expires_in beyond all years", responseMember("expires_in", `1e12`), "expires_in"},
	{"token_type a secret", func(m map[string]any) { m["token_type"] = m["access_token"] }, "token_type"},
	{"expires_in a secret", func(m map[string]any) { m["expires_in"] = m["access_token"] }, "expires_in"},
	{"T10 expires_in a word", responseMember("expires_in", `"soon"`), "expires_in"},
	{"refresh_token an object", responseMember("refresh_token", `{}`), "refresh_token"},
	{"refresh_token empty", responseMember("refresh_token", `""`), "refresh_token"},
	{"scope an array", responseMember("scope", `["openid"]`), "scope"},
	{"authorization_details an object", responseMember("authorization_details", `{"type":"payment"}`), "authorization_details"},
	{"authorization_details without a type", responseMember("authorization_details", `[{"actions":["pay"]}]`), "authorization_details"},
	{"authorization_details of strings", responseMember("authorization_details", `["payment"]`), "authorization_details"},
	{"authorization_details with a number for its actions", responseMember("authorization_details", `[{"type":"payment","actions":1}]`), "authorization_details"},
	{"issued_token_type a number", responseMember("issued_token_type", `1`), "issued_token_type"},
	{"id_token missing", responseMember("id_token", ""), "id_token"},
	{"T08 id_token a number", responseMember("id_token", `1`), "id_token"},
}

func TestHostileTokenResponse(t *testing.T) {
	for _, l := range tokenResponseLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token")
			p := hostile.New(t)
			p.TokenResponse = l.lie
			_, err := logIn(t, newTestClient(t, p), p)
			var v *VerificationError
			if !errors.As(err, &v) || v.Check != l.check || v.Document != "token response" {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
}

func TestHostileTokenResponseTruths(t *testing.T) {
	for _, truth := range []struct {
		name string
		tell func(map[string]any)
		want func(*Tokens) bool
	}{
		{"token_type in any case", responseMember("token_type", `"bEARER"`), func(k *Tokens) bool { return k.Type == "Bearer" }},
		{"T11 expires_in absent: unknown, not eternal", responseMember("expires_in", ""), func(k *Tokens) bool { return k.Expiry.IsZero() }},
		{"expires_in in quotes", responseMember("expires_in", `"60"`), func(k *Tokens) bool { return time.Until(k.Expiry) <= time.Minute }},
		{"expires_in of ten years", responseMember("expires_in", `315360000`), func(k *Tokens) bool { return time.Until(k.Expiry) > 9*365*24*time.Hour }},
		{"expires_in 0: expired at once", responseMember("expires_in", `0`), func(k *Tokens) bool { return !k.Expiry.IsZero() && !k.Expiry.After(time.Now()) }},
		{"scope absent: as requested", responseMember("scope", ""), func(k *Tokens) bool { return slices.Contains(k.Scope, "openid") }},
		{"scope empty: none", responseMember("scope", `""`), func(k *Tokens) bool { return len(k.Scope) == 0 }},
		{"refresh_token null: none", responseMember("refresh_token", `null`), func(k *Tokens) bool { return k.RefreshToken.IsEmpty() }},
		{"unknown members are kept", responseMember("instance_url", `"https://x"`), func(k *Tokens) bool { return string(k.Extra("instance_url")) == `"https://x"` }},
	} {
		t.Run(truth.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks")
			p := hostile.New(t)
			p.TokenResponse = truth.tell
			tokens, err := logIn(t, newTestClient(t, p), p)
			if err != nil {
				t.Fatal(err)
			}
			if !truth.want(tokens) {
				t.Errorf("got %v", tokens)
			}
		})
	}
}

// TestHostileTokenEndpoint: what comes instead of an answer is named, and the request is never sent again.
func TestHostileTokenEndpoint(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		user, secret, _ := r.BasicAuth()
		unescaped, _ := url.QueryUnescape(secret)
		json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant",
			"error_description": "the code " + r.PostForm.Get("code") + " of " + user + " with " + unescaped + ", encoded " + secret + " and " + r.Header.Get("Authorization"),
			"error_uri":         "https://op.example/?" + r.PostForm.Encode(), "debug": r.PostForm.Encode()})
	}
	for _, l := range []struct {
		name  string
		serve http.HandlerFunc
		want  func(error) bool
	}{
		{"T01 a redirect", hostile.Redirect("https://evil.example/"), exchangeFailed("307")},
		{"T02 an HTML page", hostile.HTML(), exchangeFailed("text/html")},
		{"T12 a form in text/plain", hostile.Status(200, "text/plain", "access_token=x&token_type=bearer"), exchangeFailed("text/plain")},
		{"5 MB", hostile.Oversize(5 << 20), exchangeFailed("1 MiB")},
		{"T17 access_token twice", hostile.JSON(`{"access_token":"a","access_token":"b","token_type":"bearer"}`), exchangeFailed("repeats")},
		{"T03 503", hostile.Status(503, "text/plain", "later"), exchangeFailed("503")},
		{"T04 a connection that dies", hostile.Reset(), exchangeFailed("")},
		{"T04 half a body", nil, exchangeFailed("")},
		{"T05 401", hostile.Error(401, "invalid_client", ""), func(err error) bool { return errors.Is(err, ErrInvalidClient) }},
		{"T07 a body that echoes secrets", echo, func(err error) bool { return errors.Is(err, ErrInvalidGrant) }},
		{"T13 an error with status 200", hostile.JSON(`{"error":"bad_verification_code","error_description":"The code is incorrect"}`),
			func(err error) bool { return errors.Is(err, Code("bad_verification_code")) }},
		{"an empty error with status 200", hostile.JSON(`{"error":"","access_token":"a","token_type":"bearer"}`),
			func(err error) bool { return errors.Is(err, Code("error")) }},
		{"400 with another object", hostile.Status(400, "application/json", `{"message":"no"}`), func(err error) bool {
			var r *ResponseError
			return errors.As(err, &r) && r.Status == 400 && r.Code == ""
		}},
		{"where to read more", hostile.Status(400, "application/json", `{"error":"invalid_grant","error_uri":"https://op.example/help"}`), func(err error) bool {
			var r *ResponseError
			return errors.As(err, &r) && r.URI == "https://op.example/help"
		}},
		{"T16 a description of 100 KB", hostile.Error(400, "invalid_grant", strings.Repeat("\x00\n", 50_000)),
			func(err error) bool { return errors.Is(err, ErrInvalidGrant) && len(err.Error()) < 1000 }},
		{"T16 a description of 1 MB", hostile.Error(400, "invalid_grant", strings.Repeat("\x00\n", 500_000)), exchangeFailed("1 MiB")},
		{"an OAuth error with status 500", hostile.Error(500, "server_error", ""), func(err error) bool { return errors.Is(err, ErrServerError) }},
		{"404 without a body", http.NotFound, func(err error) bool {
			var r *ResponseError
			return errors.As(err, &r) && r.Status == 404 && r.Code == ""
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token token jwks")
			p := hostile.New(t)
			if l.serve == nil {
				l.serve = hostile.Truncate(p.Honest("token"))
			}
			p.Serve("token", l.serve)
			c := newTestClient(t, p)
			_, err := logIn(t, c, p)
			if err == nil || !l.want(err) {
				t.Errorf("got %v", err)
			}
			p.Serve("token", nil)
			if _, err := logIn(t, c, p); err != nil {
				t.Errorf("a login that failed cannot be started again: %v", err)
			}
		})
	}
}

// exchangeFailed wants an *ExchangeError of the token endpoint after which the outcome is unknown.
func exchangeFailed(says ...string) func(error) bool {
	return func(err error) bool {
		var e *ExchangeError
		return errors.As(err, &e) && e.Endpoint == "token" && e.Sent &&
			slices.ContainsFunc(says, func(s string) bool { return strings.Contains(err.Error(), s) })
	}
}

func TestPlainOAuth(t *testing.T) {
	p := hostile.New(t)
	// A server that sends one unasked, and a bad one at that.
	p.TokenResponse = func(m map[string]any) { m["id_token"] = "not.a.token" }
	c := newTestClient(t, p)
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"profile"}})
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(rawURL); u.Query().Has("nonce") {
		t.Error("a nonce was sent where no ID Token is expected")
	}
	tokens, err := c.Callback(t.Context(), p.Authorize(rawURL), tx)
	if err != nil {
		t.Fatal(err)
	}
	if tokens.IDToken != nil || tokens.AccessToken.IsEmpty() {
		t.Errorf("got %v, want an access token alone", tokens)
	}
	if _, err := c.UserInfo(t.Context(), tokens); refusedBy(err) != "sub" {
		t.Errorf("UserInfo of nobody: %v", err)
	}
}
