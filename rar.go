package openid

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/openid-client/openid/internal/strict"
)

// An AuthorizationDetail asks for, or grants, one thing that a scope is too coarse for: this payment, that account (RFC 9396 section 2).
type AuthorizationDetail struct {
	Type       string   // what the rest means; required
	Locations  []string // where the resources are
	Actions    []string // what may be done there
	DataTypes  []string // to which kinds of data
	Privileges []string // at which level
	Identifier string   // of one resource
	// Extra are the members that Type defines beside these.
	Extra map[string]json.RawMessage
}

var detailMembers = []string{"type", "locations", "actions", "datatypes", "privileges", "identifier"}

func detailsMistake(where string, list []AuthorizationDetail) error {
	for i, d := range list {
		if d.Type == "" {
			return fmt.Errorf("openid: %s.AuthorizationDetails[%d].Type: expected a type (RFC 9396 §2), got nothing", where, i)
		}
		for name := range d.Extra {
			if slices.Contains(detailMembers, name) {
				return fmt.Errorf("openid: %s.AuthorizationDetails[%d].Extra: %s has a field of its own", where, i, name)
			}
		}
		if _, err := appendMembers(nil, d.Extra); err != nil {
			return fmt.Errorf("openid: %s.AuthorizationDetails[%d].Extra: %w", where, i, err)
		}
	}
	return nil
}

// appendDetails writes the parameter authorization_details.
func appendDetails(b []byte, list []AuthorizationDetail) []byte {
	b = append(b, '[')
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"type":`...), d.Type)
		for _, m := range []struct {
			name string
			list []string
		}{{"locations", d.Locations}, {"actions", d.Actions}, {"datatypes", d.DataTypes}, {"privileges", d.Privileges}} {
			if m.list != nil {
				b = appendTexts(append(append(append(b, `,"`...), m.name...), `":`...), m.list)
			}
		}
		if d.Identifier != "" {
			b = appendText(append(b, `,"identifier":`...), d.Identifier)
		}
		for _, name := range slices.Sorted(maps.Keys(d.Extra)) {
			b = append(append(appendText(append(b, ','), name), ':'), d.Extra[name]...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// maxDetails bounds what a server may grant at once.
const maxDetails = 100

var errDetail = errors.New("not authorization details")

// readDetails reads what a token response grants (RFC 9396 section 7).
func readDetails(v strict.Value) ([]AuthorizationDetail, error) {
	var list []AuthorizationDetail
	err := v.Elements(func(v strict.Value) error {
		if len(list) == maxDetails || v.Kind() != '{' {
			return errDetail
		}
		var d AuthorizationDetail
		err := v.Members(func(name []byte, v strict.Value) error {
			ok := true
			switch string(name) {
			case "type":
				d.Type, ok = v.Text()
			case "locations":
				d.Locations, ok = v.Texts()
			case "actions":
				d.Actions, ok = v.Texts()
			case "datatypes":
				d.DataTypes, ok = v.Texts()
			case "privileges":
				d.Privileges, ok = v.Texts()
			case "identifier":
				d.Identifier, ok = v.Text()
			default:
				if d.Extra == nil {
					d.Extra = make(map[string]json.RawMessage)
				}
				d.Extra[string(name)] = json.RawMessage(slices.Clone(v))
			}
			if !ok {
				return errDetail
			}
			return nil
		})
		if err != nil || d.Type == "" {
			return errDetail
		}
		list = append(list, d)
		return nil
	})
	return list, err
}
