package openidtest

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// User is somebody who can log in.
type User struct {
	Username string
	Password string
	Subject  string // the claim sub; the username when empty

	// Claims about the user, as they come out of JSON. A standard claim (OpenID Connect Core, section 5.1) is part of the
	// UserInfo answer when the client was granted its scope (section 5.4). All others are part of every UserInfo answer
	// and of every ID Token.
	Claims map[string]any
}

// demoPassword is shown on the login page.
const demoPassword = "demo"

// DemoUsers returns alice, bob and carol. Each of them has the password "demo" and all the standard claims.
func DemoUsers() []User {
	return []User{
		demoUser("alice", "Liddell", "female", "1996-05-04", "Europe/London", "en-GB"),
		demoUser("bob", "Builder", "male", "1988-11-21", "Europe/Oslo", "nb-NO"),
		demoUser("carol", "Danvers", "female", "1979-02-28", "America/New_York", "en-US"),
	}
}

func demoUser(name, family, gender, birthdate, zone, locale string) User {
	given := strings.ToUpper(name[:1]) + name[1:]
	return User{Username: name, Password: demoPassword, Claims: map[string]any{
		"name":                  given + " " + family,
		"given_name":            given,
		"family_name":           family,
		"middle_name":           "Test",
		"nickname":              name,
		"preferred_username":    name,
		"profile":               "https://example.com/" + name,
		"picture":               "https://example.com/" + name + ".png",
		"website":               "https://" + name + ".example.com/",
		"gender":                gender,
		"birthdate":             birthdate,
		"zoneinfo":              zone,
		"locale":                locale,
		"updated_at":            1767225600,
		"email":                 name + "@example.com",
		"email_verified":        true,
		"phone_number":          "+1 (555) 010-0199",
		"phone_number_verified": false,
		"address": map[string]any{
			"formatted":      "1 Test Street\n12345 Exampleton\nNorway",
			"street_address": "1 Test Street",
			"locality":       "Exampleton",
			"postal_code":    "12345",
			"country":        "Norway",
		},
	}}
}

// scopeOfClaim says which scope asks for a standard claim (OpenID Connect Core, section 5.4).
var scopeOfClaim = map[string]string{
	"name": "profile", "given_name": "profile", "family_name": "profile", "middle_name": "profile", "nickname": "profile",
	"preferred_username": "profile", "profile": "profile", "picture": "profile", "website": "profile", "gender": "profile",
	"birthdate": "profile", "zoneinfo": "profile", "locale": "profile", "updated_at": "profile",
	"email": "email", "email_verified": "email",
	"phone_number": "phone", "phone_number_verified": "phone",
	"address": "address",
}

// claimNames returns the names of all claims of the users, for the metadata.
func claimNames(users []User) []string {
	names := map[string]bool{"auth_time": true}
	for _, u := range users {
		for name := range u.Claims {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ownClaims are what the provider itself says in an ID Token.
var ownClaims = []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "auth_time", "at_hash", "c_hash", "s_hash"}

// claims returns those that the scopes grant, and those that need none.
func (u User) claims(scopes []string) map[string]any {
	out := u.extraClaims()
	for name, value := range u.Claims {
		if scope := scopeOfClaim[name]; scope != "" && slices.Contains(scopes, scope) {
			out[name] = value
		}
	}
	return out
}

// extraClaims returns the claims that belong to no scope.
func (u User) extraClaims() map[string]any {
	out := map[string]any{}
	for name, value := range u.Claims {
		if scopeOfClaim[name] == "" {
			out[name] = value
		}
	}
	return out
}

// users checks the users of a configuration and fills in their subjects.
func users(given []User) ([]User, error) {
	var errs []error
	out := slices.Clone(given)
	subjects := map[string]string{}
	for i := range out {
		u := &out[i]
		if u.Username == "" {
			errs = append(errs, fmt.Errorf("user %d has no username", i))
		}
		if u.Subject == "" {
			u.Subject = u.Username
		}
		if other, taken := subjects[u.Subject]; taken {
			errs = append(errs, fmt.Errorf("users %q and %q have the same subject", other, u.Username))
		}
		subjects[u.Subject] = u.Username
		if slices.ContainsFunc(out[:i], func(o User) bool { return o.Username == u.Username }) {
			errs = append(errs, fmt.Errorf("two users are called %q", u.Username))
		}
		for _, name := range ownClaims {
			if _, ok := u.Claims[name]; ok {
				errs = append(errs, fmt.Errorf("user %q: the claim %q is made by the provider", u.Username, name))
			}
		}
	}
	return out, errors.Join(errs...)
}

func (p *Provider) user(username string) (User, bool) {
	i := slices.IndexFunc(p.users, func(u User) bool { return u.Username == username })
	if i < 0 {
		return User{}, false
	}
	return p.users[i], true
}

func (p *Provider) userBySubject(subject string) User {
	i := slices.IndexFunc(p.users, func(u User) bool { return u.Subject == subject })
	if i < 0 {
		return User{} // a client's own grant
	}
	return p.users[i]
}

func (p *Provider) checkPassword(username, password string) (User, bool) {
	u, ok := p.user(username)
	return u, ok && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
}
