package jose

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
)

const (
	// RFC 7517 appendix A.1 and A.2: an EC key for encryption, beside the RSA key of RFC 7638, and its private half.
	rfc7517ECMembers = `"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	rfc7517EC        = `{` + rfc7517ECMembers + `,"use":"enc","kid":"1"}`
	rfc7517ECPrivate = `{` + rfc7517ECMembers + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"}`
	// Appendix A.3.
	rfc7517AES = `{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}`
	rfc7517MAC = `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"}`
	// Appendix B: a key with the certificate that vouches for it, which says nothing to us.
	rfc7517Certified = `{"kty":"RSA","use":"sig","kid":"1b94c","n":"vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_PdiVGKPrqzmDIsLI7sA25VEnHU1uCLNwBuUiCO11_-7dYbsr4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxTWq4aYWAchc8t-emd9qOvWtVMDC2BXksRngh6X5bUYLy6AyHKvj-nUy1wgzjYQDwHMTplCoLtU-o-8SNnZ1tmRoGE9uJkBLdh5gFENabWnU5m1ZqZPdwS-qo-meMvVfJb6jJVWRpl2SUtCnYG2C32qvbWbjZ_jBPD5eunqsIo1vQ",` +
		`"e":"AQAB","x5c":["` + rfc7517Certificate + `"]}`
	rfc7517Certificate = "MIIDQjCCAiqgAwIBAgIGATz/FuLiMA0GCSqGSIb3DQEBBQUAMGIxCzAJBgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVyMRwwGgYDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQYDVQQDEw5CcmlhbiBDYW1wYmVsbDAeFw0xMzAyMjEyMzI5MTVaFw0xODA4MTQyMjI5MTVaMGIxCzAJBgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVy" +
		"MRwwGgYDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQYDVQQDEw5CcmlhbiBDYW1wYmVsbDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAL64zn8/QnHYMeZ0LncoXaEde1fiLm1jHjmQsF/449IYALM9if6amFtPDy2yvz3YlRij66s5gyLCyO7ANuVRJx1NbgizcAblIgjtdf/u3WG7K+IiZhtELto/A7Fck9Ws6SQvzRvOE8uSirYbgmj6He4iO8NCyvaK0jIQRMMGQwsU1quGmFgHIXPLfnpnfajr1rVTAwtg" +
		"V5LEZ4Iel+W1GC8ugMhyr4/p1MtcIM42EA8BzE6ZQqC7VPqPvEjZ2dbZkaBhPbiZAS3YeYBRDWm1p1OZtWamT3cEvqqPpnjL1XyW+oyVVkaZdklLQp2Btgt9qr21m42f4wTw+Xrp6rCKNb0CAwEAATANBgkqhkiG9w0BAQUFAAOCAQEAh8zGlfSlcI0o3rYDPBB07aXNswb4ECNIKG0CETTUxmXl9KUL+9gGlqCz5iWLOgWsnrcKcY0vXPG9J1r9AqBNTqNgHq2G03X09266X5CpOe1zFo+Owb1zxtp3PehFdfQJ610CDLEaS9V9Rqp1" +
		"7hCyybEpOGVwe8fnk+fbEL2Bo3UPGrpsHzUoaGpDftmWssZkhpBJKVMJyf/RuP2SmmaIzmnw9JiSlYhzo4tpzd5rFXhjRbg4zW9C+2qok+2+qDM1iJ684gPHMIY8aLWrdgQTxkumGmTqgawR+N5MDtdPTEQ0XfIBc2cJEUyMTY5MPvACWpkA6SdS4xSvdXK3IVfOWA=="

	// RFC 7515 appendix E.
	rfc7515Critical = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA."

	// RFC 7797 section 4: one text, signed as it usually is, and detached and unencoded, by the key of RFC 7515 appendix A.1.
	rfc7797Encoded   = "eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"
	rfc7797Unencoded = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"

	// RFC 9449 section 4.1, and section 7.1 where it names the access token.
	rfc9449Header  = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
	rfc9449Token   = rfc9449Header + ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfc9449Request = rfc9449Header + ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9" +
		".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfc9449Key = `{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`

	// RFC 9101 section 4.
	rfc9101Object = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsyYmRjIn0." +
		"ewogICAgImlzcyI6ICJzNkJoZFJrcXQzIiwKICAgICJhdWQiOiAiaHR0cHM6Ly9zZXJ2ZXIuZXhhbXBsZS5jb20iLAogICAgInJlc3BvbnNlX3R5cGUiOiAiY29kZSBpZF90b2tlbiIsCiAgICAiY2xpZW50X2lkIjogInM2QmhkUmtxdDMiLAogICAgInJlZGlyZWN0X3VyaSI6ICJodHRwczovL2NsaWVudC5leGFtcGxlLm9yZy9jYiIsCiAgICAic2NvcGUiOiAib3BlbmlkIiwKICAgICJzdGF0ZSI6ICJhZjBpZmpzbGRraiIsCiAgICAibm9uY2UiOiAibi0wUzZfV3pBMk1qIiwKICAgICJtYXhfYWdlIjogODY0MDAKfQ" +
		".Nsxa_18VUElVaPjqW_ToI1yrEJ67BgKb5xsuZRVqzGkfKrOIX7BCx0biSxYGmjK9KJPctH1OC0iQJwXu5YVY-vnW0_PLJb1C2HG-ztVzcnKZC2gE4i0vgQcpkUOCpW3SEYXnyWnKzuKzqSb1wAZALo5f89B_p6QA6j6JwBSRvdVsDPdulW8lKxGTbH82czCaQ50rLAg3EYLYaCb4ik4I1zGXE4fvim9FIMs8OCMmzwIB5S-ujFfzwFjoyuPEV4hJnoVUmXR_W9typPf846lGwA8h9G9oNTIuX8Ft2jfpnZdFmLg3_wr3Wa5q3a-lfbgF3S9H_8nN3j1i7tLR_5Nz-g"
	rfc9101Key = `{"kty":"RSA","kid":"k2bdc","n":"x5RbkAZkmpRxia65qRQ1wwSMSxQUnS7gcpVTV_cdHmfmG2ltd2yabEO9XadD8pJNZubINPpmgHh3J1aD9WRwS05ucmFq3CfFsluLt13_7oX5yDRSKX7poXmT_5ko8k4NJZPMAO8fPToDTH7kHYbONSE2FYa5GZ60CUsFhSonI-dcMDJ0Ary9lxIw5k2z4TAdARVWcS7sD07VhlMMshrwsPHBQgTatlkxyIHXbYdtak8fqvNAwr7OlVEvM_Ipf5OfmdB8Sd-wjzaBsyP4VhJKoi_qdgSzpC694XZeYPq45Sw-q51iFUlcOlTCI7z6jltUtnR6ySn6XDGFnzH5Fe5ypw","e":"AQAB"}`

	// OpenID Connect Core section 6.1; its key has the same name.
	coreObject = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsyYmRjIn0.ew0KICJpc3MiOiAiczZCaGRSa3F0MyIsDQogImF1ZCI6ICJodHRwczovL3NlcnZlci5leGFtcGxlLmNvbSIsDQogInJlc3BvbnNlX3R5cGUiOiAiY29kZSBpZF90b2tlbiIsDQogImNsaWVudF9pZCI6ICJzNkJoZFJrcXQzIiwNCiAicmVkaXJlY3RfdXJpIjog" +
		"Imh0dHBzOi8vY2xpZW50LmV4YW1wbGUub3JnL2NiIiwNCiAic2NvcGUiOiAib3BlbmlkIiwNCiAic3RhdGUiOiAiYWYwaWZqc2xka2oiLA0KICJub25jZSI6ICJuLTBTNl9XekEyTWoiLA0KICJtYXhfYWdlIjogODY0MDAsDQogImNsYWltcyI6IA0KICB7DQogICAidXNlcmluZm8iOiANCiAgICB7DQogICAgICJnaXZl" +
		"bl9uYW1lIjogeyJlc3NlbnRpYWwiOiB0cnVlfSwNCiAgICAgIm5pY2tuYW1lIjogbnVsbCwNCiAgICAgImVtYWlsIjogeyJlc3NlbnRpYWwiOiB0cnVlfSwNCiAgICAgImVtYWlsX3ZlcmlmaWVkIjogeyJlc3NlbnRpYWwiOiB0cnVlfSwNCiAgICAgInBpY3R1cmUiOiBudWxsDQogICAgfSwNCiAgICJpZF90b2tlbiI6" +
		"IA0KICAgIHsNCiAgICAgImdlbmRlciI6IG51bGwsDQogICAgICJiaXJ0aGRhdGUiOiB7ImVzc2VudGlhbCI6IHRydWV9LA0KICAgICAiYWNyIjogeyJ2YWx1ZXMiOiBbInVybjptYWNlOmluY29tbW9uOmlhcDpzaWx2ZXIiXX0NCiAgICB9DQogIH0NCn0" +
		".nwwnNsk1-ZkbmnvsF6zTHm8CHERFMGQPhos-EJcaH4Hh-sMgk8ePrGhw_trPYs8KQxsn6R9Emo_wHwajyFKzuMXZFSZ3p6Mb8dkxtVyjoy2GIzvuJT_u7PkY2t8QU9hjBcHs68PkgjDVTrG1uRTx0GxFbuPbj96tVuj11pTnmFCUR6IEOXKYr7iGOCRB3btfJhM0_AKQUfqKnRlrRscc8Kol-cSLWoYE9l5QqholImzjT_cMnNIznW9E7CDyWXTsO70xnB4SkG6pXfLSjLLlxmPGiyon_-Te111V8uE83IlzCYIb_NMXvtTIVc1jpspnTSD7xMbpL-2QgwUsAlMGzw"
	coreKey = `{"kty":"RSA","kid":"k2bdc","n":"y9Lqv4fCp6Ei-u2-ZCKq83YvbFEk6JMs_pSj76eMkddWRuWX2aBKGHAtKlE5P7_vn__PCKZWePt3vGkB6ePgzAFu08NmKemwE5bQI0e6kIChtt_6KzT5OaaXDFI6qCLJmk51Cc4VYFaxgqevMncYrzaW_50mZ1yGSFIQzLYP8bijAHGVjdEFgZaZEN9lsn_GdWLaJpHrB3ROlS50E45wxrlg9xMncVb8qDPuXZarvghLL0HzOuYRadBJVoWZowDNTpKpk2RklZ7QaBO7XDv3uR7s_sf2g-bAjSYxYUGsqkNA9b3xVW53am_UZZ3tZbFTIh557JICWKHlWj5uzeJXaw","e":"AQAB"}`
)

func TestProofsOfRFC9449Verify(t *testing.T) {
	key := must(ParseKey([]byte(rfc9449Key)))
	for section, token := range map[string]string{"4.1": rfc9449Token, "7.1": rfc9449Request} {
		jws := must(Split(token))
		h := must(ParseHeader(jws.Header))
		if h.Type != "dpop+jwt" || h.Embedded != "jwk" || !key.Verify(h.Algorithm, jws.Signed, decode(jws.Signature)) {
			t.Errorf("section %s does not verify", section)
		}
	}
	if got := key.Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" { // section 6.1
		t.Errorf("thumbprint %s", got)
	}
}

