/** Instructions of BPF (RFC 9669), as far as the filter's program needs them. Programs are little-endian, as all machines that Bun runs on. */

/** Registers. R0 has results, R1 to R5 arguments, which calls destroy; R6 to R9 are kept. FP is the end of 512 octets of stack. */
export const [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const;

/** Sizes of loads and stores (RFC 9669 §5). */
export const [U32, U16, U8, U64] = [0x00, 0x08, 0x10, 0x18] as const;

const [LD, LDX, STX, ALU, JMP, ALU64] = [0x00, 0x01, 0x03, 0x04, 0x05, 0x07] as const;
const IMM64 = 0x18;
const MEM = 0x60;
const ATOMIC = 0xc0;
/** The operand is a register. */
const X = 0x08;
const END = 0xd0;
/** The source register of a 64-bit immediate: it is the address of a value of a map. */
const MAP_VALUE = 2;

const ARITHMETIC = { add: 0x00, mul: 0x20, or: 0x40, and: 0x50, lsh: 0x60, rsh: 0x70, xor: 0xa0, mov: 0xb0 } as const;
const CONDITIONS = { "==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "<": 0xa0 } as const;

export type Operation = keyof typeof ARITHMETIC;
export type Condition = keyof typeof CONDITIONS;

/** A register as the second operand; a number is an immediate. */
export interface Register {
  readonly register: number;
}

export const reg = (register: number): Register => ({ register });

export class Assembler {
  readonly #code: { opcode: number; registers: number; offset: number; immediate: number }[] = [];
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly at: number; readonly label: string }[] = [];

  /** 64-bit arithmetic. */
  op64(operation: Operation, to: number, operand: number | Register): void {
    this.#arithmetic(ALU64, operation, to, operand);
  }

  /** 32-bit arithmetic: the upper half of the register becomes 0. */
  op32(operation: Operation, to: number, operand: number | Register): void {
    this.#arithmetic(ALU, operation, to, operand);
  }

  /** Converts the last 16 or 32 bits of a register from network order. */
  fromNetwork(to: number, bits: 16 | 32): void {
    this.#emit(ALU | END | X, to, 0, 0, bits);
  }

  load(size: number, to: number, base: number, offset: number): void {
    this.#emit(LDX | MEM | size, to, base, offset, 0);
  }

  store(size: number, base: number, offset: number, from: number): void {
    this.#emit(STX | MEM | size, base, from, offset, 0);
  }

  /** Adds to 32 bits of memory, atomically. */
  atomicAdd(base: number, offset: number, from: number): void {
    this.#emit(STX | ATOMIC | U32, base, from, offset, 0);
  }

  /** The address of the first value of a map, given by its descriptor. */
  mapValue(to: number, map: number): void {
    this.#emit(LD | IMM64, to, MAP_VALUE, 0, map);
    this.#emit(0, 0, 0, 0, 0);
  }

  /** Calls a function of the kernel (BPF_FUNC_*). */
  call(helper: number): void {
    this.#emit(JMP | 0x80, 0, 0, 0, helper);
  }

  exit(): void {
    this.#emit(JMP | 0x90, 0, 0, 0, 0);
  }

  /** Where jumps to this label lead. */
  label(name: string): void {
    this.#labels.set(name, this.#code.length);
  }

  jump(label: string): void {
    this.#jumps.push({ at: this.#code.length, label });
    this.#emit(JMP, 0, 0, 0, 0);
  }

  /** Jumps if the 64-bit, unsigned comparison is true; "&": if they have a bit in common. */
  jumpIf(left: number, condition: Condition, right: number | Register, label: string): void {
    this.#jumps.push({ at: this.#code.length, label });
    const opcode = JMP | CONDITIONS[condition];
    if (typeof right === "number") this.#emit(opcode, left, 0, 0, right);
    else this.#emit(opcode | X, left, right.register, 0, 0);
  }

  encode(): Uint8Array {
    for (const { at, label } of this.#jumps) this.#code[at]!.offset = this.#labels.get(label)! - at - 1;
    const bytes = new DataView(new ArrayBuffer(this.#code.length * 8));
    this.#code.forEach(({ opcode, registers, offset, immediate }, i) => {
      bytes.setUint8(i * 8, opcode);
      bytes.setUint8(i * 8 + 1, registers);
      bytes.setInt16(i * 8 + 2, offset, true);
      bytes.setInt32(i * 8 + 4, immediate, true);
    });
    return new Uint8Array(bytes.buffer);
  }

  #arithmetic(kind: number, operation: Operation, to: number, operand: number | Register): void {
    const opcode = kind | ARITHMETIC[operation];
    if (typeof operand === "number") this.#emit(opcode, to, 0, 0, operand);
    else this.#emit(opcode | X, to, operand.register, 0, 0);
  }

  #emit(opcode: number, to: number, from: number, offset: number, immediate: number): void {
    this.#code.push({ opcode, registers: (from << 4) | to, offset, immediate });
  }
}
