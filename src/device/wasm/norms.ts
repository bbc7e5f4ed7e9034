// What reads the whole Jacobian rather than applying it, loaded when first asked for: a measurement of sigma needs none.
export { hostPrimal } from "../../layers/attention/hostPrimal.js";
export { WasmBlockProducts } from "./blockProducts.js";
export { entrySums } from "./entrySums.js";
