package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid/openidtest"
)

// notOffered are the checks that a provider's metadata makes no sense of. One more of them would be a feature that has got lost.
var notOffered = map[string][]string{
	"oidc-provider":               {"token exchange"},
	"openidtest_with_pages":       {"DPoP with Ed25519", "introspection, JWT"},
	"openidtest_with_DPoP_nonces": {"DPoP with Ed25519"},
}

// TestOpenIDClient lets npm openid-client judge our provider, lest our client and our provider agree on an error. It logs in at
// npm oidc-provider too: what fails there is a fault of the checks.
func TestOpenIDClient(t *testing.T) {
	node := node(t)
	judge := func(t *testing.T, p *provider) {
		where := t.Name()
		browser := httptest.NewServer(&browsers{})
		defer browser.Close()
		task, err := json.Marshal(map[string]string{
			"issuer": p.issuer, "browser": browser.URL, "redirect_uri": redirectURI, "return_uri": returnURI,
			"client_id": specialID, "client_secret": specialSecret, "web_uri": appURI, "resource": resource, "backchannel": p.backchannel, "only": p.only,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, node, "client.mjs")
		cmd.Dir = nodeDir
		cmd.Stdin = bytes.NewReader(task)
		complaints := new(bounded)
		cmd.Stderr = complaints
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("client.mjs: %v: %s", err, complaints)
		}

		seen, done := 0, -1
		for lines := json.NewDecoder(bytes.NewReader(out)); ; {
			var line struct {
				Check, Error, Skipped string
				Done                  *int
			}
			if err := lines.Decode(&line); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if line.Done != nil {
				done = *line.Done
				continue
			}
			seen++
			t.Run(line.Check, func(t *testing.T) {
				if line.Error != "" {
					t.Error(line.Error)
				}
				known := slices.Contains(notOffered[path.Base(where)], line.Check)
				if offered := line.Skipped == ""; offered == known {
					t.Errorf("offered: %t, expected %t, as notOffered says; %s", offered, !known, line.Skipped)
				}
			})
		}
		if seen == 0 || seen != done {
			t.Errorf("%d checks were reported, and client.mjs counted %d at its end", seen, done)
		}
	}
	eachWithPages(t, judge)
	t.Run("openidtest with DPoP nonces", func(t *testing.T) {
		op := openidtest.New(t, openidtest.Config{Scopes: scopes, Clients: clients, Resources: []string{resource}, DPoPNonces: true, Log: t.Logf})
		judge(t, &provider{issuer: op.Issuer(), pages: true, only: "DPoP"})
	})
}

// browsers lends the user agent to programs that are not written in Go.
type browsers struct {
	mu       sync.Mutex
	sessions map[string]*userAgent
}

func (b *browsers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var errand struct {
		Session, URL, Stop string
		Deny               bool
	}
	var arrived struct {
		Method string `json:"method"`
		URL    string `json:"url"`
		Body   string `json:"body"`
		Error  string `json:"error"`
	}
	b.mu.Lock() // one errand after the other
	defer b.mu.Unlock()
	if err := json.NewDecoder(io.LimitReader(r.Body, maxPage)).Decode(&errand); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if b.sessions == nil {
		b.sessions = map[string]*userAgent{}
	}
	ua := b.sessions[errand.Session]
	if ua == nil {
		ua = newUserAgent(nil)
		b.sessions[errand.Session] = ua
	}
	ua.deny = errand.Deny
	if errand.Stop == "" {
		if err := ua.decide(r.Context(), errand.URL); err != nil {
			arrived.Error = err.Error()
		}
	} else if got, err := ua.visit(r.Context(), errand.URL, errand.Stop); err != nil {
		arrived.Error = err.Error()
	} else {
		body, _ := io.ReadAll(got.Body) // from memory
		arrived.Method, arrived.URL, arrived.Body = got.Method, got.URL.String(), string(body)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(arrived)
}
