package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/bench/provider"
)

func TestMain(m *testing.M) {
	provider.ServeIfChild()
	os.Exit(m.Run())
}

// TestRaces lets every race run, as short as can be: everybody does what he is measured for.
func TestRaces(t *testing.T) {
	tables, err := runAll(selection{}, 1, time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if len(table.Rows) < 3 {
			t.Errorf("%s: only %d took part", table.Title, len(table.Rows))
		}
	}
	if want := len(subjects) + 1; len(tables) != want {
		t.Errorf("got %d tables, want %d", len(tables), want)
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for only, want := range map[selection]string{
		{}: "",
		{subjects: "sign,connections", variants: "ES256", contenders: "x/oauth2"}: "",
		{subjects: "nope"}:        `--subject: there is no "nope"; known: verify, refuse-signature, refuse-key, sign, decrypt, token, source, session, login, connections`,
		{variants: "ES256,nope"}:  `--variant: there is no "nope"; known: ECDH-ES+A256KW, ES256, EdDSA, HS256, PS256, RS256, RSA-OAEP-256, client_secret_basic, code flow, in a cookie, in memory, token still good`,
		{contenders: "ours,nope"}: `--contender: there is no "nope"; known: ours, `,
	} {
		said := ""
		if err := only.check(); err != nil {
			said = err.Error()
		}
		if (said == "") != (want == "") || !strings.HasPrefix(said, want) {
			t.Errorf("%+v: %q", only, said)
		}
	}
}

func TestNothingToRace(t *testing.T) {
	for name, only := range map[string]selection{
		"a variant of another subject": {subjects: "sign", variants: "RS256"},
		"the floor alone":              {subjects: "verify", contenders: "x/oauth2"},
		"no connection to count":       {subjects: "connections", contenders: "go-oidc"},
	} {
		if tables, err := runAll(only, 1, time.Microsecond); !errors.Is(err, errNothing) {
			t.Errorf("%s: %d tables, %v", name, len(tables), err)
		}
	}
}
