// What generated kernels begin with: where the operands of each element of a result lie.

// An operand that is repeated, turned or cut: the last three lengths of the result's four axes, and how far each axis goes in it.
struct Walk {
  u32 start, lengths[3], strides[4];

  INLINE_MEMBER u32 at(u32 i) const {
    u32 offset = start + i % lengths[2] * strides[3];
    i /= lengths[2];
    offset += i % lengths[1] * strides[2];
    i /= lengths[1];
    return offset + i % lengths[0] * strides[1] + i / lengths[0] * strides[0];
  }
};
