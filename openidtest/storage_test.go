package openidtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

func TestTableForgetsTheOldest(t *testing.T) {
	var s storage
	for i := range maxRows + 10 {
		if err := s.SaveGrant(t.Context(), &goidc.Grant{ID: fmt.Sprint(i), AuthCode: fmt.Sprint("c", i), RefreshToken: fmt.Sprint("r", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.grants.age.Len(); n != maxRows {
		t.Errorf("%d grants are kept", n)
	}
	if n := len(s.grants.rows); n != 3*maxRows {
		t.Errorf("%d keys are kept", n)
	}
	if _, err := s.GrantByAuthCode(t.Context(), "c9"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("the oldest is still there: %v", err)
	}
	if _, err := s.GrantByAuthCode(t.Context(), "c10"); err != nil {
		t.Errorf("one of the newest is gone: %v", err)
	}
}

func TestGrantThatIsRefreshedForEverStaysSmall(t *testing.T) {
	var s storage
	g := &goidc.Grant{ID: "g", AuthCode: "c"}
	for i := range 10 * maxAliases {
		g.RefreshToken = fmt.Sprint("r", i)
		if err := s.SaveGrant(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.grants.rows); n != maxAliases+1 {
		t.Errorf("%d keys are kept", n)
	}
	if _, err := s.GrantByRefreshToken(t.Context(), g.RefreshToken); err != nil {
		t.Errorf("the newest token is gone: %v", err)
	}
}

func TestDeletedRowsLeaveNothing(t *testing.T) {
	var s storage
	for i := range 100 {
		as := &goidc.AuthnSession{ID: fmt.Sprint(i), Status: goidc.StatusPending}
		if err := s.SaveSession(t.Context(), as); err != nil {
			t.Fatal(err)
		}
		as.Status = goidc.StatusSuccess
		if err := s.SaveSession(t.Context(), as); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.requests.rows) != 0 || s.requests.age.Len() != 0 {
		t.Errorf("%d rows, %d in order", len(s.requests.rows), s.requests.age.Len())
	}
}

// What comes out can be changed without harm to what is kept, and the other way round.
func TestStorageKeepsCopies(t *testing.T) {
	var s storage
	given := &goidc.Grant{ID: "g", Store: map[string]any{"k": 1}}
	if err := s.SaveGrant(t.Context(), given); err != nil {
		t.Fatal(err)
	}
	given.Store["k"], given.Scopes = 2, "x"
	got, _ := s.Grant(t.Context(), "g")
	got.Store["k"] = 3
	if again, _ := s.Grant(t.Context(), "g"); again.Store["k"] != 1 || again.Scopes != "" {
		t.Errorf("kept: %v", again)
	}
	as := &goidc.AuthnSession{ID: "as", Status: goidc.StatusPending, Store: map[string]any{"k": 1}}
	if err := s.SaveSession(t.Context(), as); err != nil {
		t.Fatal(err)
	}
	as.Store["k"] = 2
	kept, _ := s.Session(t.Context(), "as")
	kept.Store["k"] = 3
	if again, _ := s.Session(t.Context(), "as"); again.Store["k"] != 1 {
		t.Errorf("kept: %v", again.Store)
	}
}

func TestSaveGrantComparesAndSwaps(t *testing.T) {
	var s storage
	if err := s.SaveGrant(t.Context(), &goidc.Grant{ID: "g", RefreshToken: "r0"}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), noteKey{}, &note{tokenRequest: true})
	a, _ := s.GrantByRefreshToken(ctx, "r0")
	b, _ := s.GrantByRefreshToken(ctx, "r0")
	a.RefreshToken, b.RefreshToken = "r1", "r2"
	if err := s.SaveGrant(ctx, a); err != nil {
		t.Fatal(err)
	}
	var refused goidc.Error
	if err := s.SaveGrant(ctx, b); !errors.As(err, &refused) || refused.Code != goidc.ErrorCodeInvalidGrant {
		t.Errorf("the second save: %v", err)
	}
	if g, err := s.Grant(ctx, "g"); err != nil || g.RevokedAt == 0 || g.RefreshToken != "r1" {
		t.Errorf("kept: %+v, %v", g, err)
	}
	if err := s.SaveGrant(ctx, a); err == nil {
		t.Error("a save that was under way brought the grant back")
	}
}

// An id_token_hint that has expired is accepted, a forged one is not.
func TestHintIsRenewed(t *testing.T) {
	p, err := Start(Config{Clients: []Client{{ID: "app", Secret: "a secret of at least 32 bytes, for HS256", IDTokenAlg: "HS256"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	other, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	claims := map[string]any{"iss": p.Issuer(), "aud": "app", "sub": "alice", "exp": 1}
	expired, err := p.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	if fresh, ok := p.renewed(expired); !ok || fresh == expired {
		t.Error("an expired hint is refused")
	}
	forged, err := other.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.renewed(forged); ok {
		t.Error("the signature of another provider is accepted")
	}
	if _, ok := p.renewed(expired + "x"); ok {
		t.Error("a broken signature is accepted")
	}
}
