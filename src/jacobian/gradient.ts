// The gradient of a bilinear form of a Jacobian in the input that it was taken at (docs/theory.md, section 2.3).
import { checkFinite, checkTensor } from "../base/check.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import type { Linearization } from "../device/linearization.js";
import { secondDerivative } from "../device/operator.js";
import { applied } from "./applied.js";

/**
 * ∇_x ⟨v, J(x) u⟩ with u (inShape) and v (outShape) held fixed, of inShape: of sigma it is gradient(J, right, left), with
 * the singular vectors of `spectralNorm`, wherever sigma is a simple singular value.
 * @throws TypeError for an operator of your own, which is its products alone
 * @example
 * const { left, right } = await spectralNorm(linearization);
 * const slope = await gradient(linearization, right, left); // of sigma, in x
 */
export async function gradient(J: Linearization, u: TensorLike, v: TensorLike): Promise<Tensor> {
  return applied(J, async (operator) => {
    const { device, inShape, outShape } = operator;
    const right = checkTensor("u", u, inShape);
    const left = checkTensor("v", v, outShape);
    const lease = device.lease();
    try {
      const tangent = lease.vector(inShape, "a tangent");
      const cotangent = lease.vector(outShape, "a tangent");
      const to = lease.vector(inShape, "a gradient");
      device.write(tangent, right.data);
      device.write(cotangent, left.data);
      await secondDerivative(operator, tangent, cotangent, to);
      const data = await device.read(to);
      checkFinite("the gradient", data, inShape);
      return tensor(data, [...inShape]);
    } finally {
      lease.dispose();
    }
  });
}
