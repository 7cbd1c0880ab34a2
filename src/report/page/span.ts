/** The time that all pictures show, and the time under the pointer, in seconds. */
export class Span {
  readonly first: number;
  readonly last: number;
  min: number;
  max: number;
  cursor: number;
  readonly #onRange: (() => void)[] = [];
  readonly #onCursor: (() => void)[] = [];
  #waiting = false;

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last > first ? last : first + 1e-3;
    this.min = this.first;
    this.max = this.last;
    this.cursor = first;
  }

  /** Calls `draw` when another time is shown, once per frame. */
  onRange(draw: () => void): void {
    this.#onRange.push(draw);
  }

  onCursor(draw: () => void): void {
    this.#onCursor.push(draw);
  }

  /** Forgets who listens: everything is made anew. */
  clear(): void {
    this.#onRange.length = 0;
    this.#onCursor.length = 0;
  }

  set(min: number, max: number): void {
    const width = Math.min(Math.max(max - min, 2e-6), this.last - this.first);
    const from = Math.min(Math.max(min, this.first), this.last - width);
    if (from === this.min && from + width === this.max) return;
    this.min = from;
    this.max = from + width;
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      for (const draw of this.#onRange) draw();
    });
  }

  reset(): void {
    this.set(this.first, this.last);
  }

  /** Shows a span with something around it. */
  show(start: number, end: number): void {
    const around = Math.max((end - start) * 0.15, (this.last - this.first) / 200);
    this.set(start - around, end + around);
    this.point((start + end) / 2);
  }

  /** @param factor less than 1: closer */
  zoom(factor: number, at = (this.min + this.max) / 2): void {
    this.set(at - (at - this.min) * factor, at + (this.max - at) * factor);
  }

  /** Moves by a part of the width. */
  pan(part: number): void {
    const by = (this.max - this.min) * part;
    this.set(this.min + by, this.max + by);
  }

  point(time: number): void {
    this.cursor = time;
    for (const draw of this.#onCursor) draw();
  }
}

/** Keys that work anywhere but in a text field; returns what undoes it. */
export function keys(span: Span, more: Readonly<Record<string, () => void>>): () => void {
  const actions: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => span.pan(-0.2),
    ArrowRight: () => span.pan(0.2),
    "+": () => span.zoom(0.5),
    "=": () => span.zoom(0.5),
    "-": () => span.zoom(2),
    "0": () => span.reset(),
    Home: () => span.reset(),
    ...more,
  };
  const listen = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}
