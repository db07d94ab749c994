package xoauth2

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"golang.org/x/oauth2"
)

// A server rotates refresh tokens, each of which is good once.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string // grant types
	next  string   // the refresh token that is good
	meet  func()   // on each request
}

func newServer(t *testing.T) *server {
	s := &server{next: "r0"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, r.PostFormValue("grant_type"))
		if s.meet != nil {
			s.meet()
		}
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("grant_type") == "refresh_token" && r.PostFormValue("refresh_token") != s.next {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant", "error_description": "used"})
			return
		}
		n := len(s.calls)
		s.next = fmt.Sprintf("r%d", n)
		json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("a%d", n), "token_type": "bearer", "refresh_token": s.next, "expires_in": 3600, "scope": "read"})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) client(t *testing.T) *openid.Client {
	c, err := openid.New(openid.Config{Issuer: s.URL, ClientID: "c", Auth: openid.None(), InsecureAllowHTTP: true,
		Metadata: &openid.ServerMetadata{Issuer: s.URL, TokenEndpoint: s.URL + "/token"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestThereAndBack: a token that x/oauth2 kept becomes the first of a source, and that source serves x/oauth2.
func TestThereAndBack(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	kept := &oauth2.Token{AccessToken: "a0", RefreshToken: "r0", TokenType: "bearer", Expiry: time.Now().Add(-time.Hour)}
	tokens, err := Tokens(t.Context(), c, kept.WithExtra(map[string]any{"scope": "read write"}))
	if err != nil || !slices.Equal(tokens.Scope, []string{"read", "write"}) || tokens.Type != "Bearer" {
		t.Fatalf("got %v, %v", tokens, err)
	}
	source := c.TokenSource("k", nil)
	if err := source.Save(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	lent := TokenSource(source, 0)
	for range 3 {
		got, err := lent.Token()
		if err != nil || got.AccessToken != "a1" || got.RefreshToken != "r1" || got.Extra("scope") != "read" || !got.Valid() {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if len(s.calls) != 1 {
		t.Errorf("requests: %v", s.calls)
	}
}

// TestRetrieveError: code that asked x/oauth2 why goes on working.
func TestRetrieveError(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	source := c.TokenSource("k", nil)
	if err := source.Save(t.Context(), &openid.Tokens{AccessToken: openid.NewSecret("a"), RefreshToken: openid.NewSecret("stolen"), Type: "Bearer", Expiry: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, err := TokenSource(source, time.Second).Token()
	var retrieve *oauth2.RetrieveError
	if !errors.As(err, &retrieve) || retrieve.ErrorCode != "invalid_grant" || retrieve.Response.StatusCode != 400 || retrieve.ErrorDescription != "used" {
		t.Errorf("got %#v of %v", retrieve, err)
	}
	if !errors.Is(err, openid.ErrLoginRequired) || strings.Contains(err.Error(), "stolen") {
		t.Errorf("got %v", err)
	}
	if _, err := TokenSource(c.TokenSource("nobody", nil), 0).Token(); errors.As(err, &retrieve) || !errors.Is(err, openid.ErrLoginRequired) {
		t.Errorf("nobody refused: %v", err)
	}
}

// TestForgotten: what was forgotten while it was on its way is not lent.
func TestForgotten(t *testing.T) {
	s := newServer(t)
	source := s.client(t).TokenSource("k", nil)
	if err := source.Save(t.Context(), &openid.Tokens{AccessToken: openid.NewSecret("a"), RefreshToken: openid.NewSecret("r0"), Type: "Bearer", Expiry: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	s.meet = func() {
		if err := source.Forget(t.Context()); err != nil {
			t.Error(err)
		}
	}
	got, err := TokenSource(source, 0).Token()
	var unsaved *openid.UnsavedError
	if got != nil || !errors.As(err, &unsaved) || len(s.calls) != 1 {
		t.Errorf("got %v, %v after %d requests", got, err, len(s.calls))
	}
}

// TestGrant: the refresh token stays with x/oauth2, which uses it.
func TestGrant(t *testing.T) {
	s := newServer(t)
	config := &oauth2.Config{ClientID: "c", Endpoint: oauth2.Endpoint{TokenURL: s.URL + "/token"}}
	theirs := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "r0"})
	source := s.client(t).TokenSource("k", Grant(theirs))
	tokens, err := source.Token(t.Context())
	if err != nil || tokens.AccessToken.Reveal() != "a1" || !tokens.RefreshToken.IsEmpty() {
		t.Errorf("got %v, %v", tokens, err)
	}
	if _, err := Grant(nil).Obtain(t.Context(), nil); err == nil {
		t.Error("no source: no error")
	}
}

func TestRefused(t *testing.T) {
	c := newServer(t).client(t)
	for name, token := range map[string]*oauth2.Token{
		"none":     nil,
		"empty":    {},
		"DPoP":     {AccessToken: "a", TokenType: "DPoP"},
		"MAC":      {AccessToken: "a", TokenType: "mac"},
		"ID Token": (&oauth2.Token{AccessToken: "a"}).WithExtra(map[string]any{"id_token": "x.y.z"}),
	} {
		if got, err := Tokens(t.Context(), c, token); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for name, tokens := range map[string]*openid.Tokens{
		"none":  nil,
		"empty": {},
		"N_A":   {AccessToken: openid.NewSecret("a"), Type: "N_A"},
		"DPoP":  {AccessToken: openid.NewSecret("a"), Type: "DPoP"},
	} {
		if got, err := Token(tokens); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
