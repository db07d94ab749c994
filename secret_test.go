package openid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestHostileNothingPrintsASecret prints whatever a program holds in every way it might.
func TestHostileNothingPrintsASecret(t *testing.T) {
	t.Run("S11 every verb and encoder", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks userinfo")
		p := hostile.New(t)
		keys := []Secret{NewSecret(strings.Repeat(hostile.Canary, 8))}
		p.TokenResponse = func(m map[string]any) { m["vendor_secret"] = hostile.Canary }
		c := newTestClient(t, p, func(cfg *Config) { cfg.Keys = keys })
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		info, err := c.UserInfo(t.Context(), tokens)
		if err != nil {
			t.Fatal(err)
		}
		raw := tokens.IDToken.Raw().Reveal()
		type caller struct { // of a careless program
			tokens  Tokens
			pointer *Tokens
			id      IDToken
			secret  Secret
			auth    ClientAuth
			config  Config
			info    UserInfo
			Public  Secret
		}
		held := caller{*tokens, tokens, *tokens.IDToken, tokens.AccessToken, c.cfg.Auth, Config{Issuer: p.Issuer, Auth: c.cfg.Auth, Keys: keys}, *info, tokens.RefreshToken}
		public := Config{Issuer: p.Issuer, Auth: c.cfg.Auth, Keys: keys}
		request := AuthRequest{Header: http.Header{"Authorization": {hostile.Canary}}, Form: url.Values{"code": {hostile.Canary}}}
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, nil))
		logger.Info("x", "tokens", tokens, "secret", tokens.AccessToken, "id", tokens.IDToken, "held", held)
		text := slog.New(slog.NewTextHandler(&log, nil))
		text.Info("x", "tokens", tokens, "secret", tokens.AccessToken, "id", tokens.IDToken, "held", held)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, v := range []any{tokens, *tokens, tokens.AccessToken, &tokens.AccessToken, tokens.IDToken, *tokens.IDToken, info, held, &held, c, c.cfg, c.cfg.Auth, public, &public, request, &request} {
				fmt.Fprintf(&log, verb, v)
			}
		}
		// A client in an unexported field: the verbs that fit a pointer show an address. (What does not fit lets fmt walk into live connections.)
		fmt.Fprintf(&log, "%v %+v %#v", struct{ c *Client }{c}, struct{ c *Client }{c}, struct{ c *Client }{c})
		for _, v := range []any{tokens, *tokens, tokens.AccessToken, tokens.IDToken, held} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Error(err)
			}
			log.Write(b)
		}
		for what, secret := range map[string]string{"a secret": hostile.Canary, "the ID Token": raw, "a secret in hex": fmt.Sprintf("%x", hostile.Canary), "a secret in numbers": strings.Trim(fmt.Sprint([]byte(hostile.Canary)), "[]")} {
			if strings.Contains(log.String(), secret) {
				i := strings.Index(log.String(), secret)
				t.Errorf("%s was printed: …%s", what, log.String()[max(0, i-200):min(len(log.String()), i+40)])
			}
		}
	})
}

func TestTokensRoundTrip(t *testing.T) {
	p := hostile.New(t)
	p.TokenResponse = func(m map[string]any) { m["instance_url"], m["z"] = "https://x", []int{1} }
	c := newTestClient(t, p)
	before, err := logIn(t, c, p, func(r *AuthorizationRequest) { r.AppState = "here" })
	if err != nil {
		t.Fatal(err)
	}
	b, err := before.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	after := new(Tokens)
	if err := after.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !after.AccessToken.Equal(before.AccessToken) || !after.RefreshToken.Equal(before.RefreshToken) || after.Type != before.Type ||
		after.AppState != "here" || after.Expiry.UnixMilli() != before.Expiry.UnixMilli() || fmt.Sprint(after.Scope) != fmt.Sprint(before.Scope) ||
		string(after.Extra("instance_url")) != `"https://x"` || string(after.Extra("z")) != `[1]` {
		t.Errorf("got %v, want %v", after, before)
	}
	if a, b := after.IDToken, before.IDToken; a.Subject() != b.Subject() || a.Issuer() != b.Issuer() || !a.Expiry().Equal(b.Expiry()) ||
		!a.IssuedAt().Equal(b.IssuedAt()) || !a.AuthTime().Equal(b.AuthTime()) || string(a.Payload()) != string(b.Payload()) || !a.Raw().Equal(b.Raw()) {
		t.Errorf("got %v, want %v", a, b)
	}
	if _, err := c.Refresh(t.Context(), after); err != nil {
		t.Errorf("stored tokens do not refresh: %v", err)
	}
	for n := range b {
		if err := new(Tokens).UnmarshalBinary(b[:n]); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(b))
		}
	}
	if err := new(Tokens).UnmarshalBinary(append([]byte{9}, b[1:]...)); !errors.Is(err, errRecord) {
		t.Errorf("another version: %v", err)
	}
}

func FuzzTokens(f *testing.F) {
	b, _ := (&Tokens{AccessToken: NewSecret("a"), Type: "Bearer", Scope: []string{"x"}}).MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		read := new(Tokens)
		if read.UnmarshalBinary(b) == nil {
			writtenAgain(t, read, new(Tokens))
		}
	})
}

// FuzzTransaction changes one byte of a sealed transaction, or cuts it, and tries what was never sealed: none of it opens. Each process has a
// key of its own, so that the change is the input and not what came of it.
func FuzzTransaction(f *testing.F) {
	c, err := New(Config{Issuer: "https://op.example", ClientID: "c", Auth: None(), RedirectURI: "https://app.example/cb"})
	if err != nil {
		f.Fatal(err)
	}
	tx, err := c.sealTransaction(&transaction{purpose: "login", state: "s"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(tx), uint(0), byte(1))
	f.Add("", uint(len(tx)-1), byte(0x20))
	f.Add(strings.Repeat("A", len(tx)), uint(len(tx)/2), byte(0))
	f.Fuzz(func(t *testing.T, stranger string, at uint, flip byte) {
		if _, ok := c.openTransaction(Transaction(stranger)); ok && stranger != string(tx) {
			t.Errorf("opened what was never sealed: %q", stranger)
		}
		at %= uint(len(tx))
		changed := []byte(tx)
		changed[at] ^= flip
		for _, s := range []string{string(changed), string(tx[:at]), string(tx[at:]), string(tx) + string(flip)} {
			if _, ok := c.openTransaction(Transaction(s)); ok != (s == string(tx)) {
				t.Errorf("opened %v: %q of %q", ok, s, tx)
			}
		}
	})
}
