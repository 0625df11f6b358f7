import { OPTIONS } from "./faults.js";

/**
 * The link to the panel Talk: `to` is the address, the options of /echo have their own names, and
 * `protocols`, `format` and `reconnect` are the other options of the form.
 */
const FORM_OPTIONS = ["protocols", "format", "reconnect"];
const ECHO_OPTIONS = [...OPTIONS, "mute"];

/**
 * @param {URLSearchParams} query of the link
 * @returns {{to: string, fields: Object<string, string>, unknown: string[]}} `to` for the address
 *     field, with the options of /echo in its query; values of other fields; names that no option
 *     has
 */
export function readTalkLink(query) {
  const given = ECHO_OPTIONS.filter((name) => query.has(name));
  const to = query.get("to") ?? (given.length ? "/echo" : "/WS.ashx");
  const echoOptions = to === "/echo" ? given : [];
  const options = FORM_OPTIONS.filter((name) => query.has(name));
  const known = ["to", ...echoOptions, ...options];
  return {
    to: to + queryOf(echoOptions, query),
    fields: Object.fromEntries(options.map((name) => [name, query.get(name)])),
    unknown: [...new Set(query.keys())].filter((name) => !known.includes(name)),
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
