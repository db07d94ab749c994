package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
)

// do runs the command as a shell would.
func do(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestOncePrintsTheTimeline(t *testing.T) {
	code, out, stderr := do(t, "demo", "--once")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	for _, want := range []string{
		"✓ login", "✓ sign in", "✓ callback", "✓ userinfo", "✓ refresh", "✓ logout",
		"logs in as alice", "presses Allow", "GET provider/.well-known/openid-configuration: 200", "POST provider/token: 200",
		"✓ authorization response  state", "✓ token response", "✓ ID Token", "✓ UserInfo", "✓ refreshed ID Token", "✓ logout response",
		"RFC 9207 §2.4", "Verified claims\n", "UserInfo\n", "alice@example.com", "rotated 1×",
		"Every step was taken: logged in, refreshed (the refresh token rotated), logged out.\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("color, although this is no terminal")
	}
	if strings.Contains(out, "code=") || strings.Contains(out, "state=") {
		t.Error("the output shows a query")
	}
}

func TestOnceAsJSON(t *testing.T) {
	code, out, stderr := do(t, "demo", "--once", "--output", "json")
	if code != exitOK || !strings.HasPrefix(stderr, "Every step was taken") {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	var doc struct {
		reportJSON
		Claims   map[string]any `json:"claims"`
		UserInfo map[string]any `json:"userinfo"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if !doc.Result.OK || !doc.Result.Rotated || doc.Result.Refusal != nil || doc.Lie != nil {
		t.Errorf("result %+v, lie %v", doc.Result, doc.Lie)
	}
	if doc.Claims["sub"] != "alice" || doc.Claims["iss"] != doc.Issuer || doc.UserInfo["email"] != "alice@example.com" {
		t.Errorf("claims %v, UserInfo %v", doc.Claims, doc.UserInfo)
	}
	var steps []string
	for _, s := range doc.Steps {
		steps = append(steps, s.Name)
		if !s.OK {
			t.Errorf("step %s failed", s.Name)
		}
	}
	if got := strings.Join(steps, ", "); got != "login, sign in, callback, userinfo, refresh, logout" {
		t.Errorf("steps %s", got)
	}
	seen := map[string]bool{}
	flows := map[string]string{}
	for _, e := range doc.Events {
		seen[e.Kind+" "+e.Document+" "+e.Name] = true
		if !e.OK || e.Error != "" || e.Start.IsZero() || e.Flow == "" {
			t.Errorf("event %+v", e)
		}
		if e.Kind == "check" && e.Spec == "" {
			t.Errorf("check %s of %s names no rule", e.Name, e.Document)
		}
		flows[e.Step] = e.Flow
	}
	for _, want := range []string{"exchange  discovery", "exchange  token", "exchange  jwks", "exchange  userinfo", "check server metadata issuer",
		"check authorization response iss", "check ID Token nonce", "check UserInfo sub", "check refreshed ID Token same sub", "check logout response state"} {
		if !seen[want] {
			t.Errorf("no event %q", want)
		}
	}
	if flows[stepLogin] != flows[stepCallback] {
		t.Error("login and callback are not one flow")
	}
}

func TestTheTimelineInColor(t *testing.T) {
	st := newStage(t)
	var out bytes.Buffer
	if err := st.once(t.Context(), findLie("id-token-exp")).writeText(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[32m✓\x1b[0m", "\x1b[31;1m✗\x1b[0m"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestLiesAreListed(t *testing.T) {
	code, out, _ := do(t, "demo", "--lies")
	if code != exitOK {
		t.Fatalf("exit %d", code)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(lies)+1 {
		t.Errorf("%d lines for %d lies", len(lines), len(lies))
	}
	code, out, _ = do(t, "demo", "--lies", "--output", "json")
	var list []lieJSON
	if err := json.Unmarshal([]byte(out), &list); code != exitOK || err != nil || len(list) != len(lies) {
		t.Errorf("exit %d, %d lies, %v", code, len(list), err)
	}
}

func TestMistakesInTheArguments(t *testing.T) {
	for _, c := range []struct {
		name, args, stderr string
	}{
		{"no such command", "frobnicate", "frobnicate"},
		{"no such flag", "demo --frobnicate", "frobnicate"},
		{"an argument too many", "demo now", "now"},
		{"no such lie", "demo --once --lie frobnicate", `there is no lie "frobnicate"`},
		{"an empty lie", "demo --once --lie=", `there is no lie ""`},
		{"a lie without --once", "demo --lie id-token-aud", "--once"},
		{"an unknown output", "demo --once --output yaml", `got "yaml"`},
		{"output of a server", "demo --output json", "--once, --lies or --flows"},
		{"lies and once", "demo --lies --once", "--lies only lists"},
		{"a command that is a flag", "--version", "unknown flag: --version; see openid --help"},
		{"a flag with a letter too many", "demo --oncee", "unknown flag: --oncee; see openid demo --help"},
		{"no number", "demo --port http", `--port: expected a number, got "http"; see openid demo --help`},
		{"neither true nor false", "demo --once=maybe", `--once: expected true or false, got "maybe"`},
		{"a port above all", "demo --port 99999", "--port: expected 0 to 65535, got 99999"},
		{"a port below all", "demo --port -1", "--port: expected 0 to 65535, got -1"},
		{"a provider's port above all", "demo --once --provider-port 65536", "--provider-port: expected 0 to 65535, got 65536"},
		{"a provider's port below all", "demo --once --provider-port=-1", "--provider-port: expected 0 to 65535, got -1"},
		{"one port for both", "demo --port 8080 --provider-port 8080", "--provider-port: expected another port than --port, got 8080 for both"},
		{"two lies", "demo --once --lie id-token-aud --lie id-token-exp", "--lie: one lie at a time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := do(t, strings.Fields(c.args)...)
			if code != exitUsage || out != "" || !strings.HasPrefix(stderr, "openid: ") || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d, stdout %q, stderr %q", code, out, stderr)
			}
			if !strings.HasSuffix(stderr, " --help\n") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("no way to the help in %q", stderr)
			}
		})
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, flag := range []string{"--port", "--provider-port"} {
		code, out, stderr := do(t, "demo", "--once", flag, port)
		if code != exitFailed || out != "" || !strings.HasPrefix(stderr, "openid: "+flag+" "+port+": ") ||
			!strings.HasSuffix(stderr, ": choose another port, or 0 for any free one\n") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", flag, code, out, stderr)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, stderr bytes.Buffer
	if code := run(ctx, []string{"demo", "--once"}, &out, &stderr); code != exitUsage || stderr.String() != "openid: interrupted\n" {
		t.Errorf("exit %d, stderr %q", code, stderr.String())
	}
}

func TestHelpDocumentsTheExitCodes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"demo", "--help"}} {
		code, out, _ := do(t, args...)
		if code != exitOK || !strings.Contains(out, "Exit codes:\n  0  ") || !strings.Contains(out, "interrupting") || !strings.Contains(out, "go run turns 2 into 1") {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := do(t, "version")
	if code != exitOK || !strings.HasPrefix(out, "openid ") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit %d, %q", code, out)
	}
}
