// npm openid-client logs in at the provider that its standard input names. Each check prints one line of JSON; the last
// line says how many there were. What the provider does not offer, as its metadata says, is skipped.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import * as oidc from 'openid-client';

const {
  issuer, browser, redirect_uri, web_uri, return_uri, client_id, client_secret, resource, backchannel, only = '',
} = JSON.parse(await text(process.stdin));
const server = new URL(issuer);
const insecure = { execute: [oidc.allowInsecureRequests] }; // http on loopback
const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
const sealing = await crypto.subtle.generateKey({
  name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256',
}, true, ['encrypt', 'decrypt']);
// By way of DER, as provider.mjs explains.
const published = async (key, members) => ({
  ...createPublicKey({ key: Buffer.from(await crypto.subtle.exportKey('spki', key)), format: 'der', type: 'spki' }).export({ format: 'jwk' }), ...members,
});
const jwks = {
  keys: [await published(keys.publicKey, { kid: 'the-key', alg: 'ES256', use: 'sig' }), await published(sealing.publicKey, { kid: 'sealing', use: 'enc' })],
};
const server_metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

const authentication = {
  none: () => oidc.None(),
  client_secret_basic: (secret) => oidc.ClientSecretBasic(secret),
  client_secret_post: (secret) => oidc.ClientSecretPost(secret),
  client_secret_jwt: (secret) => oidc.ClientSecretJwt(secret),
  private_key_jwt: () => oidc.PrivateKeyJwt({ key: keys.privateKey, kid: 'the-key' }),
};

let checks = 0;
async function check(name, run, [member, value] = []) {
  if (!name.includes(only)) return;
  checks++;
  const say = (error) => console.log(JSON.stringify({ check: name, error }));
  if (member && !(value ? server_metadata[member]?.includes(value) : server_metadata[member])) {
    console.log(JSON.stringify({ check: name, skipped: `the metadata lists no ${value ?? ''} as ${member}` }));
    return;
  }
  await run().then(() => say(), (err) => say([err.message, err.code, err.error, err.error_description, err.cause?.message].filter(Boolean).join(' | ')));
}

// register makes a client, and openid-client's configuration for it, which verifies the signatures of ID Tokens.
async function register(metadata = {}, ...execute) {
  const method = metadata.token_endpoint_auth_method ?? 'client_secret_basic';
  const made = await oidc.dynamicClientRegistration(server, {
    redirect_uris: [redirect_uri], post_logout_redirect_uris: [return_uri], response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: method, jwks, ...metadata,
  }, undefined, insecure);
  const { client_id: id, client_secret: secret } = made.clientMetadata();
  const config = await oidc.discovery(server, id, made.clientMetadata(), authentication[method](secret), { execute: [...insecure.execute, ...execute] });
  if (metadata.id_token_signed_response_alg !== 'HS256') oidc.enableNonRepudiationChecks(config);
  return config;
}

