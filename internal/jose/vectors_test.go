package jose

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

const (
	rfc7515Payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

	rfc7515A1       = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc7515Payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfc7515A1Secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

	rfc7515A2 = "eyJhbGciOiJSUzI1NiJ9." + rfc7515Payload + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5" +
		"jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j" +
		"zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfc7515A2Key = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRP` +
		`EwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k` +
		`G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`

	rfc7515A3    = "eyJhbGciOiJFUzI1NiJ9." + rfc7515Payload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfc7515A3Key = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

	rfc7515A4 = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt" +
		"AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
	rfc7515A4Key = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",` +
		`"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`

	rfc8037A4   = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	rfc8037Seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfc8037Key  = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

	// RFC 7520 section 3 and 4: one text, signed in four ways.
	rfc7520Payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlv" +
		"dXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
	rfc7520RSAKey = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEi` +
		`ZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQ` +
		`bS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}`
	rfc7520ECKey = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",` +
		`"y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
	rfc7520Secret = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"

	rfc7520s41 = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZo" +
		"pdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW" +
		"3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
	rfc7520s42 = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN" +
		"6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjv" +
		"AA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
	rfc7520s43 = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9" +
		"Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
	rfc7520s44 = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." + rfc7520Payload + ".s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"

	rfc7638Key = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4H` +
		`c5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4` +
		`vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
)

func TestTokensOfTheRFCsVerify(t *testing.T) {
	for _, tt := range []struct {
		section, token string
		key            *Key
	}{
		{"RFC 7515 A.1", rfc7515A1, must(NewSecret(decode(rfc7515A1Secret)))},
		{"RFC 7515 A.2", rfc7515A2, must(ParseKey([]byte(rfc7515A2Key)))},
		{"RFC 7515 A.3", rfc7515A3, must(ParseKey([]byte(rfc7515A3Key)))},
		{"RFC 7515 A.4", rfc7515A4, must(ParseKey([]byte(rfc7515A4Key)))},
		{"RFC 7520 4.1", rfc7520s41, must(ParseKey([]byte(rfc7520RSAKey)))},
		{"RFC 7520 4.2", rfc7520s42, must(ParseKey([]byte(rfc7520RSAKey)))},
		{"RFC 7520 4.3", rfc7520s43, must(ParseKey([]byte(rfc7520ECKey)))},
		{"RFC 7520 4.4", rfc7520s44, must(NewSecret(decode(rfc7520Secret)))},
		{"RFC 8037 A.4", rfc8037A4, must(ParseKey([]byte(rfc8037Key)))},
	} {
		jws := must(Split(tt.token))
		h := must(ParseHeader(jws.Header))
		if !tt.key.Verify(h.Algorithm, jws.Signed, decode(jws.Signature)) {
			t.Errorf("%s does not verify", tt.section)
		}
	}
}

func TestSignerMakesTheTokenOfRFC8037(t *testing.T) {
	s := must(NewSigner(ed25519.NewKeyFromSeed(decode(rfc8037Seed)), SignerOptions{Algorithm: "EdDSA"}))
	if got := must(s.Sign([]byte("Example of Ed25519 signing"))); got != rfc8037A4 {
		t.Errorf("got %s", got)
	}
}

// TestMACMakesTheTokenOfRFC7520: HMAC has nothing random in it, so that header, payload and signature are the specification's own bytes.
func TestMACMakesTheTokenOfRFC7520(t *testing.T) {
	s := must(NewMAC(decode(rfc7520Secret), SignerOptions{Algorithm: "HS256", KeyID: "018c0ae5-4d9b-471b-bfd6-eef314bc7037"}))
	if got := must(s.Sign(decode(rfc7520Payload))); got != rfc7520s44 {
		t.Errorf("got %s", got)
	}
}

func TestThumbprint(t *testing.T) {
	for section, tt := range map[string][2]string{
		"RFC 7638 section 3.1": {rfc7638Key, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"RFC 8037 A.3":         {rfc8037Key, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		if got := must(ParseKey([]byte(tt[0]))).Thumbprint(); got != tt[1] {
			t.Errorf("%s: got %s", section, got)
		}
	}
	if got := must(NewSecret(testSecret)).Thumbprint(); got != "" {
		t.Errorf("a secret has the thumbprint %s", got)
	}
}

func TestHalfHashAllocatesItsResultOnly(t *testing.T) {
	countAllocations(t)
	value := strings.Repeat("a", 200)
	// The text, which base64 makes of bytes.
	if got := testing.AllocsPerRun(100, func() { _, _ = HalfHash("ES256", value) }); got > 2 {
		t.Errorf("%v allocations", got)
	}
}

func TestHalfHash(t *testing.T) {
	hexed := func(s string) string { return base64.RawURLEncoding.EncodeToString(must(hex.DecodeString(s))) }
	for _, tt := range []struct{ source, alg, value, want string }{
		{"OpenID Connect Core A.4, at_hash", "RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"},
		{"OpenID Connect Core A.6, c_hash", "RS256", "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "LDktKdoQak3Pk0cnXxCltA"},
		// FIPS 180-4 examples of "abc", cut to the left half.
		{"SHA-256", "PS256", "abc", hexed("ba7816bf8f01cfea414140de5dae2223")},
		{"SHA-256", "HS256", "abc", hexed("ba7816bf8f01cfea414140de5dae2223")},
		{"SHA-384", "ES384", "abc", hexed("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163")},
		{"SHA-512", "ES512", "abc", hexed("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a")},
		{"SHA-512", "Ed25519", "abc", hexed("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a")},
		{"SHA-512", "EdDSA", "abc", hexed("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a")},
		{"SHAKE256", "ML-DSA-65", "abc", hexed("483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739")},
	} {
		if got, ok := HalfHash(tt.alg, tt.value); !ok || got != tt.want {
			t.Errorf("%s, %s: got %s, want %s", tt.source, tt.alg, got, tt.want)
		}
	}
	for _, alg := range []string{"none", "", "RS1"} {
		if got, ok := HalfHash(alg, "abc"); ok {
			t.Errorf("%q: got %s", alg, got)
		}
	}
}
