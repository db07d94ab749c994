package strict

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// maxPlain bounds the comparison of every name with every other.
const maxPlain = 48

// spans are where plain found the members: small, because a verification touches little memory otherwise.
type spans [maxPlain]span

type span struct{ name, colon, end uint32 }

func (m span) in(doc []byte) (name []byte, v Value) {
	return doc[m.name : m.colon-1], Value(doc[m.colon+1 : m.end : m.end])
}

// plain reads the documents that servers send most: no escapes, no white space, no nested object, lists of strings, positive
// integers. It halves the time of a document, and it never refuses: what it does not know is left to jsontext. What it
// accepts, jsontext accepts with the same members (FuzzPlain).
func plain(doc []byte, found *spans) (n int, ok bool) {
	if len(doc) < 2 || len(doc) > math.MaxInt32 || doc[0] != '{' || !utf8.Valid(doc) {
		return 0, false
	}
	marks := uint64(0)
	for i := 1; n < maxPlain; n++ {
		colon := plainString(doc, i)
		if colon < 0 || colon == len(doc) || doc[colon] != ':' {
			return 0, false
		}
		name := doc[i+1 : colon-1]
		if len(name) == 0 {
			return 0, false
		}
		// Most names differ in length or in their first or last byte: only the others are compared.
		mark := uint64(1) << ((len(name) ^ int(name[0]) ^ int(name[len(name)-1])<<2) & 63)
		if marks&mark != 0 {
			for _, m := range found[:n] {
				if string(doc[m.name:m.colon-1]) == string(name) {
					return 0, false
				}
			}
		}
		marks |= mark
		end := plainValue(doc, colon+1)
		if end < 0 || end == len(doc) {
			return 0, false
		}
		found[n] = span{uint32(i + 1), uint32(colon), uint32(end)}
		switch doc[end] {
		case ',':
			i = end + 1
		case '}':
			return n + 1, end+1 == len(doc)
		default:
			return 0, false
		}
	}
	return 0, false
}

// plainString returns where the string that begins at i ends, -1 if there is none.
func plainString(doc []byte, i int) int {
	if i >= len(doc) || doc[i] != '"' {
		return -1
	}
	for i++; i < len(doc); i++ {
		if c := doc[i]; c == '"' {
			return i + 1
		} else if c < ' ' || c == '\\' {
			return -1
		}
	}
	return -1
}

// plainValue returns where the value that begins at i ends, -1 if it is not plain.
func plainValue(doc []byte, i int) int {
	if i >= len(doc) {
		return -1
	}
	switch c := doc[i]; {
	case c == '"':
		return plainString(doc, i)
	case '1' <= c && c <= '9':
		for i++; i < len(doc) && '0' <= doc[i] && doc[i] <= '9'; i++ {
		}
		return i
	case c == '[':
		for elements := 0; elements < maxPlain; elements++ {
			if i = plainString(doc, i+1); i < 0 || i == len(doc) {
				return -1
			}
			if doc[i] == ']' {
				return i + 1
			}
			if doc[i] != ',' {
				return -1
			}
		}
	case bytes.HasPrefix(doc[i:], []byte("true")):
		return i + len("true")
	case bytes.HasPrefix(doc[i:], []byte("false")):
		return i + len("false")
	}
	return -1
}