// visit sends the browser somewhere and returns what arrives at the application.
async function visit(url, stop, { session = randomUUID(), deny = false } = {}) {
  const response = await fetch(browser, { method: 'POST', body: JSON.stringify({ session, url: url.href, stop, deny }) });
  const arrived = await response.json();
  if (arrived.error) throw new Error(arrived.error);
  return arrived.method === 'GET' ? new URL(arrived.url) : new Request(arrived.url, {
    method: arrived.method, body: arrived.body, headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
}

// decide lets the user answer what a page asks, and the page that comes of it.
async function decide(url, deny = false) {
  const arrived = await (await fetch(browser, { method: 'POST', body: JSON.stringify({ session: randomUUID(), url, deny }) })).json();
  if (arrived.error) throw new Error(arrived.error);
}

// decideBackchannel: on a page of the provider, or, where it has none, as the tests tell it.
async function decideBackchannel(config, deny = false) {
  if (backchannel) {
    await decide(backchannel, deny);
  } else {
    const answer = await fetch(`${issuer}/decide`, { method: 'POST', body: JSON.stringify({ client_id: config.clientMetadata().client_id, deny }) });
    assert.equal(answer.status, 200);
  }
}

async function authorize(config, parameters, user, build = oidc.buildAuthorizationUrl) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const url = await build(config, {
    redirect_uri, scope: 'openid email offline_access', prompt: 'consent', state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...parameters,
  });
  if (!url.searchParams.get('nonce')) url.searchParams.delete('nonce');
  return { arrived: await visit(url, parameters?.redirect_uri ?? redirect_uri, user), expect: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
}

async function login(config, parameters, user, { build, extra, DPoP } = {}) {
  const { arrived, expect } = await authorize(config, parameters, user, build);
  const tokens = await oidc.authorizationCodeGrant(config, arrived, expect, extra, { DPoP });
  assert.equal(tokens.claims().sub, 'alice');
  return { tokens, arrived };
}

const refused = (promise, error) => assert.rejects(promise, (err) => { assert.equal(err.error, error, err.message); return true; });
const header = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

await check('metadata', async () => {
  const metadata = (await register()).serverMetadata();
  assert.equal(metadata.issuer, issuer);
  assert.ok(metadata.supportsPKCE('S256'));
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
});

await check('client_secret_basic with special characters', async () => {
  const config = await oidc.discovery(server, client_id, undefined, oidc.ClientSecretBasic(client_secret), insecure);
  oidc.enableNonRepudiationChecks(config);
  await login(config);
});

for (const token_endpoint_auth_method of Object.keys(authentication)) {
  await check(`authentication ${token_endpoint_auth_method}`, async () => {
    await login(await register({ token_endpoint_auth_method }));
  });
}

for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256']) {
  await check(`ID Token under ${alg}`, async () => {
    const config = await register({ id_token_signed_response_alg: alg });
    const { tokens: { id_token } } = await login(config);
    assert.equal(header(id_token).alg, alg);
    if (alg === 'HS256') { // openid-client leaves this signature to TLS
      const [head, payload, signature] = id_token.split('.');
      assert.equal(createHmac('sha256', config.clientMetadata().client_secret).update(`${head}.${payload}`).digest('base64url'), signature);
    }
  });
}

await check('UserInfo', async () => {
  const config = await register();
  const { tokens } = await login(config);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, 'alice');
  assert.equal(info.email, 'alice@example.com');
  assert.equal(info.email_verified, true);
  await assert.rejects(oidc.fetchUserInfo(config, 'unknown', 'alice'), (err) => err.cause?.[0]?.parameters?.error === 'invalid_token');
});

await check('refresh', async () => {
  const config = await register();
  const { tokens: before } = await login(config);
  const after = await oidc.refreshTokenGrant(config, before.refresh_token);
  assert.notEqual(after.access_token, before.access_token);
  assert.notEqual(after.refresh_token, before.refresh_token);
  assert.equal(after.claims().sub, 'alice');
  assert.equal(after.claims().auth_time, before.claims().auth_time);
  await refused(oidc.refreshTokenGrant(config, before.refresh_token), 'invalid_grant');
  await refused(oidc.refreshTokenGrant(config, after.refresh_token), 'invalid_grant');
});

await check('form_post', async () => {
  const { arrived } = await login(await register(), { response_mode: 'form_post' });
  assert.equal(arrived.method, 'POST');
});

for (const response_mode of ['query', 'form_post']) {
  await check(`denied by ${response_mode}`, async () => {
    const config = await register();
    const { arrived, expect } = await authorize(config, { response_mode }, { deny: true });
    await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'access_denied');
  });
}

await check('a code is good for one use', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config);
  await oidc.authorizationCodeGrant(config, arrived, expect);
  await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'invalid_grant');
});

await check('another code verifier', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config);
  await refused(oidc.authorizationCodeGrant(config, arrived, { ...expect, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), 'invalid_grant');
});

await check('max_age', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config, { max_age: '60' });
  const tokens = await oidc.authorizationCodeGrant(config, arrived, { ...expect, maxAge: 60 });
  assert.equal(typeof tokens.claims().auth_time, 'number');
});

await check('plain OAuth', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config, { scope: 'api:read', nonce: '' });
  const tokens = await oidc.authorizationCodeGrant(config, arrived, { ...expect, expectedNonce: undefined, idTokenExpected: false });
  assert.equal(tokens.id_token, undefined);
});

await check('fetchProtectedResource', async () => {
  const config = await register();
  const { tokens } = await login(config);
  const answer = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(server_metadata.userinfo_endpoint), 'GET');
  assert.equal((await answer.json()).sub, 'alice');
});

await check('refresh for less', async () => {
  const config = await register();
  const { tokens } = await login(config);
  const after = await oidc.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' });
  assert.equal(after.scope, 'openid');
});

