package openid

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/strict"
)

// everything is metadata with all its members set, each to something of its own.
func everything(t *testing.T) ClientMetadata {
	t.Helper()
	var m ClientMetadata
	v := reflect.ValueOf(&m).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Addr().Interface().(type) {
		case *string:
			*f = "the " + name
		case *[]string:
			*f = []string{"a" + name, "b"}
		case *bool:
			*f = true
		case *json.RawMessage:
			*f = json.RawMessage(`{"keys":[]}`)
		case **time.Duration:
			d := 90 * time.Second
			*f = &d
		case *Secret:
			*f = NewSecret(statement)
		case *map[string]json.RawMessage:
			*f = map[string]json.RawMessage{"client_name#ja": json.RawMessage(`"店"`), "vendor": json.RawMessage(`[{"a":1}]`)}
		default:
			t.Fatalf("%s is a %T", name, f)
		}
	}
	return m
}

// TestClientMetadataRoundTrip: every member has a name, is written and is read.
func TestClientMetadataRoundTrip(t *testing.T) {
	before := everything(t)
	if fields, names := reflect.TypeOf(before).NumField()-1, len(before.members()); fields != names {
		t.Errorf("%d fields have %d names", fields, names)
	}
	var after ClientMetadata
	table := after.members()
	seen := map[string]bool{}
	err := strict.Object(before.document("me"), func(name []byte, v strict.Value) error {
		seen[string(name)] = true
		if string(name) == "client_id" {
			return nil
		}
		if expected := after.take(table, string(name), v); expected != "" {
			t.Errorf("%s: expected %s", name, expected)
		}
		return nil
	})
	if err != nil || !seen["client_id"] || len(seen) != len(table)+3 {
		t.Fatalf("%d members, %v", len(seen), err)
	}
	if !after.SoftwareStatement.Equal(before.SoftwareStatement) || *after.DefaultMaxAge != *before.DefaultMaxAge {
		t.Error("read something else")
	}
	after.SoftwareStatement, after.DefaultMaxAge = before.SoftwareStatement, before.DefaultMaxAge
	if !reflect.DeepEqual(before, after) {
		t.Errorf("read  %s\nwrote %s", after.document(""), before.document(""))
	}
	if got := string(new(ClientMetadata).document("")); got != "{}" {
		t.Errorf("nothing is %s", got)
	}
	none := ClientMetadata{ResponseTypes: []string{}}
	if got := string(none.document("")); got != `{"response_types":[]}` {
		t.Errorf("no response types are %s", got)
	}
}

// TestClientMetadataMistakes: what no server should be sent is refused before anything is.
func TestClientMetadataMistakes(t *testing.T) {
	p := hostile.New(t)
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	age := 1500 * time.Millisecond
	for _, l := range []struct {
		name  string
		m     ClientMetadata
		field string
	}{
		{"a redirect URI without TLS", ClientMetadata{RedirectURIs: []string{"http://app.example/cb"}}, "RedirectURIs[0]"},
		{"a redirect URI with a fragment", ClientMetadata{RedirectURIs: []string{"https://app.example/cb", "https://app.example/#x"}}, "RedirectURIs[1]"},
		{"two scopes in one", ClientMetadata{Scope: []string{"openid email"}}, "Scope[0]"},
		{"keys twice", ClientMetadata{JWKS: raw(`{"keys":[]}`), JWKSURI: "https://app.example/jwks"}, "JWKS"},
		{"a private EC key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"EC","d":"x"}]}`)}, "JWKS"},
		{"a private RSA key among others", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"EC"},{"kty":"RSA","dp":"x"}]}`)}, "JWKS"},
		{"a secret key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"oct","k":"x"}]}`)}, "JWKS"},
		{"a private ML-DSA key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"AKP","priv":"x"}]}`)}, "JWKS"},
		{"a key outside a set", ClientMetadata{JWKS: raw(`{"kty":"EC"}`)}, "JWKS"},
		{"no JSON for keys", ClientMetadata{JWKS: raw(`{"keys":[`)}, "JWKS"},
		{"ID Tokens under none", ClientMetadata{IDTokenSignedResponseAlg: "none"}, "IDTokenSignedResponseAlg"},
		{"UserInfo under RS1", ClientMetadata{UserInfoSignedResponseAlg: "RS1"}, "UserInfoSignedResponseAlg"},
		{"half a second", ClientMetadata{DefaultMaxAge: &age}, "DefaultMaxAge"},
		{"two names of a certificate", ClientMetadata{TLSClientAuthSANDNS: "a", TLSClientAuthSANIP: "b"}, "TLSClientAuth…"},
		{"a field by another way", ClientMetadata{Extra: map[string]json.RawMessage{"redirect_uris": raw(`["https://evil.example"]`)}}, "Extra"},
		{"a client_id of its own", ClientMetadata{Extra: map[string]json.RawMessage{"client_id": raw(`"admin"`)}}, "Extra"},
		{"a client_secret of its own", ClientMetadata{Extra: map[string]json.RawMessage{"client_secret": raw(`"s"`)}}, "Extra"},
		{"an access token of its own", ClientMetadata{Extra: map[string]json.RawMessage{"registration_access_token": raw(`"s"`)}}, "Extra"},
		{"no JSON", ClientMetadata{Extra: map[string]json.RawMessage{"x": raw(`1,"client_id":2`)}}, "Extra"},
	} {
		if _, err := Register(t.Context(), unregistered(p), l.m); err == nil || !strings.Contains(err.Error(), "ClientMetadata."+l.field+":") || p.Count("") != 0 {
			t.Errorf("%s: %v after %d requests", l.name, err, p.Count(""))
		}
	}
	made := &Registration{ClientID: "c", URI: p.URL("client_configuration/x"), AccessToken: NewSecret("t"), issuer: p.Issuer}
	if now, err := made.Update(t.Context(), unregistered(p), ClientMetadata{IDTokenSignedResponseAlg: "none"}); err == nil || now != made || p.Count("") != 0 {
		t.Errorf("an update: %v", err)
	}
	made.ClientID = ""
	if now, err := made.Update(t.Context(), unregistered(p), web(p)); err == nil || now != made || p.Count("") != 0 {
		t.Errorf("an update of nobody: %v", err)
	}
	var mistake *ConfigError
	cfg := unregistered(p)
	cfg.ClientID = "client"
	if _, err := Register(t.Context(), cfg, web(p)); !errors.As(err, &mistake) || mistake.Field != "ClientID" {
		t.Errorf("registered already: %v", err)
	}
	if _, err := Register(t.Context(), Config{}, web(p)); !errors.As(err, &mistake) || mistake.Field != "Issuer" {
		t.Errorf("no server: %v", err)
	}
}
