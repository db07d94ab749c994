package strict

import (
	"bytes"
	"unicode/utf8"
)

const (
	maxPlain     = 48      // bounds the comparison of every name with every other
	maxPlainSize = 1 << 20 // fits a span; longer documents are nothing that has to be fast
)

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
	if len(doc) == 0 || len(doc) > maxPlainSize || doc[0] != '{' || !utf8.Valid(doc) {
		return 0, false
	}
	marks := uint64(0)
	for i := 1; n < maxPlain; n++ {
		colon := plainString(doc, i)
		if colon == len(doc) || doc[colon] != ':' {
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
		if end == len(doc) {
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

// plainString returns where the string that begins at i ends, the end of doc if there is none or nothing follows it.
func plainString(doc []byte, i int) int {
	if i < len(doc) && doc[i] == '"' {
		for i++; i < len(doc) && doc[i] >= ' ' && doc[i] != '\\'; i++ {
			if doc[i] == '"' {
				return i + 1
			}
		}
	}
	return len(doc)
}

// plainValue returns where the value that begins at i ends, the end of doc if it is not plain.
func plainValue(doc []byte, i int) int {
	if i == len(doc) {
		return i
	}
	switch c := doc[i]; {
	case c == '"':
		return plainString(doc, i)
	case '1' <= c && c <= '9':
		for i++; i < len(doc) && '0' <= doc[i] && doc[i] <= '9'; i++ {
		}
		return i
	case c == '[':
		for range maxPlain {
			i = plainString(doc, i+1)
			switch {
			case i == len(doc):
				return i
			case doc[i] == ']':
				return i + 1
			case doc[i] != ',':
				return len(doc)
			}
		}
	case bytes.HasPrefix(doc[i:], []byte("true")):
		return i + len("true")
	case bytes.HasPrefix(doc[i:], []byte("false")):
		return i + len("false")
	}
	return len(doc)
}
