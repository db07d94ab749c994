package strict

import (
	"encoding/binary"
	"slices"
)

var errBase64 = &Error{"not unpadded base64url"}

// AppendBase64 appends what s encodes in base64url without padding (RFC 4648 section 5, RFC 7515 section 2) to dst. Each
// value has exactly one spelling: the 64 characters and no other (Go's decoder skips CR and LF), no padding, and unused
// bits that are zero (RFC 4648 section 3.5). On error dst is returned as it was.
func AppendBase64(dst []byte, s string) ([]byte, error) {
	n, whole := len(dst), len(s)/4*3
	out := slices.Grow(dst, whole+wordSize)[:n+whole]
	// Eight characters are six bytes, written as a word whose last two bytes the next one overwrites.
	w, bad := out[n:n+whole+wordSize], byte(0)
	for len(s) >= 8 {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		e, f, g, h := sextets[s[4]], sextets[s[5]], sextets[s[6]], sextets[s[7]]
		bad |= a | b | c | d | e | f | g | h
		binary.BigEndian.PutUint64(w, uint64(a)<<58|uint64(b)<<52|uint64(c)<<46|uint64(d)<<40|uint64(e)<<34|uint64(f)<<28|uint64(g)<<22|uint64(h)<<16)
		s, w = s[8:], w[6:]
	}
	if len(s) >= 4 {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		bad |= a | b | c | d
		w[0], w[1], w[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		s = s[4:]
	}
	if bad&outside != 0 {
		return dst, errBase64
	}
	switch len(s) {
	case 1:
		return dst, errBase64
	case 2:
		a, b := sextets[s[0]], sextets[s[1]]
		if (a|b)&outside != 0 || b<<4 != 0 {
			return dst, errBase64
		}
		out = append(out, a<<2|b>>4)
	case 3:
		a, b, c := sextets[s[0]], sextets[s[1]], sextets[s[2]]
		if (a|b|c)&outside != 0 || c<<6 != 0 {
			return dst, errBase64
		}
		out = append(out, a<<2|b>>4, b<<4|c>>2)
	}
	return out, nil
}

const wordSize = 8

// outside marks a byte that is not of the alphabet.
const outside = 0xc0

var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = outside
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = byte(i)
	}
	return t
}()
