// A whole Bluesky server: the reference PDS, and the PLC directory that it registers its accounts with.
// Says READY on a line of its own; ends on SIGTERM, SIGINT, or when its standard input does.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { PDS } from '@atproto/pds';
import * as plc from '@did-plc/server';

const needed = (name) => {
  const value = process.env[name];
  if (!value) {
    console.error(`Set ${name}.`);
    process.exit(2);
  }
  return value;
};

const port = Number(needed('PEER_PDS_PORT'));
const plcPort = Number(needed('PEER_PLC_PORT'));
const data = needed('PEER_DATA');
const limited = process.env.PEER_RATE_LIMITS === '1';
// A public address of a test's own, "https://composer.example.com", and where it is served on this machine.
const guest = process.env.PEER_GUEST || '';
const guestAt = process.env.PEER_GUEST_AT || '';
const started = Date.now();

if (guest) {
  // The server reads who an app is at the app's own https address. For this one name, that is here.
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== guest) return fetch(input, init);
    const there = new URL(url.pathname + url.search, guestAt);
    return fetch(input instanceof Request ? new Request(there, input) : there, init);
  };
}

// The directory lives in memory, so accounts of an earlier life would belong to nobody.
fs.rmSync(data, { recursive: true, force: true });
fs.mkdirSync(path.join(data, 'blobs'), { recursive: true });

const directory = plc.PlcServer.create({ db: plc.Database.mock(), port: plcPort });
await directory.start();
const pds = await PDS.fromEnv({
  devMode: true,
  port,
  hostname: 'localhost',
  dataDirectory: data,
  blobstoreDiskLocation: path.join(data, 'blobs'),
  didPlcUrl: `http://localhost:${plcPort}`,
  serviceHandleDomains: ['.test'],
  enableDidDocWithSession: true, // as Bluesky's own servers do: a session says where the account lives
  inviteRequired: false,
  disableSsrfProtection: true, // the directory is on this machine
  bskyAppViewUrl: 'http://127.0.0.1:9', // nobody: what asks the whole network fails at once
  bskyAppViewDid: 'did:web:appview.invalid',
  adminPassword: process.env.PEER_ADMIN_PASSWORD || 'admin-pass',
  jwtSecret: process.env.PEER_JWT_SECRET || 'jwt-secret', // known, so that a test can sign an old token
  plcRotationKeyK256PrivateKeyHex: crypto.randomBytes(32).toString('hex'),
  rateLimitsEnabled: limited,
  rateLimitBypassKey: limited ? 'bypass-me' : undefined,
});
await pds.start();

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(1), 5000).unref(); // a connection that does not end is no reason to stay
  await pds.destroy();
  await directory.destroy();
  process.exit(0);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
process.stdin.on('end', stop).on('error', stop).resume(); // however our parent ends, so do we

console.log(`READY http://localhost:${port} after ${Date.now() - started} ms`);