func TestRequestObjectsVerify(t *testing.T) {
	for source, tt := range map[string][2]string{"RFC 9101 section 4": {rfc9101Object, rfc9101Key}, "OpenID Connect Core section 6.1": {coreObject, coreKey}} {
		jws := must(Split(tt[0]))
		h := must(ParseHeader(jws.Header))
		keys := must(ParseSet([]byte(`{"keys":[`+rfc7638Key+`,`+tt[1]+`]}`))).Candidates(nil, h.Algorithm, h.KeyID, h.HasKeyID)
		if len(keys) != 1 || !keys[0].Verify(h.Algorithm, jws.Signed, decode(jws.Signature)) {
			t.Errorf("%s: %d keys, and it does not verify", source, len(keys))
		}
	}
}

// TestKeysOfRFC7517: of appendix A only the RSA key is one to verify with; private and secret keys are none, whoever publishes them.
func TestKeysOfRFC7517(t *testing.T) {
	s := must(ParseSet([]byte(`{"keys":[` + strings.Join([]string{rfc7517EC, rfc7638Key, rfc7517ECPrivate, rfc7517AES, rfc7517MAC}, ",") + `]}`)))
	if s.Len() != 1 || s.keys[0].ID() != "2011-04-29" || !s.keys[0].Serves("RS256") || s.keys[0].Serves("PS256") {
		t.Errorf("%d keys", s.Len())
	}
	want := []string{"keys[0]: use is not sig", "keys[2]: a private key is no public key", "keys[3]: a secret is no public key", "keys[4]: a secret is no public key"}
	if got := strings.Join(s.Skipped(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("skipped\n%s", got)
	}
}

// TestCertifiedKeyOfRFC7517: of appendix B the key counts, and nothing is made of its certificate, which has expired.
func TestCertifiedKeyOfRFC7517(t *testing.T) {
	certificate := must(x509.ParseCertificate(must(base64.StdEncoding.DecodeString(rfc7517Certificate))))
	key := must(ParseKey([]byte(rfc7517Certified)))
	if !certificate.PublicKey.(*rsa.PublicKey).Equal(key.public) || key.ID() != "1b94c" || !key.Serves("RS256") {
		t.Error("it is not the specification's key")
	}
	for what, jwk := range map[string]string{
		"a certificate of nobody": strings.Replace(rfc7517Certified, rfc7517Certificate, "AAAA", 1), "a number": strings.Replace(rfc7517Certified, `["`+rfc7517Certificate+`"]`, "1", 1),
	} {
		if k, err := ParseKey([]byte(jwk)); err != nil || k.Thumbprint() != key.Thumbprint() {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRefusedOfTheRFCs: what they show that no client takes.
func TestRefusedOfTheRFCs(t *testing.T) {
	secret := must(NewSecret(decode(rfc7515A1Secret)))
	jws := must(Split("eyJhbGciOiJub25lIn0." + rfc7515Payload + "."))
	if h := must(ParseHeader(jws.Header)); h.Algorithm != "none" || Supported(h.Algorithm) || secret.Verify(h.Algorithm, jws.Signed, nil) {
		t.Error("RFC 7515 A.5: none verifies")
	}
	for section, form := range map[string]string{
		"RFC 7515 A.6": `{"payload":"` + rfc7515Payload + `","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{"kid":"2010-12-29"},"signature":"` + must(Split(rfc7515A2)).Signature + `"}]}`,
		"RFC 7515 A.7": `{"payload":"` + rfc7515Payload + `","protected":"eyJhbGciOiJFUzI1NiJ9","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":"` + must(Split(rfc7515A3)).Signature + `"}`,
	} {
		if _, err := Split(form); check(err) != "compact" {
			t.Errorf("%s, a JSON form: %v", section, err)
		}
	}
	jws = must(Split(rfc7515Critical))
	if h := must(ParseHeader(jws.Header)); h.Algorithm != "none" || !h.Critical {
		t.Errorf("RFC 7515 E: %+v", h)
	}
	// RFC 7515 appendix F: a detached payload leaves nothing that was signed.
	if jws := must(Split("eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ")); secret.Verify("HS256", jws.Signed, decode(jws.Signature)) {
		t.Error("a detached payload verifies")
	}
	if jws := must(Split(rfc7797Encoded)); !secret.Verify("HS256", jws.Signed, decode(jws.Signature)) {
		t.Error("RFC 7797 4.1: the encoded form does not verify")
	}
	jws = must(Split(rfc7797Unencoded))
	if h := must(ParseHeader(jws.Header)); !h.Critical || !h.B64 || secret.Verify("HS256", jws.Signed, decode(jws.Signature)) {
		t.Errorf("RFC 7797 4.2: %+v, or it verifies", h)
	}
	if !secret.Verify("HS256", jws.Header+".$.02", decode(jws.Signature)) {
		t.Error("RFC 7797 4.2 is not the specification's: over its own payload the signature is good")
	}
}
