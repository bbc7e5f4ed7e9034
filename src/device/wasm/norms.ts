// What reads the whole Jacobian rather than applying it, loaded when first asked for: a measurement of sigma needs none.
export { blockNorms } from "../../jacobian/blockNorms.js";
export { hostPrimal } from "../../jacobian/hostPrimal.js";
export { upperBound } from "../../jacobian/upperBound.js";
export { WasmBlockProducts } from "./blockProducts.js";
export { entrySums } from "./entrySums.js";
