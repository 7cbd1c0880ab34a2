/** The memory that holds the packets: what a device sees of the stack's. Offsets of packets are offsets into it. */
export interface PacketMemory {
  readonly buffer: ArrayBuffer;
  /** All of it as octets, and as a DataView. */
  readonly u8: Uint8Array;
  readonly view: DataView;
  /** Sets `n` octets aside for a device, for good, and returns their offset. Only within `attach`. */
  reserve(n: number): number;
}
