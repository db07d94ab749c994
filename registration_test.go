package openid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestRegistrationRoundTrip(t *testing.T) {
	before := &Registration{ClientID: "me", ClientSecret: NewSecret("s"), SecretExpiry: time.Unix(1900000000, 0), URI: "https://op.example/client", AccessToken: NewSecret("t"),
		Metadata: everything(t), issuer: "https://op.example"}
	b, err := before.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	after := new(Registration)
	if err := after.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if after.ClientID != before.ClientID || !after.ClientSecret.Equal(before.ClientSecret) || !after.SecretExpiry.Equal(before.SecretExpiry) || !after.IssuedAt.IsZero() ||
		after.URI != before.URI || !after.AccessToken.Equal(before.AccessToken) || after.issuer != before.issuer || !bytes.Equal(after.Metadata.document(""), before.Metadata.document("")) {
		t.Errorf("got %v, want %v", after, before)
	}
	for n := range b {
		if err := new(Registration).UnmarshalBinary(b[:n]); !errors.Is(err, errRecord) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if err := new(Registration).UnmarshalBinary(append([]byte{9}, b[1:]...)); !errors.Is(err, errRecord) {
		t.Errorf("another version: %v", err)
	}
	for name, m := range map[string]ClientMetadata{"Extra": {Extra: map[string]json.RawMessage{"x": json.RawMessage("{")}}, "JWKS": {JWKS: json.RawMessage("{")}} {
		if _, err := (&Registration{Metadata: m}).MarshalBinary(); err == nil {
			t.Errorf("%s that is no JSON was kept", name)
		}
	}
	// What a server has registered is kept, whether or not it could be asked for.
	odd := &Registration{Metadata: ClientMetadata{RedirectURIs: []string{"http://app.example"}, IDTokenSignedResponseAlg: "none"}}
	if _, err := odd.MarshalBinary(); err != nil {
		t.Errorf("odd metadata: %v", err)
	}
}

func FuzzRegistration(f *testing.F) {
	b, err := (&Registration{ClientID: "c", AccessToken: NewSecret("t"), Metadata: ClientMetadata{Scope: []string{"openid"}}}).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		read := new(Registration)
		if read.UnmarshalBinary(b) == nil {
			writtenAgain(t, read, new(Registration))
		}
	})
}

// TestRegistrationConfig: how the finished client authenticates and what it accepts follow from what is registered.
func TestRegistrationConfig(t *testing.T) {
	secret := NewSecret(strings.Repeat("s", 64))
	key := PrivateKeyJWT(newKey(t), "")
	for _, l := range []struct {
		name string
		m    ClientMetadata
		tune func(*Config)
		want ClientAuth // nil: compared by want in words
		says string
	}{
		{name: "nothing said", want: ClientSecretBasic(secret)},
		{name: "none", m: ClientMetadata{TokenEndpointAuthMethod: "none"}, want: None()},
		{name: "basic", m: ClientMetadata{TokenEndpointAuthMethod: "client_secret_basic"}, want: ClientSecretBasic(secret)},
		{name: "post", m: ClientMetadata{TokenEndpointAuthMethod: "client_secret_post"}, want: ClientSecretPost(secret)},
		{name: "a secret that signs", m: ClientMetadata{TokenEndpointAuthMethod: "client_secret_jwt", TokenEndpointAuthSigningAlg: "HS512"}, says: "HS512"},
		{name: "a certificate", m: ClientMetadata{TokenEndpointAuthMethod: "self_signed_tls_client_auth"}, want: TLSClientAuth()},
		{name: "the caller's key", m: ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt"}, tune: func(cfg *Config) { cfg.Auth = key }, says: "ES256"},
		{name: "the caller's own", m: ClientMetadata{TokenEndpointAuthMethod: "blood_sample"}, tune: func(cfg *Config) { cfg.Auth = None() }, want: None()},
	} {
		r := &Registration{ClientID: "me", ClientSecret: secret, Metadata: l.m, issuer: "https://op.example"}
		cfg := Config{Issuer: "https://op.example"}
		if l.tune != nil {
			l.tune(&cfg)
		}
		got, err := r.Config(cfg)
		if err != nil {
			t.Errorf("%s: %v", l.name, err)
			continue
		}
		a, signs := got.Auth.(assertion)
		if l.want != nil && got.Auth != l.want || l.says != "" && (!signs || a.signer.Algorithm() != l.says) || got.ClientID != "me" {
			t.Errorf("%s: %T", l.name, got.Auth)
		}
	}

	m := ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}, IDTokenSignedResponseAlg: "PS256", UserInfoSignedResponseAlg: "HS256",
		AuthorizationSignedResponseAlg: "ES384", IntrospectionSignedResponseAlg: "none"}
	r := &Registration{ClientID: "me", ClientSecret: secret, Metadata: m, issuer: "https://op.example"}
	cfg, err := r.Config(Config{})
	if err != nil || cfg.Issuer != "https://op.example" || cfg.RedirectURI != "https://app.example/cb" || !slices.Equal(cfg.IDTokenSigningAlgs, []string{"PS256"}) ||
		cfg.UserInfoSigningAlgs != nil || !slices.Equal(cfg.ResponseSigningAlgs, []string{"ES384"}) || cfg.IntrospectionSigningAlgs != nil {
		t.Errorf("%+v, %v", cfg.IDTokenSigningAlgs, err)
	}
	cfg, err = r.Config(Config{IDTokenSigningAlgs: []string{"ES256"}, UserInfoSigningAlgs: []string{"HS256"}})
	if err != nil || cfg.IDTokenSigningAlgs[0] != "ES256" || cfg.UserInfoSigningAlgs[0] != "HS256" {
		t.Errorf("what the caller says is lost: %v", err)
	}
	r.Metadata.RedirectURIs = append(r.Metadata.RedirectURIs, "https://app.example/other")
	if cfg, err := r.Config(Config{}); err != nil || cfg.RedirectURI != "" {
		t.Errorf("one of two redirect URIs was chosen: %q, %v", cfg.RedirectURI, err)
	}
}

