import { webSocketAddress } from "../common/address.js";
import { shortAddress } from "../common/entered-address.js";
import { isOffered } from "../common/features.js";
import {
  parseSubprotocols,
  subprotocolError,
  subprotocolListError,
} from "../common/subprotocols.js";
import { AddressField } from "./address-field.js";
import {
  closeCodeError,
  closeReasonError,
  faultFields,
  faultQuery,
  isSameQuery,
  OPTIONS,
} from "./faults.js";
import { readTalkLink, talkLink } from "./link.js";
import { repliesOf, routeOf } from "./routes.js";
import { load, store } from "./storage.js";

const NARROW = window.matchMedia("(max-width: 40rem)"); // where talk.css puts all in one column
const STORAGE_KEY = "websockets-demo.talk";

// Added to the label of the text box.
const FORMAT_HINTS = { text: "", json: "(JSON)", binary: "(hex bytes)" };

// Checks that no attribute of a field can express.
const CHECKS = {
  close: closeCodeError,
  reason: closeReasonError,
  protocols: subprotocolListError,
  subprotocol: subprotocolError,
};
// The address follows from these, if it is one of the service.
const ADDRESS_FIELDS = ["route", "behaviour", ...OPTIONS];

/**
 * The form of options: the address, the handshake, and the format of messages.
 *
 * The address field has the whole truth about the address. The fields below it show it in parts,
 * and change it.
 */
