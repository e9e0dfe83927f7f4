// A DHT node of another implementation (npm bittorrent-dht), spoken to in lines of JSON: commands on standard input,
// answers on standard output. Run by bittorrent_dht.py, which
// puts it beside the package; the argument is a node to come in through.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { createInterface } from 'node:readline';

import { Client } from 'bittorrent-dht';

const SALT = Buffer.from('accord');
const HEAD = { private: Buffer.from('302e020100300506032b657004220420', 'hex'), public: Buffer.from('302a300506032b6570032100', 'hex') };
const publicKey = (raw) => createPublicKey({ key: Buffer.concat([HEAD.public, raw]), format: 'der', type: 'spki' });
const privateKey = (seed) => createPrivateKey({ key: Buffer.concat([HEAD.private, seed]), format: 'der', type: 'pkcs8' });

const dht = new Client({
  bootstrap: [process.argv[2]],
  host: '127.0.0.1',
  verify: (signature, message, key) => verify(null, message, publicKey(Buffer.from(key)), signature),
});
const say = (answer) => console.log(JSON.stringify(answer));

function put({ seed, key, record, seq }) {
  const secret = privateKey(Buffer.from(seed, 'hex'));
  const item = { k: Buffer.from(key, 'hex'), v: Buffer.from(record, 'hex'), salt: SALT, seq, sign: (data) => sign(null, data, secret) };
  dht.put(item, (error, hash, kept) => say({ error: error?.message, kept }));
}

function get({ key }) {
  const target = createHash('sha1').update(Buffer.from(key, 'hex')).update(SALT).digest();
  dht.get(target, { salt: SALT, cache: false }, (error, found) =>
    say({ error: error?.message, record: found && Buffer.from(found.v).toString('hex'), seq: found?.seq }));
}

function announce({ infohash, port }) {
  dht.announce(infohash, port, (error) => say({ error: error?.message }));
}

function lookup({ infohash }) {
  const peers = new Set();
  dht.on('peer', (peer) => peers.add(`${peer.host}:${peer.port}`));
  dht.lookup(infohash, (error) => say({ error: error?.message, peers: [...peers] }));
}

const commands = { put, get, announce, lookup };
dht.listen(0, '127.0.0.1', () => {
  dht.once('ready', () => say({ port: dht.address().port }));
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const { command, ...rest } = JSON.parse(line);
  commands[command](rest);
}).on('close', () => dht.destroy(() => process.exit(0)));
