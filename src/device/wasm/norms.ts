// What reads the whole Jacobian rather than applying it, loaded when first asked for: a measurement of sigma needs none.
export { blockNorms } from "../../linearization/blockNorms.js";
export { hostPrimal } from "../../linearization/hostPrimal.js";
export { upperBound } from "../../linearization/upperBound.js";
export { WasmBlockProducts } from "./blockProducts.js";
export { entrySums } from "./entrySums.js";