func TestRegistrationConfigMistakes(t *testing.T) {
	for _, l := range []struct {
		name  string
		r     Registration
		cfg   Config
		field string
	}{
		{"another server", Registration{ClientID: "me", issuer: "https://op.example"}, Config{Issuer: "https://evil.example", Auth: None()}, "Issuer"},
		{"another client", Registration{ClientID: "me"}, Config{ClientID: "you", Auth: None()}, "ClientID"},
		{"nobody", Registration{}, Config{Auth: None()}, "ClientID"},
		{"a redirect URI that is not registered", Registration{ClientID: "me", Metadata: ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}},
			Config{RedirectURI: "https://app.example/other", Auth: None()}, "RedirectURI"},
		{"no key", Registration{ClientID: "me", Metadata: ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt"}}, Config{}, "Auth"},
		{"a method that nobody has", Registration{ClientID: "me", Metadata: ClientMetadata{TokenEndpointAuthMethod: "blood_sample"}}, Config{}, "Auth"},
		{"no secret", Registration{ClientID: "me"}, Config{}, "Auth"},
		{"a secret of yesterday", Registration{ClientID: "me", ClientSecret: NewSecret("s"), SecretExpiry: time.Now().Add(-time.Hour)}, Config{}, "Auth"},
		{"a secret of a minute ago by the server's clock", Registration{ClientID: "me", ClientSecret: NewSecret("s"), SecretExpiry: time.Now().Add(time.Minute)},
			Config{ClockSkew: 2 * time.Minute}, "Auth"},
	} {
		cfg, err := l.r.Config(l.cfg)
		var mistake *ConfigError
		if !errors.As(err, &mistake) || mistake.Field != l.field || cfg.ClientID != "" {
			t.Errorf("%s: %v", l.name, err)
		}
	}
}

// TestRegistrationPrintsNoSecret: in whatever way a program prints what it holds.
func TestRegistrationPrintsNoSecret(t *testing.T) {
	m := ClientMetadata{ClientName: "Shop", SoftwareStatement: NewSecret(statement), Extra: map[string]json.RawMessage{"vendor_secret": json.RawMessage(`"` + hostile.Canary + `"`)}}
	r := Registration{ClientID: "me", ClientSecret: NewSecret(hostile.Canary), URI: "https://op.example/client/" + hostile.Canary, AccessToken: NewSecret(hostile.Canary), Metadata: m, issuer: "https://op.example"}
	initial := InitialAccess{Token: NewSecret(hostile.Canary), DPoP: DPoPPerGrant()}
	type caller struct {
		registration Registration
		pointer      *Registration
		metadata     ClientMetadata
		initial      InitialAccess
		Public       Registration
	}
	// From an unexported field fmt takes what it finds, without asking: there the secrets still hide, and Extra is as open as any map.
	bare := Registration{ClientID: "me", ClientSecret: r.ClientSecret, AccessToken: r.AccessToken, Metadata: ClientMetadata{SoftwareStatement: m.SoftwareStatement}}
	held := caller{bare, &bare, bare.Metadata, initial, r}
	failed := &RegistrationError{&r, errors.New("no")}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("x", "registration", r, "pointer", &r, "metadata", m, "initial", initial, "err", failed)
	}
	for _, v := range []any{r, &r, m, &m, initial, failed, held, &held, struct{ R Registration }{r}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb, v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		log.Write(b)
	}
	for what, secret := range map[string]string{"a secret": hostile.Canary, "a secret in hex": fmt.Sprintf("%x", hostile.Canary), "a secret in numbers": strings.Trim(fmt.Sprint([]byte(hostile.Canary)), "[]")} {
		if i := strings.Index(log.String(), secret); i >= 0 {
			t.Errorf("%s was printed: …%s", what, log.String()[max(0, i-200):min(log.Len(), i+40)])
		}
	}
	if got := fmt.Sprint(r, " ", m, " ", Registration{}, " ", Registration{URI: "x", issuer: "y"}); got != `registration of "me" at "https://op.example" metadata of "Shop" no registration registration of "" at "y"` {
		t.Errorf("got %s", got)
	}
}
