package jose

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
)

// smallOrder tells whether pub is one of the eight points that bring the others to zero: crypto/ed25519 verifies what anybody signs for
// such a key (RFC 8032 section 5.1.7 does not ask to look for them).
func smallOrder(pub ed25519.PublicKey) bool {
	y := [32]byte(pub)
	y[31] &= 0x7f // the sign of x
	return slices.Contains(smallOrders, hex.EncodeToString(y[:]))
}

// smallOrders are the y of these points, little-endian, and where there is room for it y + p, which is read as y.
var smallOrders = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", // 1, the neutral element
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // -1, of order 2
	"0000000000000000000000000000000000000000000000000000000000000000", // 0, of order 4
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // of order 8
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // of order 8
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
}
