package hostile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestSessionStateFormula is Session Management §3.2, worked out by hand: the hash
// of client_id, origin, browser state and salt, with spaces between, and the salt.
func TestSessionStateFormula(t *testing.T) {
	state := hostile.SessionState("client", "https://app.example", "opbs")
	hash, salt, _ := strings.Cut(state, ".")
	sum := sha256.Sum256([]byte("client https://app.example opbs " + salt))
	if hash != hex.EncodeToString(sum[:]) || salt == "" || strings.Contains(state, " ") {
		t.Errorf("got %q", state)
	}
	if state == hostile.SessionState("client", "https://app.example", "opbs") {
		t.Error("the salt is always the same")
	}
	for _, row := range []struct{ message, origin, browser, want string }{
		{"client " + state, "https://app.example", "opbs", "unchanged"},
		{"client " + state, "https://app.example", "another", "changed"},
		{"client " + state, "https://evil.example", "opbs", "changed"},
		{"other " + state, "https://app.example", "opbs", "changed"},
		{"client " + hash + ".other", "https://app.example", "opbs", "changed"},
		{"client " + hash, "https://app.example", "opbs", "error"},
		{state, "https://app.example", "opbs", "error"},
		{"", "https://app.example", "opbs", "error"},
	} {
		if got := hostile.SameSession(row.message, row.origin, row.browser); got != row.want {
			t.Errorf("%q from %s: %s, want %s", row.message, row.origin, got, row.want)
		}
	}
}
