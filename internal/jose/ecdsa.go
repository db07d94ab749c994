package jose

import (
	"crypto/elliptic"
	"errors"
)

// curveOf finds a curve by its JWK name, which is also Go's.
func curveOf(crv string) elliptic.Curve {
	switch crv {
	case "P-256":
		return elliptic.P256()
	case "P-384":
		return elliptic.P384()
	case "P-521":
		return elliptic.P521()
	}
	return nil
}

// coordinateSize is the length of a coordinate, and of r and s, in bytes (RFC 7518 section 3.4).
func coordinateSize(curve elliptic.Curve) int { return (curve.Params().BitSize + 7) / 8 }

// appendDER appends a JWS signature, r and s of size bytes each, as the ASN.1 that crypto/ecdsa reads. It is nil, which
// verifies nothing, when the signature is of another size or r or s is zero. The verification that follows checks that
// they lie within the curve's order.
func appendDER(dst, raw []byte, size int) []byte {
	if len(raw) != 2*size {
		return nil
	}
	r, s := significant(raw[:size]), significant(raw[size:])
	if len(r) == 0 || len(s) == 0 {
		return nil
	}
	dst = append(dst, 0x30)
	length := derSize(r) + derSize(s)
	if length > 0x7f { // P-521 only
		dst = append(dst, 0x81)
	}
	dst = append(dst, byte(length))
	return appendInteger(appendInteger(dst, r), s)
}

// significant cuts off leading zeros.
func significant(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func derSize(magnitude []byte) int { return 2 + int(magnitude[0]>>7) + len(magnitude) }

func appendInteger(dst, magnitude []byte) []byte {
	dst = append(dst, 0x02, byte(derSize(magnitude)-2))
	if magnitude[0]>>7 == 1 {
		dst = append(dst, 0)
	}
	return append(dst, magnitude...)
}

var errDER = errors.New("the key's ECDSA signature is not ASN.1 of its curve")

// appendRaw appends the ASN.1 signature that a crypto.Signer makes as r and s of size bytes each.
func appendRaw(dst, der []byte, size int) ([]byte, error) {
	sequence, rest := cutDER(der, 0x30)
	if len(rest) != 0 {
		return nil, errDER
	}
	for range 2 {
		var integer []byte
		if integer, sequence = cutDER(sequence, 0x02); len(integer) == 0 || integer[0]>>7 == 1 {
			return nil, errDER
		}
		integer = significant(integer)
		if len(integer) == 0 || len(integer) > size {
			return nil, errDER
		}
		for range size - len(integer) {
			dst = append(dst, 0)
		}
		dst = append(dst, integer...)
	}
	if len(sequence) != 0 {
		return nil, errDER
	}
	return dst, nil
}

// cutDER cuts one element of the given tag off, with a length of at most two bytes. The content is empty when there is
// no such element.
func cutDER(der []byte, tag byte) (content, rest []byte) {
	if len(der) < 3 || der[0] != tag {
		return nil, nil
	}
	length, der := int(der[1]), der[2:]
	if length == 0x81 {
		length, der = int(der[0]), der[1:]
	} else if length > 0x7f {
		return nil, nil
	}
	if length > len(der) {
		return nil, nil
	}
	return der[:length], der[length:]
}
