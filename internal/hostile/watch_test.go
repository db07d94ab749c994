package hostile

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var sink []byte

// TestWatch: what the watch is there for, each told once, and the honest case.
func TestWatch(t *testing.T) {
	ask := func(t *testing.T, p *Provider, endpoint string) {
		res, err := p.HTTPClient().Get(p.URL(endpoint))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	stay := make(chan bool)
	defer close(stay)
	for _, l := range []struct {
		lie, requests string
		tune          func(*Case)
		tell          func(t *testing.T, p *Provider)
		says          string
	}{
		{"nothing wrong", "discovery jwks userinfo?", nil, func(t *testing.T, p *Provider) {
			ask(t, p, "discovery")
			ask(t, p, "jwks")
			Hear(errors.New("refused"))
		}, ""},
		{"a request too many", "discovery", nil, func(t *testing.T, p *Provider) {
			ask(t, p, "discovery")
			ask(t, p, "token")
			Hear(nil)
		}, `requests: "discovery token", listed: "discovery"`},
		{"a request too few", "discovery token", nil, func(t *testing.T, p *Provider) {
			ask(t, p, "discovery")
			Hear(nil)
		}, `requests: "discovery"`},
		{"the same in another order", "discovery jwks", nil, func(t *testing.T, p *Provider) {
			ask(t, p, "jwks")
			ask(t, p, "discovery")
			Hear(nil)
		}, `requests: "jwks discovery"`},
		{"an address that nobody listed", "", nil, func(t *testing.T, p *Provider) {
			p.HTTPClient().Get("https://evil.example/")
			Hear(nil)
		}, `requests: "dial:evil.example"`},
		{"a goroutine that stays", "", nil, func(t *testing.T, p *Provider) {
			go func() { <-stay }()
			Hear(nil)
		}, "left behind"},
		{"a goroutine of a goroutine", "", nil, func(t *testing.T, p *Provider) {
			started := make(chan bool)
			go func() { go func() { close(started); <-stay }() }()
			<-started
			Hear(nil)
		}, "left behind"},
		{"a body that nobody closes", "discovery", nil, func(t *testing.T, p *Provider) {
			res, err := p.HTTPClient().Get(p.URL("discovery"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { res.Body.Close() })
			Hear(nil)
		}, "left behind"},
		{"65 MiB", "", nil, func(t *testing.T, p *Provider) {
			sink = make([]byte, 65<<20)
			Hear(nil)
		}, "bytes were allocated"},
		{"65 MiB, as it may", "", Bytes(128 << 20), func(t *testing.T, p *Provider) {
			sink = make([]byte, 65<<20)
			Hear(nil)
		}, ""},
		{"longer than it may", "", Within(-1), func(t *testing.T, p *Provider) { Hear(nil) }, "it took"},
		{"a secret in an error", "", nil, func(t *testing.T, p *Provider) { Hear(fmt.Errorf("the secret is %s", p.ClientSecret)) }, "a secret shows"},
		{"a secret in a field", "", nil, func(t *testing.T, p *Provider) { Hear(struct{ Body []byte }{[]byte(Canary)}) }, "a secret shows"},
		{"a JWT in a trace", "", nil, func(t *testing.T, p *Provider) {
			Hear(nil)
			Overhear(struct{ Got string }{NewToken(p.SigningKey(), map[string]any{}).String()})
		}, "a secret shows"},
		{"a case that says nothing", "", nil, func(t *testing.T, p *Provider) { Overhear("heard besides") }, "heard nothing"},
	} {
		t.Run(l.lie, func(t *testing.T) {
			p := New(t)
			tune := []func(*Case){}
			if l.tune != nil {
				tune = append(tune, l.tune)
			}
			c := watch(t, l.requests, tune...)
			defer watching.Store(nil)
			l.tell(t, p)
			c.grace = 20
			faults := strings.Join(c.faults(), "\n")
			if !strings.Contains(faults, l.says) || l.says == "" && faults != "" {
				t.Errorf("got %q, want %q", faults, l.says)
			}
		})
	}
}

// TestWatchInABubble: time that is not real, and connections that end with it.
func TestWatchInABubble(t *testing.T) {
	c := watch(t, "discovery")
	defer watching.Store(nil)
	synctest.Test(t, func(t *testing.T) {
		res, err := Pipe(t).HTTPClient().Get("https://op.example/t/.well-known/openid-configuration")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		res.Body.Close()
		time.Sleep(time.Hour)
		Hear(nil)
	})
	if faults := c.faults(); faults != nil {
		t.Error(faults)
	}
}

// TestCorpusMisses: which tests of a list a run has left out.
func TestCorpusMisses(t *testing.T) {
	const list = "# words\n\nA01 x: one\n\tTestHostileA/A01_x\n\tlogin.TestHostileB\n\tinternal/jose.TestHostileC/A01_y\nA02 x: two\n\topen: package resource\n\tTestHostileA/A02_of_\n"
	for pkg, want := range map[string]string{"": "[TestHostileA/A01_x TestHostileA/A02_of_]", "login": "[TestHostileB]", "internal/jose": "[TestHostileC/A01_y]", "store": "[]"} {
		if got := fmt.Sprint(listedIn(list, pkg)); got != want {
			t.Errorf("%s: got %s, want %s", pkg, got, want)
		}
	}
	for run, want := range map[string]bool{
		"TestHostileA/A01_x": true, "TestHostileA/A01_x/JWT": true, "TestHostileA/A01_x#01": true, "TestHostileA/A01_xx": false, "TestHostileA": false, "": false,
	} {
		if tells(run, "TestHostileA/A01_x") != want {
			t.Errorf("%s: want %v", run, want)
		}
	}
	if !tells("TestHostileA/A02_of_hang", "TestHostileA/A02_of_") {
		t.Error("a name that was put together is not found")
	}
}

// TestCorpusPackages: every test of the list belongs to a package whose TestMain looks for it.
func TestCorpusPackages(t *testing.T) {
	list, err := os.ReadFile("../../testdata/hostile-cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var known int
	for _, pkg := range CorpusPackages {
		known += len(listedIn(string(list), pkg))
	}
	listed := map[string]bool{}
	for _, test := range regexp.MustCompile(`(?m)^\t[^:\n]*Test.*$`).FindAllString(string(list), -1) {
		listed[test] = true
	}
	if known != len(listed) || known == 0 {
		t.Errorf("%d tests of %d belong to a package", known, len(listed))
	}
}
