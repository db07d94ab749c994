package contender

import (
	"testing"

	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
)

func TestContenders(t *testing.T) {
	set, err := fixture.New()
	if err != nil {
		t.Fatal(err)
	}
	p := provider.Start(set, 0)
	defer p.Close()
	for _, c := range All {
		if c.Verifier == nil {
			continue
		}
		for _, alg := range fixture.Algorithms {
			t.Run(c.Name+"/"+alg, func(t *testing.T) {
				verify, stop, err := c.Verifier(Server{Algorithm: alg, JWKSURL: p.URL + "/jwks", Client: p.Client()})
				if err != nil {
					t.Fatal(err)
				}
				if verify == nil {
					t.Skip("not offered")
				}
				defer stop()
				good := set.Tokens[alg]
				for range 2 { // without keys, and with
					if subject, err := verify(t.Context(), good); err != nil || subject != fixture.Subject {
						t.Errorf("the good token: got %q, %v", subject, err)
					}
				}
				lies := []struct{ lie, token string }{
					{"a bad signature", fixture.BadSignature(good)},
					{"another nonce", set.OtherNonce[alg]},
				}
				if alg != "HS256" {
					lies = append(lies, struct{ lie, token string }{"a key that nobody knows", fixture.UnknownKey(alg, good)})
				}
				for _, l := range lies {
					if _, err := verify(t.Context(), l.token); err == nil {
						t.Errorf("%s was accepted", l.lie)
					}
				}
			})
		}
	}
}

func TestFloorTellsSignaturesApart(t *testing.T) {
	set, err := fixture.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range fixture.Algorithms {
		for token, want := range map[string]bool{set.Tokens[alg]: true, fixture.BadSignature(set.Tokens[alg]): false} {
			verify, err := FloorVerify(set, alg, token)
			if err != nil {
				t.Fatal(alg, err)
			}
			if got := verify(); got != want {
				t.Errorf("%s: got %v, want %v", alg, got, want)
			}
		}
	}
}
