// What generated kernels begin with: where the operands of each element of a result lie.

// An operand that is repeated, turned or cut: the last three lengths of the result's four axes, and how far each axis goes in it.
struct Walk {
  u32 start, strides[4];
  Divisor lengths[3];

  INLINE_MEMBER u32 at(u32 i) const {
    u32 offset = start;
#pragma unroll
    for (int axis = 3; axis > 0; axis--) offset += lengths[axis - 1].divide(i) * strides[axis];
    return offset + i * strides[0];
  }
};
