// Package strict is the one reader of JSON and of base64url for bytes from outside.
//
// A document is refused when it is not exactly one JSON object, repeats a member name anywhere, holds invalid UTF-8 or a
// lone surrogate, or exceeds the caps on depth, members and elements (RFC 8259 section 4, RFC 7493, RFC 7515 section 4).
// Names are compared byte for byte. How many bytes a document may have is the caller's rule.
package strict

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The caps hold for a whole document: the outermost object is depth 1, and members and array elements are counted
// wherever they stand.
const (
	MaxDepth    = 32
	MaxMembers  = 1000
	MaxElements = 10000
)

// Error says why a document was refused. It never carries a value; a member name appears quoted, cut at 64 bytes.
type Error struct {
	Reason string // such as "JSON repeats the member \"sub\""
}

func (e *Error) Error() string { return e.Reason }

var (
	errNotObject = &Error{"JSON is not an object"}
	errNotArray  = &Error{"JSON is not an array"}
	errTrailing  = &Error{"JSON object is followed by something else"}
	errDepth     = &Error{"JSON is nested deeper than " + strconv.Itoa(MaxDepth)}
	errMembers   = &Error{"JSON has more than " + strconv.Itoa(MaxMembers) + " members"}
	errElements  = &Error{"JSON has more than " + strconv.Itoa(MaxElements) + " array elements"}
)

// Object reads doc, which must be one JSON object with nothing after it, and calls member for each of its members in
// order. The name is unescaped and good until member returns; the value aliases doc. An error of member ends the reading
// and is returned as it is, any other error is an *[Error]. Members seen before an error are not to be trusted.
func Object(doc []byte, member func(name []byte, v Value) error) error {
	var found spans
	if n, ok := plain(doc, &found); ok {
		for _, m := range found[:n] {
			if err := member(m.in(doc)); err != nil {
				return err
			}
		}
		return nil
	}
	return object(doc, false, member)
}

// Outer is [Object] for a document whose inner objects stand each for themselves, as the keys of a JWK Set do: a name
// repeated inside one of them is left for [Value.Members] to refuse, so that one bad part does not spoil the others.
func Outer(doc []byte, member func(name []byte, v Value) error) error {
	seen := make(map[string]struct{})
	return object(doc, true, func(name []byte, v Value) error {
		if _, twice := seen[string(name)]; twice {
			return repeated(name)
		}
		seen[string(name)] = struct{}{}
		return member(name, v)
	})
}

func object(doc []byte, repeats bool, member func(name []byte, v Value) error) error {
	s := open(doc, repeats)
	defer s.close()
	if err := s.enter('{', errNotObject); err != nil {
		return err
	}
	small := withinCaps(doc)
	for s.dec.PeekKind() != '}' {
		if s.members++; s.members > MaxMembers {
			return errMembers
		}
		quoted, err := s.dec.ReadValue()
		if err != nil {
			return s.refuse(err)
		}
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			if name, err = jsontext.AppendUnquote(nil, quoted); err != nil {
				return s.refuse(err)
			}
		}
		var v []byte
		if small {
			v, err = s.dec.ReadValue()
		} else {
			v, err = s.value()
		}
		if err != nil {
			return s.refuse(err)
		}
		if err := member(name, v); err != nil {
			return err
		}
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.refuse(err)
	}
	for _, c := range doc[s.dec.InputOffset():] {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return errTrailing
		}
	}
	return nil
}

// withinCaps reports whether doc is certain to stay within all caps, which counting the bytes that would break them shows
// for nearly every document: its values can then be read at once.
func withinCaps(doc []byte) bool {
	return bytes.Count(doc, []byte("{"))+bytes.Count(doc, []byte("[")) <= MaxDepth &&
		bytes.Count(doc, []byte(":")) <= MaxMembers && bytes.Count(doc, []byte(",")) < MaxElements
}

// array calls element for each element of the array in doc.
func array(doc []byte, element func(Value) error) error {
	// Object has counted the elements and looked for repeated names; after Outer those are none of the array's business.
	s := open(doc, true)
	defer s.close()
	if err := s.enter('[', errNotArray); err != nil {
		return err
	}
	for s.dec.PeekKind() != ']' {
		v, err := s.value()
		if err != nil {
			return s.refuse(err)
		}
		if err := element(v); err != nil {
			return err
		}
	}
	return nil
}

// scanner reads a document in place: jsontext parses a bytes.Buffer without copying it.
type scanner struct {
	dec               *jsontext.Decoder
	buf               bytes.Buffer
	doc               []byte
	members, elements int
}

var scanners = sync.Pool{New: func() any { return &scanner{dec: new(jsontext.Decoder)} }}

var repeatsRefused, repeatsAllowed = jsontext.AllowDuplicateNames(false), jsontext.AllowDuplicateNames(true)

func open(doc []byte, repeats bool) *scanner {
	s := scanners.Get().(*scanner)
	s.doc, s.members, s.elements = doc, 0, 0
	s.buf = *bytes.NewBuffer(doc)
	names := repeatsRefused
	if repeats {
		names = repeatsAllowed
	}
	s.dec.Reset(&s.buf, names)
	return s
}

// close lets go of the document before the scanner goes back to the pool.
func (s *scanner) close() {
	s.doc, s.buf = nil, bytes.Buffer{}
	s.dec.Reset(&s.buf)
	scanners.Put(s)
}

// enter reads the byte that opens the document, and refuses it for the given reason when there is another.
func (s *scanner) enter(kind jsontext.Kind, otherwise *Error) error {
	if s.dec.PeekKind() != kind {
		return s.refuse(otherwise)
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.refuse(err)
	}
	return nil
}

// value reads one value. Objects and arrays are read token by token, because only then the caps are looked at before the
// work is done and nothing recurses.
func (s *scanner) value() ([]byte, error) {
	if k := s.dec.PeekKind(); k != '{' && k != '[' {
		return s.dec.ReadValue()
	}
	outside := s.dec.StackDepth()
	var start int64
	for first := true; first || s.dec.StackDepth() > outside; first = false {
		k := s.dec.PeekKind()
		opens := k == '{' || k == '['
		if opens && s.dec.StackDepth() >= MaxDepth {
			return nil, errDepth
		}
		if _, err := s.dec.ReadToken(); err != nil {
			return nil, err
		}
		if first {
			start = s.dec.InputOffset() - 1
		}
		if opens {
			continue
		}
		switch in, n := s.dec.StackIndex(s.dec.StackDepth()); {
		case in == '{' && n%2 == 1: // a name was read, its value is still to come
			if s.members++; s.members > MaxMembers {
				return nil, errMembers
			}
		case in == '[':
			if s.elements++; s.elements > MaxElements {
				return nil, errElements
			}
		}
	}
	return s.doc[start:s.dec.InputOffset():s.dec.InputOffset()], nil
}

// refuse turns an error of jsontext, whose text quotes the document, into one that does not.
func (s *scanner) refuse(err error) error {
	if _, ours := err.(*Error); ours {
		return err
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return repeated([]byte(syntax.JSONPointer.LastToken()))
	case !utf8.Valid(s.doc):
		return &Error{"JSON is not valid UTF-8"}
	case errors.As(err, &syntax):
		return &Error{"JSON is not well-formed at byte " + strconv.FormatInt(syntax.ByteOffset, 10)}
	}
	return &Error{"JSON is cut off"}
}

func repeated(name []byte) *Error {
	return &Error{"JSON repeats the member " + strconv.Quote(string(name[:min(len(name), 64)]))}
}
