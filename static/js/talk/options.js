import { webSocketAddress } from "../common/address.js";
import { isOffered } from "../common/features.js";
import {
  parseSubprotocols,
  subprotocolError,
  subprotocolListError,
} from "../common/subprotocols.js";
import { closeCodeError, closeReasonError, faultQuery } from "./faults.js";
import { ROUTES } from "./routes.js";
import { load, store } from "./storage.js";

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

/** The form of options: the address, the handshake, and the format of messages. */
export class Options {
  #fold;
  #form;
  #panel;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#fold = panel.querySelector("#options");
    this.#form = panel.querySelector("#options-form");
    this.#restore();
  }

  /** @returns {{address: string, protocols: string[], isReply: function}} for a connection */
  get target() {
    const { route, protocols } = this.#form.elements;
    return {
      address: webSocketAddress(route.value + faultQuery(new FormData(this.#form)), location),
      protocols: parseSubprotocols(protocols.value),
      isReply: ROUTES[route.value].isReply,
    };
  }

  /** @returns {"text" | "json" | "binary"} */
  get format() {
    return this.#form.elements.format.value;
  }

  /** @returns {boolean} whether to reconnect after a connection is lost */
  get reconnect() {
    return this.#form.elements.reconnect.checked;
  }

  /** @param {{apply: function(): void}} handlers `apply` when the user wants to use the options */
  listen({ apply }) {
    const update = () => {
      this.#update();
      this.#store();
    };
    this.#form.addEventListener("input", update);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply();
    });
    this.#panel.querySelector("#options-reset").addEventListener("click", () => {
      this.#form.reset();
      update();
    });
    this.#fold.addEventListener("toggle", () => this.#store());
  }

  /** @returns {boolean} whether all fields are valid; if not, the first error is shown */
  check() {
    if (this.#form.checkValidity()) return true;
    this.#fold.open = true; // the browser cannot point at a field that is folded away
    return this.#form.reportValidity();
  }

  #update() {
    this.#enableFields();
    for (const field of this.#fields()) checkField(field);
    this.#showTarget();
  }

  // Fields that do not apply are disabled, and disabled fields are neither checked nor sent.
  // So the query never contains faults that exclude each other.
  #enableFields() {
    const { route, behaviour } = this.#form.elements;
    const canSimulate = route.value === "echo" && isOffered("faults");
    enable(this.#panel.querySelector("#faults"), canSimulate);
    this.#panel.querySelector("#faults-hint").hidden = canSimulate || !isOffered("faults");
    for (const part of this.#form.querySelectorAll("[data-behaviours]")) {
      enable(part, part.dataset.behaviours.split(" ").includes(behaviour.value));
    }
  }

  #showTarget() {
    const { address } = this.target;
    const { pathname, search } = new URL(address);
    const path = pathname.slice(pathname.lastIndexOf("/")) + search;
    const format = this.#form.elements.format.selectedOptions[0].text;
    this.#panel.querySelector("#next-address").textContent = address;
    this.#panel.querySelector("#options-summary").textContent = `${path} · ${format}`;
    this.#panel.querySelector("#message-format").textContent = FORMAT_HINTS[this.format];
  }

  #fields() {
    return [...this.#form.elements].filter((field) => field.name);
  }

  #store() {
    const values = this.#fields().map((field) => [
      field.name,
      field.type === "checkbox" ? field.checked : field.value,
    ]);
    store(STORAGE_KEY, { open: this.#fold.open, fields: Object.fromEntries(values) });
  }

  #restore() {
    const { open = false, fields = {} } = load(STORAGE_KEY);
    for (const field of this.#fields()) restoreField(field, fields?.[field.name]);
    this.#update();
    if (!this.#form.checkValidity()) {
      this.#form.reset();
      this.#update();
    }
    this.#fold.open = open === true;
  }
}

function enable(fieldset, enabled) {
  fieldset.disabled = !enabled;
  fieldset.hidden = !enabled;
}

function checkField(field) {
  field.setCustomValidity(CHECKS[field.name]?.(field.value) ?? "");
  if (field.willValidate && !field.validity.valid) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function restoreField(field, value) {
  if (field.type === "checkbox") field.checked = value === true;
  else if (typeof value === "string") field.value = value;
  if (field.type === "select-one" && field.selectedIndex < 0) field.selectedIndex = 0;
}
