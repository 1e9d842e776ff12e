// What generated kernels begin with: where the operands of each element of the result lie.

// A result's axes, the last three with their lengths, and where N operands lie over all four.
template <int N> struct Walk {
  u32 count, lengths[3];
  struct {
    u32 start, strides[4];
  } operands[N];

  INLINE_MEMBER u32 at(u32 operand, u32 i) const {
    u32 offset = operands[operand].start + i % lengths[2] * operands[operand].strides[3];
    i /= lengths[2];
    offset += i % lengths[1] * operands[operand].strides[2];
    i /= lengths[1];
    return offset + i % lengths[0] * operands[operand].strides[1] + i / lengths[0] * operands[operand].strides[0];
  }
};
