package openid

import (
	"net/http"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jwks"
)

// TestExportedKeys: a process that is started for one request needs no fetch of its own.
func TestExportedKeys(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, first *Client) {
		if _, err := first.ExportKeys(); err == nil {
			t.Error("keys were exported before there were any")
		}
		good := longLived(p, p.SigningKey()).String()
		verify(t, first, good)
		exported, err := first.ExportKeys()
		if err != nil {
			t.Fatal(err)
		}
		before := p.Count("jwks")

		warm := newTestClient(t, p)
		if err := warm.ImportKeys(exported); err != nil {
			t.Fatal(err)
		}
		verify(t, warm, good)
		late := newTestClient(t, p)
		if _, err := late.Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := late.ImportKeys(exported); err != nil {
			t.Fatal(err)
		}
		verify(t, late, good)
		if n := p.Count("jwks") - before; n != 0 {
			t.Errorf("%d fetches with imported keys, want none", n)
		}

		other := hostile.PipeAt(t, "other.example")
		if err := newTestClient(t, other).ImportKeys(exported); refusedBy(err) != "issuer" {
			t.Errorf("the keys of another issuer: %v", err)
		}
		if err := newTestClient(t, p).ImportKeys(exported[:len(exported)-1]); err == nil {
			t.Error("half an export was taken")
		}

		// The metadata has the last word on where the keys are.
		moved := newTestClient(t, p)
		if err := moved.ImportKeys(exported); err != nil {
			t.Fatal(err)
		}
		p.Serve("keys", p.Honest("jwks"))
		p.Metadata = func(m map[string]any) { m["jwks_uri"] = p.URL("keys") }
		verify(t, moved, good)
		if n := p.Count("keys"); n != 1 {
			t.Errorf("%d fetches from where the keys have moved to, want 1", n)
		}
		p.Metadata = nil

		time.Sleep(jwks.HardAge)
		stale := newTestClient(t, p)
		if err := stale.ImportKeys(exported); err != nil {
			t.Fatal(err) // it does no I/O and cannot know yet
		}
		p.Serve("jwks", hostile.Status(http.StatusInternalServerError, "text/plain", "down"))
		refuse(t, stale, good, "key")
	})
}
