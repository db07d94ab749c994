package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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
	if slices.Contains(strings.Split(os.Getenv("OPENID_TEST_REQUIRE"), ","), "node") {
		t.Fatalf("%s (OPENID_TEST_REQUIRE names node)", missing)
	}
	t.Skip(missing)
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

// process is a provider in a process of its own.
type process struct {
	cmd *exec.Cmd
	issuers
	errors bounded
}

// issuers are what the one process plays, by what they insist on.
type issuers struct {
	Issuer, MTLS, FAPI1, FAPI2 string
}

func startProvider(path string) (*process, error) {
	p := &process{cmd: exec.Command(path, "provider.mjs")}
	p.cmd.Dir = nodeDir
	p.cmd.Stderr = &p.errors
	material, err := json.Marshal(map[string]string{"key": authority().key, "cert": authority().cert, "ca": authority().ca})
	if err != nil {
		return nil, err
	}
	p.cmd.Env = append(os.Environ(), "OPENID_INTEROP_TLS="+string(material))
	// Held open and never written to: its end is the end of the provider, even when this process is killed.
	if _, err := p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	// A process that hangs is killed; that ends its output, and the wait for its line.
	deadline := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer deadline.Stop()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.issuers)
	}
	if err == nil && (p.Issuer == "" || p.FAPI2 == "") {
		err = errors.New("the ready line lacks issuers")
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; it said: %s", err, p.errors.String())
	}
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if p := oidcProvider.process; p != nil {
		p.stop()
		if code != 0 {
			fmt.Fprintf(os.Stderr, "npm oidc-provider said:\n%s\n", p.errors.String())
		}
	}
	if g := glewlwydProcess.glewlwyd; g != nil {
		g.stop()
		if code != 0 {
			fmt.Fprintf(os.Stderr, "Glewlwyd said:\n%s\n", g.errors.String())
		}
	}
	os.Exit(code)
}

// bounded keeps the end of what a process says.
type bounded struct {
	mu   sync.Mutex
	kept []byte
}

const maxKept = 16 << 10

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p...)
	b.kept = bytes.Clone(b.kept[max(0, len(b.kept)-maxKept):])
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.kept)
}
