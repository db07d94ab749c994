package jose

import "testing"

// RFC 7520 sections 4.5 to 4.8: the text of rfc7520Payload under signatures that a compact JWS cannot hold.
const (
	rfc7520ByHMAC = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9" // {"alg":"HS256","kid":"018c0ae5-…"}
	rfc7520HMAC   = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"

	// Section 4.5: the payload is elsewhere.
	rfc7520s45Compact   = rfc7520ByHMAC + ".." + rfc7520HMAC
	rfc7520s45General   = `{"signatures":[{"protected":"` + rfc7520ByHMAC + `","signature":"` + rfc7520HMAC + `"}]}`
	rfc7520s45Flattened = `{"protected":"` + rfc7520ByHMAC + `","signature":"` + rfc7520HMAC + `"}`

	// Section 4.6: the kid is not protected.
	rfc7520s46Header    = "eyJhbGciOiJIUzI1NiJ9" // {"alg":"HS256"}
	rfc7520s46Signature = "bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"
	rfc7520s46Members   = `"protected":"` + rfc7520s46Header + `","header":{"kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"},"signature":"` + rfc7520s46Signature + `"}`
	rfc7520s46General   = `{"payload":"` + rfc7520Payload + `","signatures":[{` + rfc7520s46Members + `]}`
	rfc7520s46Flattened = `{"payload":"` + rfc7520Payload + `",` + rfc7520s46Members

	// Section 4.7: no header is protected.
	rfc7520s47Signature = "xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk"
	rfc7520s47Members   = `"header":{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"},"signature":"` + rfc7520s47Signature + `"}`
	rfc7520s47General   = `{"payload":"` + rfc7520Payload + `","signatures":[{` + rfc7520s47Members + `]}`
	rfc7520s47Flattened = `{"payload":"` + rfc7520Payload + `",` + rfc7520s47Members

	// Section 4.8: three signatures, protected in three ways.
	rfc7520s48RSA = "MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_THJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_ev" +
		"ZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w"
	rfc7520s48EC      = "ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNCrqcI3Jkl2U5IX3utNhODH6v7xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD"
	rfc7520s48General = `{"payload":"` + rfc7520Payload + `","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{"kid":"bilbo.baggins@hobbiton.example"},"signature":"` + rfc7520s48RSA + `"},` +
		`{"header":{"alg":"ES512","kid":"bilbo.baggins@hobbiton.example"},"signature":"` + rfc7520s48EC + `"},{"protected":"` + rfc7520ByHMAC + `","signature":"` + rfc7520HMAC + `"}]}`
)

// TestRefusedOfRFC7520: that each signature is good over what it covers shows that the examples are the specification's. As a token they are none.
func TestRefusedOfRFC7520(t *testing.T) {
	secret, rsaPub, ec := must(NewSecret(decode(rfc7520Secret))), must(ParseKey([]byte(rfc7520RSAKey))), must(ParseKey([]byte(rfc7520ECKey)))
	for _, tt := range []struct {
		section, alg, signed, signature string
		key                             *Key
	}{
		{"4.5", "HS256", rfc7520ByHMAC + "." + rfc7520Payload, rfc7520HMAC, secret},
		{"4.6", "HS256", rfc7520s46Header + "." + rfc7520Payload, rfc7520s46Signature, secret},
		{"4.7", "HS256", "." + rfc7520Payload, rfc7520s47Signature, secret},
		{"4.8, the first", "RS256", "eyJhbGciOiJSUzI1NiJ9." + rfc7520Payload, rfc7520s48RSA, rsaPub},
		{"4.8, the second", "ES512", "." + rfc7520Payload, rfc7520s48EC, ec},
	} {
		if !tt.key.Verify(tt.alg, tt.signed, decode(tt.signature)) {
			t.Errorf("%s is not the specification's", tt.section)
		}
	}
	for form, token := range map[string]string{
		"4.5, detached, general": rfc7520s45General, "4.5, detached, flattened": rfc7520s45Flattened,
		"4.6, an unprotected kid, general": rfc7520s46General, "4.6, an unprotected kid, flattened": rfc7520s46Flattened,
		"4.7, nothing protected, general": rfc7520s47General, "4.7, nothing protected, flattened": rfc7520s47Flattened,
		"4.8, several signatures": rfc7520s48General,
	} {
		if _, err := Split(token); check(err) != "compact" {
			t.Errorf("%s: %v", form, err)
		}
	}
	jws := must(Split(rfc7520s45Compact))
	if h := must(ParseHeader(jws.Header)); jws.Payload != "" || secret.Verify(h.Algorithm, jws.Signed, decode(jws.Signature)) {
		t.Error("4.5: a detached payload verifies")
	}
	// Squeezed into the compact form, what protects its content only says no alg.
	jws = must(Split("." + rfc7520Payload + "." + rfc7520s47Signature))
	if _, err := ParseHeader(jws.Header); check(err) != "header" {
		t.Errorf("4.7: a token without header: %v", err)
	}
}
