// Certified upper bounds on the largest singular value of attention's Jacobian at its input.
import type { LinearOperator } from "../device/operator.js";
import { applied } from "./applied.js";
import type { LocalBounds } from "./upperBound.js";

/**
 * Certified upper bounds on the largest singular value at x, the smallest and each by its name in docs/theory.md, section
 * 8.3 (and 8.2's aposteriori_repaired for dot-product attention without rotary positions), for the weights and the input
 * as the device holds them. In doubles whatever the dtype: eigenvalues are bounded from above by a Cholesky
 * factorization of μI − A with its backward error added, norms of n×n matrices without negative entries by Collatz and
 * Wielandt's ratios; the rounding of the rest is allowed for by a factor 1 + 1e-10. U_schur, the sharpest, is made in
 * rounds until one gains less than 2 %, in the f64 kernels where there is WebAssembly. What would take seconds is left
 * out and named: U_rowcs and U_concat (n·heads eigenvalue problems of size dValue), T2 and U_joint (n of size
 * min(dOut, heads·dValue)), for which T2_fast then stands in the others, and past some 4e10 multiply-adds U_schur too.
 * @throws RangeError for anything but a linearization of an attention layer
 * @example
 * const { value } = await upperBound(linearization); // the largest singular value is at most this
 */
export async function upperBound(J: LinearOperator): Promise<LocalBounds> {
  return applied(J, async ({ structure }) => {
    const { attention } = structure ?? {};
    if (!attention) {
      throw new RangeError(
        '"J": expected the linearization of an attention layer alone, since what is certified at an input is known for ' +
          "attention only; spectralNorm gives an upper end that holds with a stated probability for any operator",
      );
    }
    const { spec, x } = await attention.read();
    const [{ hostPrimal }, { upperBound: localBoundsOf }] = await Promise.all([
      import("../layers/attention/hostPrimal.js"),
      import("./upperBound.js"),
    ]);
    return localBoundsOf(hostPrimal(spec, x), attention.layer);
  });
}
