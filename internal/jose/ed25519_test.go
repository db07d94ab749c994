package jose

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
)

// TestSmallOrders works out the points from the curve, -x² + y² = 1 + dx²y² (RFC 8032 section 5.1): doubling the neutral element gives itself,
// (0, -1) gives it, y = 0 gives (0, -1), and x² = -y² gives y = 0.
func TestSmallOrders(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	d := mod(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p)))
	ys := []*big.Int{big.NewInt(0), big.NewInt(1), mod(big.NewInt(-1)), p, new(big.Int).Add(p, big.NewInt(1))}
	root := new(big.Int).ModSqrt(mod(new(big.Int).Add(d, big.NewInt(1))), p)
	for _, r := range []*big.Int{root, mod(new(big.Int).Neg(root))} { // dy⁴ + 2y² - 1 = 0
		square := mod(new(big.Int).Mul(new(big.Int).Sub(r, big.NewInt(1)), new(big.Int).ModInverse(d, p)))
		if y := new(big.Int).ModSqrt(square, p); y != nil {
			ys = append(ys, y, new(big.Int).Sub(p, y))
		}
	}
	if len(ys) != len(smallOrders) {
		t.Fatalf("%d points, %d in the table", len(ys), len(smallOrders))
	}
	for _, y := range ys {
		encoded := y.FillBytes(make([]byte, 32))
		slices.Reverse(encoded)
		if !slices.Contains(smallOrders, hex.EncodeToString(encoded)) {
			t.Errorf("%x is not in the table", encoded)
		}
	}
}

// TestSmallOrderSignsForAnybody: what the table is for. With no private key at all, a signature of zeros and the neutral element is good for the
// standard library under every such key for some message, and we have no such key.
func TestSmallOrderSignsForAnybody(t *testing.T) {
	signature := make([]byte, 64)
	signature[0] = 1
	for _, encoded := range smallOrders {
		for _, sign := range []byte{0, 0x80} {
			pub := ed25519.PublicKey(must(hex.DecodeString(encoded)))
			pub[31] |= sign
			forged := false
			for i := range 256 {
				forged = forged || ed25519.Verify(pub, []byte{byte(i)}, signature)
			}
			if !forged {
				t.Errorf("%x: crypto/ed25519 takes no forgery, and the table is not needed", pub)
			}
			if _, err := NewKey(pub, ""); err == nil {
				t.Errorf("%x is a key", pub)
			}
		}
	}
}