export class Options {
  #panel;
  #fold;
  #form;
  #field;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#fold = panel.querySelector("#options");
    this.#form = panel.querySelector("#options-form");
    this.#field = new AddressField(panel);
    this.#restore();
  }

  /**
   * @returns {object | null} for a connection: `address`; `foreign` and `path` as in
   *     entered-address.js; `protocols`; `isReply` and `isSure` as in routes.js; null while the
   *     address is invalid
   */
  get target() {
    const { address } = this.#field;
    if (!address) return null;
    const protocols = parseSubprotocols(this.#elements.protocols.value);
    const { href, foreign, path } = address;
    return { address: href, foreign, path, protocols, ...repliesOf(address) };
  }

  /** @returns {"text" | "json" | "binary"} */
  get format() {
    return this.#elements.format.value;
  }

  /** @returns {boolean} whether to reconnect after a connection is lost */
  get reconnect() {
    return this.#elements.reconnect.checked;
  }

  /** @returns {Object<string, string>} the configuration, for the link of the panel */
  get link() {
    const { protocols, format, reconnect } = this.#elements;
    const { address } = this.#field;
    const to = address ? shortAddress(address) : this.#field.text;
    return talkLink(to, {
      protocols: protocols.value, format: format.value, reconnect: reconnect.checked,
    });
  }

  /**
   * @param {object} handlers
   * @param {function(): void} handlers.apply called when the user wants to use the options
   * @param {function(): void} handlers.changed called after each change
   */
  listen({ apply, changed }) {
    const update = ({ target }) => {
      this.#update(target.name);
      this.#store();
      changed();
    };
    for (const type of ["input", "change"]) this.#form.addEventListener(type, update);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.check()) apply();
    });
    this.#panel.querySelector("#options-reset").addEventListener("click", () => {
      this.#reset();
      this.#store();
      changed();
    });
    this.#fold.addEventListener("toggle", () => this.#store());
  }

  /** @returns {boolean} whether all fields are valid; if not, the first error is shown */
  check() {
    if (this.#form.checkValidity()) return true;
    // The browser cannot point at a field that is folded away.
    if (!this.#form.querySelector(".bar :invalid")) this.#fold.open = true;
    return this.#form.reportValidity();
  }

  /** On a phone, fold all but the address away: the options fill the screen, below the state. */
  makeRoom() {
    if (!NARROW.matches) return;
    // The focus must not get lost with a field.
    if (this.#fold.contains(document.activeElement)) this.#fold.querySelector("summary").focus();
    this.#fold.open = false;
  }

  /**
   * Fill in the form from a link, whatever it had before.
   *
   * @param {URLSearchParams} query
   * @returns {string[]} a sentence for each option of the link that is ignored
   */
  fill(query) {
    const { to, fields, problems } = readTalkLink(query);
    this.#reset();
    for (const [name, value] of Object.entries(fields)) {
      restoreField(this.#elements[name], name === "reconnect" ? value !== "false" : value);
    }
    this.#setAddress(to);
    return problems;
  }

  get #elements() {
    return this.#form.elements;
  }

  #setAddress(text) {
    this.#field.text = text;
    const { address } = this.#field;
    if (address) this.#field.text = address.href;
    this.#update("to");
  }

  #update(changed) {
    if (changed === "to") this.#showAddress();
    this.#enableFields();
    if (ADDRESS_FIELDS.includes(changed)) this.#writeAddress();
    this.#field.check();
    for (const field of this.#fields()) checkField(field);
    this.#showSummary();
  }

  #writeAddress() {
    const { route } = this.#elements;
    const query = faultQuery(new FormData(this.#form));
    if (route.value) this.#field.text = webSocketAddress(route.value + query, window.location);
  }

  // A query that the fields cannot show stays as the user wrote it.
  #showAddress() {
    const { address } = this.#field;
    const { route } = this.#elements;
    route.value = address ? routeOf(address) : "";
    this.#fillFaults(address && route.value === "echo" ? address.query : "");
    this.#enableFields();
    const shown = route.value === "echo" ? faultQuery(new FormData(this.#form)) : "";
    if (address && route.value && !isSameQuery(shown, address.query)) route.value = "";
  }

  #fillFaults(query) {
    const values = faultFields(query);
    for (const name of ["behaviour", ...OPTIONS]) {
      const field = this.#elements[name];
      if (field.type === "checkbox") field.checked = values[name] === field.value;
      else field.value = values[name] ?? field.defaultValue ?? "";
    }
  }

  // Fields that do not apply are disabled, and disabled fields are neither checked nor sent.
  // So the query never contains faults that exclude each other.
  #enableFields() {
    const { route, behaviour } = this.#elements;
    const canSimulate = route.value === "echo" && isOffered("faults");
    enable(this.#panel.querySelector("#faults"), canSimulate);
    this.#panel.querySelector("#faults-hint").hidden = canSimulate || !isOffered("faults");
    for (const part of this.#form.querySelectorAll("[data-behaviours]")) {
      enable(part, part.dataset.behaviours.split(" ").includes(behaviour.value));
    }
  }

  #showSummary() {
    const { format, protocols } = this.#elements;
    const { address } = this.#field;
    const faults = address?.path === "echo" ? address.query.slice(1) : "";
    const parts = [format.selectedOptions[0].text, protocols.value.trim(), faults];
    this.#panel.querySelector("#options-summary").textContent = parts.filter(Boolean).join(" · ");
    this.#panel.querySelector("#message-format").textContent = FORMAT_HINTS[this.format];
  }

  #fields() {
    return [...this.#elements].filter((field) => field.name);
  }

  #reset() {
    this.#form.reset();
    this.#enableFields();
    this.#update("route");
  }

  #store() {
    const values = this.#fields().map((field) => [
      field.name,
      field.type === "checkbox" ? field.checked : field.value,
    ]);
    const { address } = this.#field;
    const to = address ? shortAddress(address) : this.#field.text;
    const fields = { ...Object.fromEntries(values), to };
    store(STORAGE_KEY, { open: this.#fold.open, fields });
  }

  #restore() {
    const { open = false, fields = {} } = load(STORAGE_KEY);
    for (const field of this.#fields()) restoreField(field, fields?.[field.name]);
    this.#update("route");
    if (typeof fields?.to === "string") this.#setAddress(fields.to);
    if (!this.#form.checkValidity()) this.#reset();
    this.#fold.open = open === true;
  }
}

function enable(fieldset, enabled) {
  fieldset.disabled = !enabled;
  fieldset.hidden = !enabled;
}

function checkField(field) {
  if (field.name !== "to") field.setCustomValidity(CHECKS[field.name]?.(field.value) ?? "");
  if (field.willValidate && !field.validity.valid) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function restoreField(field, value) {
  if (field.type === "checkbox") field.checked = value === true;
  else if (typeof value === "string") field.value = value;
  if (field.type === "select-one" && field.selectedIndex < 0) field.selectedIndex = 0;
}
