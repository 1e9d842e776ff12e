// BLAKE3 of a tensor's bytes (the BLAKE3 paper, O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020): a thread for each chunk of
// 1024 bytes, then for each parent, level by level. An odd one out goes up as it is: that is the paper's tree.

#define CHUNK_START 1u
#define CHUNK_END 2u
#define PARENT 4u
#define ROOT 8u

static __constant__ u32 BLAKE3_IV[8] = {0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                                        0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};

INLINE u32 turned_right(u32 x, u32 by) { return x >> by | x << (32 - by); }

INLINE void mix(u32 &a, u32 &b, u32 &c, u32 &d, u32 x, u32 y) {
  a += b + x, d = turned_right(d ^ a, 16), c += d, b = turned_right(b ^ c, 12);
  a += b + y, d = turned_right(d ^ a, 8), c += d, b = turned_right(b ^ c, 7);
}

INLINE void compress(u32 (&chain)[8], const u32 (&words)[16], u64 counter, u32 length, u32 flags) {
  u32 v[16], m[16];
#pragma unroll
  for (int i = 0; i < 8; i++) v[i] = chain[i], v[i + 8] = BLAKE3_IV[i & 3];
  v[12] = (u32)counter, v[13] = (u32)(counter >> 32), v[14] = length, v[15] = flags;
#pragma unroll
  for (int i = 0; i < 16; i++) m[i] = words[i];
#pragma unroll
  for (int round = 0; round < 7; round++) {
    mix(v[0], v[4], v[8], v[12], m[0], m[1]), mix(v[1], v[5], v[9], v[13], m[2], m[3]);
    mix(v[2], v[6], v[10], v[14], m[4], m[5]), mix(v[3], v[7], v[11], v[15], m[6], m[7]);
    mix(v[0], v[5], v[10], v[15], m[8], m[9]), mix(v[1], v[6], v[11], v[12], m[10], m[11]);
    mix(v[2], v[7], v[8], v[13], m[12], m[13]), mix(v[3], v[4], v[9], v[14], m[14], m[15]);
    u32 p[16] = {m[2], m[6], m[3], m[10], m[7], m[0], m[4], m[13], m[1], m[11], m[12], m[5], m[9], m[14], m[15], m[8]};
#pragma unroll
    for (int i = 0; i < 16; i++) m[i] = p[i];
  }
#pragma unroll
  for (int i = 0; i < 8; i++) chain[i] = v[i] ^ v[i + 8];
}

// Word `at` of the bytes, little-endian; what lies beyond the end is 0.
INLINE u32 word_at(const u8 *bytes, u64 length, u64 at) {
  if (at + 4 <= length) return *(const u32 *)(bytes + at);
  u32 word = 0;
  for (u32 i = 0; i < 4; i++) {
    if (at + i < length) word |= (u32)bytes[at + i] << 8 * i;
  }
  return word;
}

KERNEL blake3_chunks(u32 *out, const u8 *bytes, u64 length, u32 chunks) {
  u32 chunk = thread_of_grid();
  if (chunk >= chunks) return;
  u32 chain[8], words[16];
#pragma unroll
  for (int i = 0; i < 8; i++) chain[i] = BLAKE3_IV[i];
  u64 first = (u64)chunk * 1024, left = length - first;
  u32 size = left < 1024 ? (u32)left : 1024u, blocks = size == 0 ? 1 : (size + 63) / 64;
#pragma unroll 1
  for (u32 block = 0; block < blocks; block++) {
    bool last = block + 1 == blocks;
#pragma unroll
    for (int i = 0; i < 16; i++) words[i] = word_at(bytes, length, first + block * 64 + 4 * i);
    u32 flags = (block == 0 ? CHUNK_START : 0u) | (last ? CHUNK_END | (chunks == 1 ? ROOT : 0u) : 0u);
    compress(chain, words, chunk, last ? size - block * 64 : 64u, flags);
  }
#pragma unroll
  for (int i = 0; i < 8; i++) out[chunk * 8 + i] = chain[i];
}

KERNEL blake3_parents(u32 *out, const u32 *children, u32 count) {
  u32 parent = thread_of_grid();
  if (2 * parent >= count) return;
  u32 chain[8], words[16];
#pragma unroll
  for (int i = 0; i < 16; i++) words[i] = 2 * parent * 8 + i < count * 8 ? children[2 * parent * 8 + i] : 0;
#pragma unroll
  for (int i = 0; i < 8; i++) chain[i] = BLAKE3_IV[i];
  if (2 * parent + 1 < count) {
    compress(chain, words, 0, 64, PARENT | (count == 2 ? ROOT : 0u));
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) chain[i] = words[i];
  }
#pragma unroll
  for (int i = 0; i < 8; i++) out[parent * 8 + i] = chain[i];
}