await check('refresh by another client', async () => {
  const { tokens } = await login(await register());
  await refused(oidc.refreshTokenGrant(await register(), tokens.refresh_token), 'invalid_grant');
});

await check('nobody is logged in', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config, { prompt: 'none' });
  await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'login_required');
});

await check('PAR', async () => {
  await login(await register(), {}, undefined, { build: oidc.buildAuthorizationUrlWithPAR });
});

await check('PAR, required', async () => {
  await login(await register({ require_pushed_authorization_requests: true }), {}, undefined, { build: oidc.buildAuthorizationUrlWithPAR });
});

const signed = (config, parameters) => oidc.buildAuthorizationUrlWithJAR(config, parameters, { key: keys.privateKey, kid: 'the-key' });

await check('JAR', async () => {
  await login(await register({ request_object_signing_alg: 'ES256' }), {}, undefined, { build: signed });
});

await check('JAR by a stranger', async () => {
  const config = await register({ request_object_signing_alg: 'ES256' });
  const { privateKey: key } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const forged = await oidc.buildAuthorizationUrlWithJAR(config, { redirect_uri, scope: 'openid', state: 'x' }, { key, kid: 'the-key' });
  await assert.rejects(visit(forged, redirect_uri).then((arrived) => {
    if (arrived.searchParams.has('code')) throw new assert.AssertionError({ message: 'a forged request was granted' });
    throw new Error(arrived.searchParams.get('error'));
  }), (err) => !(err instanceof assert.AssertionError));
});

await check('PAR and JAR', async () => {
  await login(await register({ request_object_signing_alg: 'ES256' }), {}, undefined, {
    build: async (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, (await signed(config, parameters)).searchParams),
  });
});

for (const response_mode of ['jwt', 'query.jwt', 'form_post.jwt']) {
  await check(`JARM, ${response_mode}`, async () => {
    const config = await register({ authorization_signed_response_alg: 'ES256' }, oidc.useJwtResponseMode);
    const { arrived } = await login(config, {}, undefined, {
      build: (_, parameters) => {
        const url = oidc.buildAuthorizationUrl(config, parameters);
        url.searchParams.set('response_mode', response_mode);
        return url;
      },
    });
    assert.equal(arrived instanceof URL, response_mode !== 'form_post.jwt');
  });
}

await check('JARM, denied', async () => {
  const config = await register({ authorization_signed_response_alg: 'ES256' }, oidc.useJwtResponseMode);
  const { arrived, expect } = await authorize(config, {}, { deny: true });
  await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'access_denied');
});

const opening = (config) => oidc.enableDecryptingResponses(config, ['A256GCM'], { key: sealing.privateKey, alg: 'RSA-OAEP-256', kid: 'sealing' });
const sealed = (what) => ({
  [`${what}_signed_response_alg`]: 'ES256', [`${what}_encrypted_response_alg`]: 'RSA-OAEP-256', [`${what}_encrypted_response_enc`]: 'A256GCM',
});

await check('JARM, encrypted', async () => {
  const { arrived } = await login(await register(sealed('authorization'), oidc.useJwtResponseMode, opening));
  assert.equal(arrived.searchParams.get('response').split('.').length, 5);
});

await check('encrypted ID Token', async () => {
  const { tokens } = await login(await register(sealed('id_token'), opening));
  assert.equal(tokens.id_token.split('.').length, 5);
});

await check('UserInfo, JWT', async () => {
  const config = await register({ userinfo_signed_response_alg: 'ES256' });
  const { tokens } = await login(config);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, 'alice');
  assert.equal(info.aud, config.clientMetadata().client_id);
});

await check('UserInfo, encrypted', async () => {
  const config = await register(sealed('userinfo'), opening);
  const { tokens } = await login(config);
  assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, 'alice')).email, 'alice@example.com');
});

const hybrid = (...response_types) => ({ response_types, grant_types: ['authorization_code', 'implicit', 'refresh_token'], redirect_uris: [web_uri], post_logout_redirect_uris: [] });

for (const response_mode of ['fragment', 'form_post']) {
  await check(`hybrid, ${response_mode}`, async () => {
    await login(await register(hybrid('code id_token'), oidc.useCodeIdTokenResponseType), { redirect_uri: web_uri, response_mode });
  });
}

