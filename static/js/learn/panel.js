import { Drawing } from "../common/drawing.js";
import { ClientCode } from "./client-code.js";
import { Glossary } from "./glossary.js";
import { Tour } from "./tour.js";

/**
 * Start the panel Learn: a tour through the visitor's own connection, client code, and a glossary.
 *
 * @param {HTMLElement} panel
 * @param {import("../talk/summary.js").Summary} talk what Talk tells
 * @returns {function(URLSearchParams): void} takes the query of the panel's link
 */
export function startLearn(panel, talk) {
  const tour = new Tour(panel, talk);
  const code = new ClientCode(panel, talk);
  const glossary = new Glossary(panel);
  const drawing = new Drawing();
  const update = () => tour.update();
  talk.listen(() => {
    if (!panel.hidden) drawing.inFrame(update);
  });
  return (query) => {
    tour.visit();
    code.show();
    glossary.follow(query);
  };
}
