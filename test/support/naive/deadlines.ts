/** Deadlines as a list that is sorted anew each time. The slow twin of `#base/deadlines`. */
export class NaiveDeadlines {
  #list: { id: number; deadline: number }[] = [];

  get size(): number {
    return this.#list.length;
  }

  arm(id: number, deadline: number): void {
    if (deadline === Number.POSITIVE_INFINITY) return;
    const found = this.#list.find((entry) => entry.id === id);
    if (found === undefined) this.#list.push({ id, deadline });
    else found.deadline = Math.min(found.deadline, deadline);
    this.#list.sort((x, y) => x.deadline - y.deadline || x.id - y.id);
  }

  cancel(id: number): void {
    this.#list = this.#list.filter((entry) => entry.id !== id);
  }

  next(): number {
    return this.#list[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  pop(now: number): number {
    const first = this.#list[0];
    if (first === undefined || first.deadline > now) return -1;
    this.#list.shift();
    return first.id;
  }
}
