package openid

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestManageRegistration: read, change, delete, under tokens that the server replaces each time or never.
func TestManageRegistration(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		t.Run(fmt.Sprint("rotation ", rotate), func(t *testing.T) {
			p := hostile.New(t)
			p.Registration.Rotate = rotate
			cfg := unregistered(p)
			made, err := Register(t.Context(), cfg, web(p))
			if err != nil {
				t.Fatal(err)
			}
			completed, err := made.Config(cfg) // the configuration of the finished client does as well
			if err != nil {
				t.Fatal(err)
			}
			read, err := made.Read(t.Context(), completed)
			if err != nil {
				t.Fatal(err)
			}
			if read.AccessToken.Equal(made.AccessToken) == rotate || !read.ClientSecret.Equal(made.ClientSecret) || read.ClientID != made.ClientID || read.URI != made.URI || !read.IssuedAt.Equal(made.IssuedAt) {
				t.Errorf("read %v", read)
			}
			m := read.Metadata
			m.ClientName, m.LogoURI = "The Shop", "https://app.example/logo.png"
			changed, err := read.Update(t.Context(), cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			if changed.Metadata.ClientName != "The Shop" || changed.Metadata.LogoURI != m.LogoURI || string(changed.Metadata.Extra["client_name#fr"]) != `"Magasin"` {
				t.Errorf("changed to %s", changed.Metadata.document(""))
			}
			sent := p.Requests("client_configuration")[1]
			var body map[string]any
			if err := json.Unmarshal(sent.Body, &body); err != nil || sent.Method != "PUT" || sent.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s, %v", sent.Method, sent.Header, err)
			}
			if body["client_id"] != p.ClientID || body["client_name"] != "The Shop" || body["id_token_signed_response_alg"] != "ES256" {
				t.Errorf("sent %v", body)
			}
			for _, name := range issuedMembers[1:] {
				if body[name] != nil {
					t.Errorf("sent %s", name)
				}
			}
			if read.Metadata.ClientName != "Shop" || made.AccessToken.Equal(changed.AccessToken) == rotate {
				t.Error("a registration changed under its holder")
			}
			if rotate {
				if still, err := made.Read(t.Context(), cfg); !errors.Is(err, ErrInvalidToken) || still != made {
					t.Errorf("a replaced token: %v", err)
				}
			}
			if err := changed.Delete(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			gone := p.Requests("client_configuration")
			if last := gone[len(gone)-1]; last.Method != "DELETE" || len(last.Body) > 0 || last.Header.Get("Accept") != "" || last.Header.Get("Content-Type") != "" {
				t.Errorf("sent %s %q, %v", last.Method, last.Body, last.Header)
			}
			if err := changed.Delete(t.Context(), cfg); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("deleted twice: %v", err)
			}
		})
	}
}

// TestSparseAnswers: what a server leaves out stays as it was, as OpenID Connect lets it.
func TestSparseAnswers(t *testing.T) {
	p := hostile.New(t)
	cfg := unregistered(p)
	made, err := Register(t.Context(), cfg, web(p))
	if err != nil {
		t.Fatal(err)
	}
	p.Registration.Lie = func(m map[string]any) {
		for _, name := range issuedMembers[1:] {
			delete(m, name)
		}
	}
	for name, ask := range map[string]func() (*Registration, error){
		"read":   func() (*Registration, error) { return made.Read(t.Context(), cfg) },
		"update": func() (*Registration, error) { return made.Update(t.Context(), cfg, made.Metadata) },
	} {
		got, err := ask()
		if err != nil || !got.ClientSecret.Equal(made.ClientSecret) || !got.AccessToken.Equal(made.AccessToken) || got.URI != made.URI || !got.IssuedAt.Equal(made.IssuedAt) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	p.Registration.Lie = func(m map[string]any) {
		clear(m)
		m["client_id"] = p.ClientID
		m["client_secret"], m["client_secret_expires_at"] = "new-secret", time.Now().Add(time.Hour).Unix()
	}
	got, err := made.Read(t.Context(), cfg)
	if err != nil || got.ClientSecret.Reveal() != "new-secret" || time.Until(got.SecretExpiry) < 59*time.Minute || got.Metadata.ClientName != "Shop" {
		t.Errorf("a new secret alone: %v, %v", got, err)
	}
	p.Registration.Lie = func(m map[string]any) { // a server without management, and without an echo
		clear(m)
		m["client_id"] = p.ClientID
	}
	bare, err := Register(t.Context(), cfg, ClientMetadata{RedirectURIs: []string{p.RedirectURI}, TokenEndpointAuthMethod: "none"})
	if err != nil || bare.Metadata.TokenEndpointAuthMethod != "none" || bare.URI != "" {
		t.Errorf("a bare answer: %v, %v", bare, err)
	}
	for name, err := range map[string]error{"read": second(bare.Read(t.Context(), cfg)), "update": second(bare.Update(t.Context(), cfg, web(p))), "delete": bare.Delete(t.Context(), cfg),
		"read nil": second((*Registration)(nil).Read(t.Context(), cfg))} {
		if !errors.Is(err, errUnmanaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestRegistrationStaysHome: the token of one server's registration is not sent for another configuration.
func TestRegistrationStaysHome(t *testing.T) {
	honest, evil := hostile.New(t), hostile.New(t)
	made, err := Register(t.Context(), unregistered(honest), web(honest))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := made.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	kept := new(Registration)
	if err := kept.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	before := honest.Count("")
	for name, r := range map[string]*Registration{"fresh": made, "stored": kept} {
		if now, err := r.Read(t.Context(), unregistered(evil)); refusedBy(err) != "issuer" || now != r {
			t.Errorf("%s: read: %v", name, err)
		}
		if err := r.Delete(t.Context(), unregistered(evil)); refusedBy(err) != "issuer" {
			t.Errorf("%s: delete: %v", name, err)
		}
		var mistake *ConfigError
		if _, err := r.Config(unregistered(evil)); !errors.As(err, &mistake) || mistake.Field != "Issuer" {
			t.Errorf("%s: a configuration: %v", name, err)
		}
	}
	if honest.Count("") != before || evil.Count("") != 0 {
		t.Error("somebody was asked")
	}
}
