import { unknownOptions } from "../common/link-problems.js";
import { OPTIONS } from "./faults.js";

/**
 * The link to the panel Talk: `to` is the address, the options of /echo have their own names, and
 * `protocols`, `format` and `reconnect` are the other options of the form.
 */
const FORM_OPTIONS = ["protocols", "format", "reconnect"];
const ECHO_OPTIONS = [...OPTIONS, "mute"];

/**
 * @param {URLSearchParams} query of the link
 * @returns {{to: string, fields: Object<string, string>, problems: string[]}} `to` for the address
 *     field, with the options of /echo in its query; values of other fields; a sentence for each
 *     option that is ignored
 */
export function readTalkLink(query) {
  const given = ECHO_OPTIONS.filter((name) => query.has(name));
  const to = query.get("to") ?? (given.length ? "/echo" : "/WS.ashx");
  const isEcho = to === "/echo";
  const options = FORM_OPTIONS.filter((name) => query.has(name));
  const known = ["to", ...FORM_OPTIONS, ...(isEcho ? ECHO_OPTIONS : [])];
  return {
    to: isEcho ? to + queryOf(given, query) : to,
    fields: Object.fromEntries(options.map((name) => [name, query.get(name)])),
    problems: unknownOptions(query, known),
  };
}

function queryOf(names, query) {
  const parts = names.map((name) =>
    (query.get(name) ? `${name}=${encodeURIComponent(query.get(name))}` : name));
  return parts.length ? `?${parts.join("&")}` : "";
}

/**
 * @param {string} to from the address field, in its shortest form
 * @param {{protocols: string, format: string, reconnect: boolean}} fields
 * @returns {Object<string, string>} for `writeLink`; empty if all is as at first
 */
export function talkLink(to, { protocols, format, reconnect }) {
  const [path, query] = to.startsWith("/echo?") ? ["/echo", to.slice("/echo?".length)] : [to, ""];
  return {
    ...(to === "/WS.ashx" ? {} : { to: path }),
    ...Object.fromEntries(new URLSearchParams(query)),
    ...(protocols ? { protocols } : {}),
    ...(format === "text" ? {} : { format }),
    ...(reconnect ? { reconnect: "" } : {}),
  };
}
