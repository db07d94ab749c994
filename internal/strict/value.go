package strict

import (
	"bytes"
	"crypto/subtle"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is one JSON value exactly as it stood in the document, which it aliases. [Object] has checked it.
type Value []byte

// Kind is the kind of the value by its first byte: '{', '[', '"', '0' for a number, 't', 'f' or 'n'; 0 for no value.
func (v Value) Kind() byte {
	switch {
	case len(v) == 0:
		return 0
	case v[0] == '-' || '0' <= v[0] && v[0] <= '9':
		return '0'
	}
	return v[0]
}

// Text returns a JSON string, unescaped.
func (v Value) Text() (string, bool) {
	inner, ok := v.inner()
	if !ok {
		return "", false
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

// Equal reports whether the value is a JSON string of exactly these bytes. It allocates only where the string is escaped.
func (v Value) Equal(s string) bool {
	inner, ok := v.inner()
	if !ok {
		return false
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == s
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return err == nil && string(text) == s
}

// EqualSecret is [Value.Equal] in time that depends on the lengths only, for what an attacker may guess.
func (v Value) EqualSecret(s string) bool {
	inner, ok := v.inner()
	if !ok {
		return false
	}
	if bytes.IndexByte(inner, '\\') >= 0 {
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return false
		}
		inner = text
	}
	if len(inner) != len(s) {
		return false
	}
	different := byte(0)
	for i := range inner {
		different |= inner[i] ^ s[i]
	}
	return subtle.ConstantTimeByteEq(different, 0) == 1
}

// inner is what stands between the quotes of a string.
func (v Value) inner() ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	return v[1 : len(v)-1], true
}

// Bool returns a JSON boolean: true and false only, no string, no number.
func (v Value) Bool() (value, ok bool) {
	switch string(v) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Integer returns a JSON number that is written without fraction and exponent and fits.
func (v Value) Integer() (int64, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

// maxNumericDate is the last second of the year 9999.
const maxNumericDate = 253402300799

// NumericDate returns a JSON number of seconds since 1970 (RFC 7519 section 2) from 0 to the end of the year 9999. A
// fraction is cut off. Exponents are worked out in decimal, so that nothing is rounded and nothing wraps around. A minus
// sign is refused, even before zero.
func (v Value) NumericDate() (int64, bool) {
	if v.Kind() != '0' || v[0] == '-' {
		return 0, false
	}
	if n, ok := v.digits(); ok {
		return n, true
	}
	number, exponent := []byte(v), 0
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(number[i+1:])); err != nil {
			return 0, false
		}
		number = number[:i]
	}
	whole, fraction, _ := bytes.Cut(number, []byte("."))
	var n int64
	// An exponent near the ends of int cannot wrap here: i only grows, and n leaves the range within 13 digits or
	// stays zero to the end of the digits.
	for i := 0; i-len(whole) < exponent; i++ {
		var digit byte
		switch {
		case i < len(whole):
			digit = whole[i]
		case i-len(whole) < len(fraction):
			digit = fraction[i-len(whole)]
		case n == 0:
			return 0, true
		default:
			digit = '0'
		}
		if n = n*10 + int64(digit-'0'); n > maxNumericDate {
			return 0, false
		}
	}
	return n, true
}

// digits reads the number of nearly every date: a few digits and nothing else.
func (v Value) digits() (n int64, ok bool) {
	if len(v) > 11 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// Texts returns a JSON array whose elements are all strings. An empty array is an empty slice, not nil.
func (v Value) Texts() ([]string, bool) {
	texts := []string{}
	err := v.Elements(func(e Value) error {
		text, ok := e.Text()
		if !ok {
			return errNotArray
		}
		texts = append(texts, text)
		return nil
	})
	return texts, err == nil
}

// Elements calls element for each element of a JSON array. An error of element ends the reading and is returned as it is.
func (v Value) Elements(element func(Value) error) error { return array(v, element) }

// Members is [Object] for a nested object.
func (v Value) Members(member func(name []byte, v Value) error) error { return Object(v, member) }

// AppendText appends s as a JSON string. It is an error if s is not UTF-8; what is appended then has replacement characters.
func AppendText(b []byte, s string) ([]byte, error) { return jsontext.AppendQuote(b, s) }
