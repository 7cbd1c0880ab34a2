/**
 * The maximum over a window of time in constant memory (Kathleen Nichols, "Running windowed min/max", as Linux' win_minmax): the largest value,
 * the largest after it and the largest after that, six places of an array: times and values by turns.
 */
export const MAX_PLACES = 6;

/** Begins anew with one value. */
export function resetMax(s: Float64Array, at: number, time: number, value: number): void {
  put(s, at, time, value);
  put(s, at + 2, time, value);
  put(s, at + 4, time, value);
}

/** Takes a value; the maximum is then at `at + 1`. */
export function takeMax(s: Float64Array, at: number, window: number, time: number, value: number): void {
  if (value >= s[at + 1]! || time - s[at + 4]! > window) {
    resetMax(s, at, time, value);
    return;
  }
  if (value >= s[at + 3]!) {
    put(s, at + 2, time, value);
    put(s, at + 4, time, value);
  } else if (value >= s[at + 5]!) put(s, at + 4, time, value);
  age(s, at, window, time, value);
}

/** The maximum leaves the window; or a second and a third best are wanted, in case that it does. */
function age(s: Float64Array, at: number, window: number, time: number, value: number): void {
  const passed = time - s[at]!;
  if (passed > window) {
    shift(s, at, time, value);
    if (time - s[at]! > window) shift(s, at, time, value);
  } else if (s[at + 2] === s[at] && passed > Math.floor(window / 4)) {
    put(s, at + 2, time, value);
    put(s, at + 4, time, value);
  } else if (s[at + 4] === s[at + 2] && passed > window >> 1) put(s, at + 4, time, value);
}

function shift(s: Float64Array, at: number, time: number, value: number): void {
  s.copyWithin(at, at + 2, at + MAX_PLACES);
  put(s, at + 4, time, value);
}

function put(s: Float64Array, at: number, time: number, value: number): void {
  s[at] = time;
  s[at + 1] = value;
}
