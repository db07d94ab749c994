package openid

import "context"

// The rows of many tables for the times in a JWT (RFC 7519 sections 4.1.4 to 4.1.6), each with what it says. They are functions, not values made
// by one, so that a table that names them is still linked by those only who use it.

func expRequired(_ context.Context, j *jwt) bool {
	exp, ok := j.claims.exp.NumericDate()
	return ok && j.earliest < exp
}

func saysExp(j *jwt) (expected, got string) {
	return "a time after " + j.clock(), j.date(j.claims.exp)
}

func expIfAny(ctx context.Context, j *jwt) bool { return j.claims.exp == nil || expRequired(ctx, j) }

func saysExpIfAny(j *jwt) (expected, got string) {
	return "nothing, or a time after " + j.clock(), j.date(j.claims.exp)
}

func iatRequired(_ context.Context, j *jwt) bool {
	iat, ok := j.claims.iat.NumericDate()
	return ok && iat <= j.latest
}

func saysIat(j *jwt) (expected, got string) {
	return "a time not after " + j.clock(), j.date(j.claims.iat)
}

func iatIfAny(ctx context.Context, j *jwt) bool { return j.claims.iat == nil || iatRequired(ctx, j) }

func saysIatIfAny(j *jwt) (expected, got string) {
	return "nothing, or a time not after " + j.clock(), j.date(j.claims.iat)
}

func nbfIfAny(_ context.Context, j *jwt) bool {
	nbf, ok := j.claims.nbf.NumericDate()
	return j.claims.nbf == nil || ok && nbf <= j.latest
}

func saysNbfIfAny(j *jwt) (expected, got string) {
	return "nothing, or a time not after " + j.clock(), j.date(j.claims.nbf)
}

// notOld bounds the age of what has an iat that was judged before.
func notOld(_ context.Context, j *jwt) bool {
	iat, _ := j.claims.iat.NumericDate()
	return j.earliest-iat <= int64(maxRecentAge.Seconds())
}

func saysNotOld(j *jwt) (expected, got string) {
	return "issued at most " + maxRecentAge.String() + " before " + j.clock(), j.date(j.claims.iat)
}
