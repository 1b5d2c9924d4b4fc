// SHA-256 (FIPS 180-4), for pages over plain HTTP, where browsers have no crypto.subtle.

/** The first 32 bits of the fractional parts of roots of primes. @param {number} n @param {number} power */
function fractions(n, power) {
  const out = [];
  for (let p = 2; out.length < n; p++) {
    let prime = true;
    for (let d = 2; d * d <= p; d++) if (p % d === 0) prime = false;
    if (prime) out.push(((p ** power) % 1) * 2 ** 32 | 0);
  }
  return out;
}

const start = fractions(8, 1 / 2), round = fractions(64, 1 / 3);
const rotate = (/** @type {number} */ x, /** @type {number} */ n) => (x >>> n) | (x << (32 - n));

/** @param {Uint8Array} data @returns {string} hexadecimal */
export function plain(data) {
  const length = ((data.length + 8) >> 6) + 1;
  const padded = new DataView(new ArrayBuffer(length * 64));
  data.forEach((b, i) => padded.setUint8(i, b));
  padded.setUint8(data.length, 0x80);
  padded.setUint32(length * 64 - 8, Math.floor(data.length / 2 ** 29));
  padded.setUint32(length * 64 - 4, data.length * 8);
  const h = [...start];
  const w = new Int32Array(64);
  for (let block = 0; block < length; block++) {
    for (let i = 0; i < 16; i++) w[i] = padded.getInt32(block * 64 + i * 4);
    for (let i = 16; i < 64; i++) {
      const a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      const b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    let [a, b, c, d, e, f, g, z] = h;
    for (let i = 0; i < 64; i++) {
      const one = z + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + round[i] + w[i];
      const two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [z, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, z].forEach((v, i) => { h[i] = (h[i] + v) | 0; });
  }
  return h.map((v) => (v >>> 0).toString(16).padStart(8, '0')).join('');
}

/** @param {string} text @returns {Promise<string>} hexadecimal */
export async function hash(text) {
  const data = new TextEncoder().encode(text);
  if (!globalThis.crypto?.subtle) return plain(data);
  return [...new Uint8Array(await crypto.subtle.digest('SHA-256', data))].map((b) => b.toString(16).padStart(2, '0')).join('');
}
