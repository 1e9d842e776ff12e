// Rows by their ids, joined parts, and random words: a thread for each element of the result.

KERNEL embedding(float *out, const float *table, const u32 *ids, u32 count, u32 rows, u32 columns) {
  u32 i = thread_of_grid();
  if (i >= count) return;
  u32 id = ids[i / columns];
  out[i] = id < rows ? table[(u64)id * columns + i % columns] : nan();
}

// A warp for each row of the table and 32 of its columns: it looks through the ids 32 at a time, and at each position of its
// own, ascending, every lane adds its column.
KERNEL embedding_grad(float *out, const u32 *ids, const float *gradient, u32 positions, u32 rows, u32 columns) {
  u32 strips = (columns + 31) / 32, row = warp_of_grid() / strips, column = warp_of_grid() % strips * 32 + lane();
  if (row >= rows) return;
  Chunked sum = {0.0f, 0.0f, 0};
  for (u32 first = 0; first < positions; first += 32) {
    u32 position = first + lane();
    u32 own = __ballot_sync(WARP, position < positions && ids[position] == row);
    for (; own != 0; own &= own - 1) {
      u32 at = first + (u32)__ffs((int)own) - 1;
      if (column < columns) term(sum, gradient[(u64)at * columns + column]);
    }
  }
  if (column < columns) out[(u64)row * columns + column] = closed(sum);
}

KERNEL random_words(u32 *out, const u32 *seed, const u32 *samples, const u32 *step, u32 count, u32 each, u32 site) {
  u32 i = thread_of_grid();
  if (i < count) out[i] = philox(seed[0], seed[1], i % each, samples[i / each], site, step[0]);
}

// One part of a concatenation: runs of `run` elements, `pitch` apart from `start` on.
template <class T> INLINE void joined(T *out, const T *part, u32 count, u32 run, u32 pitch, u32 start) {
  u32 i = thread_of_grid();
  if (i < count) out[i / run * pitch + start + i % run] = part[i];
}
KERNEL concat_1(u8 *out, const u8 *part, u32 count, u32 run, u32 pitch, u32 start) { joined(out, part, count, run, pitch, start); }
KERNEL concat_2(u16 *out, const u16 *part, u32 count, u32 run, u32 pitch, u32 start) { joined(out, part, count, run, pitch, start); }
KERNEL concat_4(u32 *out, const u32 *part, u32 count, u32 run, u32 pitch, u32 start) { joined(out, part, count, run, pitch, start); }
