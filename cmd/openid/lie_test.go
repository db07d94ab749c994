package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/openid-client/openid"
)

// TestEveryLieIsRefusedByItsCheck runs the whole login once for each lie.
func TestEveryLieIsRefusedByItsCheck(t *testing.T) {
	st, err := openStage(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			rep := st.once(t.Context(), l)
			if rep.failure == nil {
				t.Fatal("the lie was believed")
			}
			got := explain(rep.failure)
			if got.Document != l.document || got.Check != l.check || !strings.HasPrefix(got.Expected, l.expected) {
				t.Errorf("refused by %s of %s (expected %s): %v", got.Check, got.Document, got.Expected, rep.failure)
			}
			if first := rep.entries[0]; first.Name != "discovery" {
				t.Errorf("the timeline starts with %s", first.Name)
			}
			last := rep.entries[len(rep.entries)-1]
			for _, e := range rep.entries[:len(rep.entries)-1] {
				if e.Err != nil {
					t.Errorf("%s %s failed as well: %v", e.Document, e.Name, e.Err)
				}
			}
			if last.Err == nil {
				t.Errorf("the timeline ends with a success: %+v", last.Event)
			}
		})
	}
}

func TestOnceNamesTheCheckThatRefused(t *testing.T) {
	code, out, stderr := do(t, "demo", "--once", "--lie", "id-token-aud")
	want := `Step "callback" failed: refused by check "aud" of ID Token: expected "demo" alone, got "another-client" (OpenID Connect Core 1.0 §3.1.3.7 (3))` + "\n"
	if code != exitFailed || stderr != "" || !strings.HasSuffix(out, want) {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, out)
	}
	if !regexp.MustCompile(`(?m)^  ✗ ID Token +aud +"another-client" +OIDC Core`).MatchString(out) {
		t.Errorf("no failed row in\n%s", out)
	}
	code, out, stderr = do(t, "demo", "--once", "--lie", "token-html", "--output", "json")
	if code != exitFailed || !strings.Contains(stderr, `refused by check "answer" of token endpoint: expected application/json, got text/html`) {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
	for _, want := range []string{`"check": "answer"`, `"document": "token endpoint"`, `"step": "callback"`, `"ok": false`, `"name": "token-html"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// TestALieThatIsBelieved guards the guard: a lie that changes nothing must not count as refused.
func TestALieThatIsBelieved(t *testing.T) {
	rep := &report{lie: lies[0]}
	if got := rep.verdict(); !strings.Contains(got, "was believed") {
		t.Error(got)
	}
	var out bytes.Buffer
	if err := rep.writeText(&out, false); err != nil || !strings.Contains(out.String(), "was believed") {
		t.Error(err, out.String())
	}
}

func TestALieThatIsRefusedByAnotherCheck(t *testing.T) {
	failed := step{stepCallback, &openid.VerificationError{Document: "ID Token", Check: "exp"}}
	got := (&report{lie: findLie("id-token-aud"), steps: []step{failed}, failure: failed.err}).verdict()
	if !strings.HasSuffix(got, "\nThe lie should have been refused by check \"aud\" of ID Token.") {
		t.Error(got)
	}
}

func TestLiesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range lies {
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(l.name) || seen[l.name] {
			t.Errorf("the name %q is no good, or taken", l.name)
		}
		seen[l.name] = true
		if l.falsifies == "" || l.why == "" || l.document == "" || l.check == "" || (l.check == checkAnswer) != (l.expected != "") {
			t.Errorf("%s is incomplete", l.name)
		}
	}
	if len(lies) < 12 {
		t.Errorf("only %d lies", len(lies))
	}
}

// TestTheTruthFromTheMiddlemanIsBelieved shows that the checks refuse the lies, and not the attacker's way of telling them: its key stands in
// the key set. Only the provider notices in the end, when it is handed an ID Token that it never signed.
func TestTheTruthFromTheMiddlemanIsBelieved(t *testing.T) {
	truth := &lie{name: "truth", from: tokenAnswer, token: func(_, _ object) {}}
	lies = append(lies, truth)
	defer func() { lies = lies[:len(lies)-1] }()
	st, err := openStage(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	rep := st.once(t.Context(), truth)
	if last := rep.steps[len(rep.steps)-1]; last.name != stepLogout {
		t.Error(rep.failure)
	}
}

func TestExplainOtherErrors(t *testing.T) {
	got := explain(fmt.Errorf("wrapped: %w", errors.New("no idea")))
	if got.Check != "" || got.String() != "wrapped: no idea" {
		t.Errorf("%+v", got)
	}
}
