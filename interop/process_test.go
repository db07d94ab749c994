package interop

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// lack skips a test for what this machine does not have, or fails it where that is required.
func lack(t *testing.T, what, missing string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("OPENID_TEST_REQUIRE"), ","), what) {
		t.Fatalf("%s (OPENID_TEST_REQUIRE names %s)", missing, what)
	}
	t.Skip(missing)
}

// process is a provider in a process of its own.
type process struct {
	cmd *exec.Cmd
	issuers
	ClientID string `json:"client_id"` // where there is one client only
	Secret   string `json:"client_secret"`
	errors   bounded
}

// issuers are what the one process plays, by what they insist on.
type issuers struct {
	Issuer, MTLS, FAPI1, FAPI2 string
}

// start runs a provider that says in its first line where it is, and that ends with its standard input.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd}
	cmd.Stderr = &p.errors
	// Held open and never written to: its end is the end of the provider, even when this process is killed.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// A process that hangs is killed; that ends its output, and the wait for its line.
	deadline := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err == nil && p.Issuer == "" {
		err = errors.New("the ready line lacks an issuer")
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

// A program is a provider in Go that cannot be linked with ours, since the two want different versions of the same modules. It is a
// module of its own, built when it is first needed and run as a process that all tests share.
type program struct {
	name string // its folder
	once sync.Once
	*process
	missing string
	err     error
}

var (
	zitadel  = &program{name: "zitadel"}
	fosite   = &program{name: "fosite"}
	programs = []*program{zitadel, fosite}
)

// started returns the process. Where the program's modules are missing the test is skipped, unless they are required.
func (p *program) started(t *testing.T) *process {
	t.Helper()
	p.once.Do(p.build)
	if p.missing != "" {
		lack(t, p.name, p.missing)
	}
	if p.err != nil {
		t.Fatalf("%s did not start: %v", p.name, p.err)
	}
	return p.process
}

func (p *program) build() {
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("go", args...)
		cmd.Dir = p.name
		// A test downloads nothing.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS=")
		return cmd
	}
	if err := command("list", "-deps", ".").Run(); err != nil {
		p.missing = "the modules of interop/" + p.name + " are missing: run `GOWORK=off go mod download` there"
		return
	}
	dir, err := os.MkdirTemp("", p.name+"-")
	if err != nil {
		p.err = err
		return
	}
	defer os.RemoveAll(dir) // a program that runs needs its file no more
	binary := dir + "/" + p.name
	if said, err := command("build", "-o", binary, ".").CombinedOutput(); err != nil {
		p.err = fmt.Errorf("go build: %w: %s", err, said)
		return
	}
	key, err := x509.MarshalPKIXPublicKey(rsaSigningKey().Public())
	if err != nil {
		p.err = err
		return
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "OPENID_INTEROP_KEY="+encodePEM("PUBLIC KEY", key))
	p.process, p.err = start(cmd)
}

func TestMain(m *testing.M) {
	code := m.Run()
	told := func(name string, said *bounded) {
		if code != 0 {
			fmt.Fprintf(os.Stderr, "%s said:\n%s\n", name, said.String())
		}
	}
	if p := oidcProvider.process; p != nil {
		p.stop()
		told("npm oidc-provider", &p.errors)
	}
	if g := glewlwydProcess.glewlwyd; g != nil {
		g.stop()
		told("Glewlwyd", &g.errors)
	}
	for _, p := range programs {
		if p.process != nil {
			p.stop()
			told(p.name, &p.errors)
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
