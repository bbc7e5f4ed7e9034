// What every function of a Jacobian works on: the operator on its device, or a user's operator on the host; and its rows.
import { wrongKind } from "../base/check.js";
import { type RealArray, sizeOf } from "../base/tensor.js";
import { HostOperator } from "../device/host.js";
import type { DeviceOperator, LinearOperator } from "../device/operator.js";

/** Runs `use` on J, whose memory stays until it is done. */
export async function applied<T>(J: LinearOperator, use: (operator: DeviceOperator) => Promise<T>): Promise<T> {
  if (J === null || typeof J !== "object" || typeof J.jvp !== "function" || typeof J.vjp !== "function") {
    throw wrongKind("J", "a linearization, or an operator { inShape, outShape, jvp, vjp }", J);
  }
  const { onDevice } = J;
  const release = onDevice?.hold();
  try {
    return await use(onDevice?.operator ?? new HostOperator(J));
  } finally {
    release?.();
  }
}

/** Lines that are made at a time, so that a GPU sends them in few submits, and numbers of them. */
const MOST_LINES = 64;
const MOST_NUMBERS = 2 ** 22;

/**
 * Lines [first, end) of the dense Jacobian, one after the other: rows as Jᵀ of unit vectors, or columns as J of them.
 * An array lasts until the next is asked for.
 */
export async function* lines(
  operator: DeviceOperator,
  kind: "rows" | "columns",
  first: number,
  end: number,
): AsyncGenerator<RealArray> {
  const { device, inShape, outShape } = operator;
  const [from, to] = kind === "rows" ? [outShape, inShape] : [inShape, outShape];
  const atOnce = Math.max(1, Math.min(end - first, MOST_LINES, Math.floor(MOST_NUMBERS / sizeOf(to))));
  const unit = new Float64Array(sizeOf(from));
  const lease = device.lease();
  try {
    const what = "rows of the dense Jacobian";
    const units = Array.from({ length: atOnce }, () => lease.vector(from, what));
    const images = units.map(() => lease.vector(to, what));
    for (let line = first; line < end; line += atOnce) {
      const count = Math.min(atOnce, end - line);
      for (let i = 0; i < count; i++) {
        unit[line + i] = 1;
        device.write(units[i], unit);
        unit[line + i] = 0;
        const pending = kind === "rows" ? operator.vjp(units[i], images[i]) : operator.jvp(units[i], images[i]);
        if (pending) await pending;
      }
      yield* await Promise.all(images.slice(0, count).map((image) => device.read(image)));
    }
  } finally {
    lease.dispose();
  }
}
