package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestEveryFlow plays every flow that the embedded provider can play, from the login to the logout.
func TestEveryFlow(t *testing.T) {
	st, err := openStage(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	for _, f := range playable() {
		t.Run(f.name, func(t *testing.T) {
			rep := st.onceAs(t.Context(), f)
			if rep.failure != nil {
				t.Fatal(rep.failure)
			}
			exchanges := map[string]bool{}
			for _, e := range rep.entries {
				exchanges[e.Name] = true
			}
			if exchanges["pushed authorization request"] != strings.HasPrefix(f.name, "par") {
				t.Error("pushed, or not pushed")
			}
			if bound := rep.person.tokens.DPoPThumbprint() != ""; bound != strings.HasSuffix(f.name, "dpop") {
				t.Error("bound, or not bound")
			}
		})
	}
}

func TestFlowsAreListed(t *testing.T) {
	code, out, stderr := do(t, "demo", "--flows")
	if code != exitOK || stderr != "" || strings.Count(out, "\n") != len(flows)+1 {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, out)
	}
	code, out, _ = do(t, "demo", "--flows", "--output", "json")
	var list []flowJSON
	if err := json.Unmarshal([]byte(out), &list); code != exitOK || err != nil || len(list) != len(flows) {
		t.Errorf("exit %d, %v, %d flows", code, err, len(list))
	}
	for _, f := range list {
		if f.Played != (f.Cannot == "") || f.Shows == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestAllFlowsInOneDocument(t *testing.T) {
	code, out, stderr := do(t, "demo", "--once", "--flow", "all", "--output", "json")
	var reports []reportJSON
	if err := json.Unmarshal([]byte(out), &reports); code != exitOK || err != nil || len(reports) != len(playable()) {
		t.Fatalf("exit %d, %v, %d reports, stderr %q", code, err, len(reports), stderr)
	}
	for _, rep := range reports {
		if !rep.Result.OK || rep.Flow == nil || !slices.ContainsFunc(rep.Steps, func(s stepJSON) bool { return s.Name == stepLogout }) {
			t.Errorf("%+v: %+v", rep.Flow, rep.Result)
		}
	}
	code, out, _ = do(t, "demo", "--once", "--flow", "implicit")
	if code != exitOK || !strings.Contains(out, "flow          implicit: an ID Token and nothing else") || strings.Contains(out, "refresh") {
		t.Errorf("exit %d, stdout\n%s", code, out)
	}
}

func TestFlowMistakes(t *testing.T) {
	for _, row := range []struct {
		args []string
		says string
	}{
		{[]string{"demo", "--flow", "par"}, "--flow needs --once"},
		{[]string{"demo", "--once", "--flow", "pra"}, `there is no flow "pra"`},
		{[]string{"demo", "--once", "--flow", "mtls"}, "proven in interop/"},
		{[]string{"demo", "--once", "--flow", "par", "--lie", "id-token-aud"}, "--flow and --lie"},
		{[]string{"demo", "--flows", "--once"}, "--flows only lists"},
		{[]string{"demo", "--lies", "--flows"}, "only lists"},
	} {
		if code, _, stderr := do(t, row.args...); code != exitUsage || !strings.Contains(stderr, row.says) {
			t.Errorf("%v: exit %d, %q", row.args, code, stderr)
		}
	}
}
