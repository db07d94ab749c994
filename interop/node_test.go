package interop

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

const nodeDir = "node"

// node returns the path of Node.js. Where it, or its packages, are missing, the test is skipped, unless it is required.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	missing := ""
	if err != nil {
		missing = "Node.js is not installed: install it, then run `npm ci` in interop/node"
	} else if _, err := os.Stat(filepath.Join(nodeDir, "node_modules", ".package-lock.json")); err != nil {
		missing = "the Node.js packages are missing: run `npm ci` in interop/node"
	}
	if missing == "" {
		return path
	}
	lack(t, "node", missing)
	return ""
}

// oidcProvider is the one process of npm oidc-provider that all tests of a run share.
var oidcProvider struct {
	once    sync.Once
	process *process
	err     error
}

func oidcProviderIssuer(t *testing.T) string { return oidcProviderIssuers(t).Issuer }

func oidcProviderIssuers(t *testing.T) issuers {
	path := node(t)
	oidcProvider.once.Do(func() { oidcProvider.process, oidcProvider.err = startProvider(path) })
	if oidcProvider.err != nil {
		t.Fatalf("npm oidc-provider did not start: %v", oidcProvider.err)
	}
	return oidcProvider.process.issuers
}

func startProvider(path string) (*process, error) {
	cmd := exec.Command(path, "provider.mjs")
	cmd.Dir = nodeDir
	material, err := json.Marshal(map[string]string{"key": authority().key, "cert": authority().cert, "ca": authority().ca})
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "OPENID_INTEROP_TLS="+string(material))
	p, err := start(cmd)
	if err == nil && p.FAPI2 == "" {
		p.stop()
		err = errors.New("the ready line lacks issuers")
	}
	return p, err
}