await check('implicit', async () => {
  const config = await register(hybrid('id_token'), oidc.useIdTokenResponseType);
  const nonce = oidc.randomNonce();
  const state = oidc.randomState();
  const arrived = await visit(oidc.buildAuthorizationUrl(config, { redirect_uri: web_uri, scope: 'openid', nonce, state }), web_uri);
  assert.equal((await oidc.implicitAuthentication(config, arrived, nonce, { expectedState: state })).sub, 'alice');
});

await check('claims', async () => {
  const { tokens } = await login(await register(), { scope: 'openid', claims: JSON.stringify({ id_token: { email: { essential: true } } }) });
  assert.equal(tokens.claims().email, 'alice@example.com');
});

await check('RAR', async () => {
  const authorization_details = [{ type: 'payment', amount: '12.30' }];
  const { tokens } = await login(await register({ authorization_details_types: ['payment'] }), {
    authorization_details: JSON.stringify(authorization_details), resource, scope: 'openid api:read offline_access',
  }, undefined, { extra: { resource } });
  assert.equal(tokens.authorization_details[0].amount, '12.30');
});

await check('resource', async () => {
  const config = await register();
  const { tokens } = await login(config, { resource, scope: 'openid api:read' }, undefined, { extra: { resource } });
  assert.ok(tokens.access_token);
});

for (const alg of ['ES256', 'PS256', 'Ed25519']) {
  await check(`DPoP with ${alg}`, async () => {
    const config = await register({ dpop_bound_access_tokens: true });
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
    const { tokens } = await login(config, {}, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    await oidc.fetchUserInfo(config, tokens.access_token, 'alice', { DPoP });
    const after = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    await oidc.fetchUserInfo(config, after.access_token, 'alice', { DPoP });
    await assert.rejects(oidc.fetchUserInfo(config, after.access_token, 'alice'));
  }, ['dpop_signing_alg_values_supported', alg]);
}

await check('DPoP and PAR', async () => {
  const config = await register({ dpop_bound_access_tokens: true });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const build = (_, parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
  const { tokens } = await login(config, {}, undefined, { DPoP, build });
  assert.equal(tokens.token_type, 'dpop');
});

await check('DPoP, asked for and not proven', async () => {
  const config = await register({ dpop_bound_access_tokens: true });
  const { arrived, expect } = await authorize(config);
  await assert.rejects(oidc.authorizationCodeGrant(config, arrived, expect), (err) => err.status === 400);
});

const service = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };

for (const token_endpoint_auth_method of Object.keys(authentication).slice(1)) {
  await check(`client credentials, ${token_endpoint_auth_method}`, async () => {
    const config = await register({ ...service, token_endpoint_auth_method });
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'api:read' });
    assert.equal(tokens.scope, 'api:read');
  });
}

await check('client credentials, DPoP', async () => {
  const config = await register({ ...service, dpop_bound_access_tokens: true });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  assert.equal((await oidc.clientCredentialsGrant(config, { scope: 'api:read' }, { DPoP })).token_type, 'dpop');
});

await check('client credentials for a resource', async () => {
  const tokens = await oidc.clientCredentialsGrant(await register(service), { scope: 'api:read', resource });
  assert.equal(tokens.scope, 'api:read');
});

await check('introspection and revocation of an access token', async () => {
  const config = await register();
  const { tokens } = await login(config);
  const before = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([before.active, before.sub, before.client_id], [true, 'alice', config.clientMetadata().client_id]);
  await oidc.tokenRevocation(config, tokens.access_token);
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false });
});

await check('introspection and revocation of a refresh token', async () => {
  const config = await register();
  const { tokens } = await login(config);
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token, { token_type_hint: 'refresh_token' })).active, true);
  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, false);
  await refused(oidc.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
});

await check('introspection of an unknown token', async () => {
  assert.equal((await oidc.tokenIntrospection(await register(), 'unknown')).active, false);
});

await check('introspection, JWT', async () => {
  const config = await register({ introspection_signed_response_alg: 'ES256' });
  const { tokens } = await login(config);
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
}, ['introspection_signing_alg_values_supported', 'ES256']);

await check('introspection of a token bound by DPoP', async () => {
  const config = await register({ ...service, dpop_bound_access_tokens: true });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const { access_token } = await oidc.clientCredentialsGrant(config, { scope: 'api:read' }, { DPoP });
  assert.equal((await oidc.tokenIntrospection(config, access_token)).cnf.jkt, await DPoP.calculateThumbprint());
});

const device = { grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], redirect_uris: [], response_types: [] };

