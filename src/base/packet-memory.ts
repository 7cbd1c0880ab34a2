/** The memory that holds the packets: what a device sees of the stack's. Offsets of packets are offsets into it. */
export interface PacketMemory {
  /** The memory itself. */
  readonly buffer: ArrayBuffer;
  /** All of it as octets. */
  readonly u8: Uint8Array;
  /** All of it as a DataView, which reads and writes network order by default. */
  readonly view: DataView;
  /** Sets `n` octets aside for a device, for good, and returns their offset. Only within `attach`. */
  reserve(n: number): number;
}
