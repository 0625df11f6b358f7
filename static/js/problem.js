/** Show the lines to paste on an error page as Diagnose does: a tab for each product, and Copy. */

import { cureElements } from "./common/cures.js";

const list = document.querySelector("#cures");
const cures = [...list.querySelectorAll("h3")].map((product) =>
  [product.textContent, product.nextElementSibling.textContent]);
list.replaceChildren(...cureElements(Object.fromEntries(cures)));
