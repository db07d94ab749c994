package strict

import "slices"

var errBase64 = &Error{"not unpadded base64url"}

// AppendBase64 appends what s encodes in base64url without padding (RFC 4648 section 5, RFC 7515 section 2) to dst. Each
// value has exactly one spelling: the 64 characters and no other (Go's decoder skips CR and LF), no padding, and unused
// bits that are zero (RFC 4648 section 3.5). On error dst is returned as it was.
func AppendBase64(dst []byte, s string) ([]byte, error) {
	n := len(dst)
	out := slices.Grow(dst, len(s)/4*3+2)
	out = out[:n+len(s)/4*3]
	for w := out[n:]; len(s) >= 4 && len(w) >= 3; s, w = s[4:], w[3:] {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		if (a|b|c|d)&outside != 0 {
			return dst, errBase64
		}
		w[0], w[1], w[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
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
