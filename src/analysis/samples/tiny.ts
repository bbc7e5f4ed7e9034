// The checkpoint that comes with the package: a small GPT-2, trained by training/ in this repository.

/** What it is called where a model is named. */
export const tinyModel = "tiny";

/** Where it lies in the package. */
export const tinyPath = "models/tiny";