async function connect(config, deny, options) {
  const began = await oidc.initiateDeviceAuthorization(config, { scope: 'openid email offline_access' });
  await decide(began.verification_uri_complete, deny);
  return oidc.pollDeviceAuthorizationGrant(config, began, undefined, options);
}

await check('device', async () => {
  const config = await register(device);
  const tokens = await connect(config);
  assert.equal(tokens.claims().sub, 'alice');
  await oidc.fetchUserInfo(config, tokens.access_token, 'alice');
  assert.equal((await oidc.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, 'alice');
});

await check('device, public client', async () => {
  assert.equal((await connect(await register({ ...device, token_endpoint_auth_method: 'none' }))).claims().sub, 'alice');
});

await check('device, DPoP', async () => {
  const config = await register({ ...device, dpop_bound_access_tokens: true });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  assert.equal((await connect(config, false, { DPoP })).token_type, 'dpop');
});

await check('device, denied', async () => {
  await refused(connect(await register(device), true), 'access_denied');
});

await check('device, nobody has decided', async () => {
  const config = await register(device);
  const { device_code } = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' });
  await refused(oidc.genericGrantRequest(config, device.grant_types[0], { device_code }), 'authorization_pending');
});

const ciba = { grant_types: ['urn:openid:params:grant-type:ciba', 'refresh_token'], redirect_uris: [], response_types: [], backchannel_token_delivery_mode: 'poll' };

async function ask(config, hints, deny) {
  const began = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid email offline_access', binding_message: 'W4SCT', ...hints });
  await decideBackchannel(config, deny);
  return oidc.pollBackchannelAuthenticationGrant(config, began);
}

await check('CIBA', async () => {
  const config = await register(ciba);
  const tokens = await ask(config, { login_hint: 'alice' });
  assert.equal(tokens.claims().sub, 'alice');
  await oidc.fetchUserInfo(config, tokens.access_token, 'alice');
  assert.equal((await oidc.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, 'alice');
  assert.equal((await ask(config, { id_token_hint: tokens.id_token })).claims().sub, 'alice');
});

await check('CIBA, denied', async () => {
  await refused(ask(await register(ciba), { login_hint: 'alice' }, true), 'access_denied');
});

await check('CIBA, unknown user', async () => {
  await refused(oidc.initiateBackchannelAuthentication(await register(ciba), { scope: 'openid', login_hint: 'nobody' }), 'unknown_user_id');
});

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

await check('token exchange', async () => {
  const config = await register({ grant_types: ['authorization_code', 'refresh_token', exchange] });
  const { tokens } = await login(config);
  const access_token_type = 'urn:ietf:params:oauth:token-type:access_token';
  const other = await oidc.genericGrantRequest(config, exchange, { subject_token: tokens.access_token, subject_token_type: access_token_type, scope: 'openid' });
  assert.equal(other.issued_token_type, access_token_type);
  await oidc.fetchUserInfo(config, other.access_token, 'alice');
}, ['grant_types_supported', exchange]);

await check('registration, read, changed and ended', async () => {
  const { registration_client_uri, registration_access_token } = (await register()).clientMetadata();
  let bearer = registration_access_token;
  const manage = async (method, document) => {
    const answer = await fetch(registration_client_uri, {
      method, headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: document && JSON.stringify(document),
    });
    const body = await answer.text();
    if (!body) return { status: answer.status };
    bearer = JSON.parse(body).registration_access_token ?? bearer;
    return { status: answer.status, ...JSON.parse(body) };
  };
  const { status, registration_client_uri: _, registration_access_token: __, client_secret_expires_at, client_id_issued_at, ...document } = await manage('GET');
  assert.equal(status, 200);
  assert.equal((await manage('PUT', { ...document, client_name: 'Renamed' })).client_name, 'Renamed');
  assert.equal((await manage('DELETE')).status, 204);
  assert.equal((await manage('GET')).status, 401);
});

await check('logout', async () => {
  const config = await register();
  const user = { session: randomUUID() };
  const { tokens } = await login(config, {}, user);
  await login(config, { prompt: 'none' }, user);
  const state = oidc.randomState();
  const end = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: return_uri, state });
  const arrived = await visit(end, return_uri, user);
  assert.equal(arrived.searchParams.get('state'), state);
  const { arrived: silent, expect } = await authorize(config, { prompt: 'none' }, user);
  await refused(oidc.authorizationCodeGrant(config, silent, expect), 'login_required');
});

console.log(JSON.stringify({ done: checks }));
