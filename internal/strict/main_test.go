package strict

import (
	"os"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestMain sees to it that every case of the corpus that is told in this package was told.
func TestMain(m *testing.M) {
	os.Exit(hostile.Main(m, "internal/strict", "../../testdata/hostile-cases.txt"))
}
